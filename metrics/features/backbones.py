"""Which files the networks of LPIPS are made of; importing it imports no torch."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

from ...core.errors import TpgbenchError
from ...core.files import known_sha256
from ...core.weights import WeightFile

_OWNER = "https://download.pytorch.org/models"
_LICENCE = "BSD-3-Clause"


@dataclass(frozen=True)
class Backbone:
    """One of the three networks.

    Attributes:
        model: torchvision's name of it.
        weights: torchvision's published file.
        taps: The feature layers, by index, whose outputs LPIPS compares.
    """

    model: str
    weights: WeightFile
    taps: tuple[int, ...]


# torchvision publishes the first eight digits of each hash, in the file's name; the rest is what
# those files have.
BACKBONES = {
    "alex": Backbone(
        model="alexnet",
        weights=WeightFile(
            name="alexnet-owt-7be5be79.pth",
            url=f"{_OWNER}/alexnet-owt-7be5be79.pth",
            sha256="7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02",
            licence=_LICENCE,
        ),
        taps=(1, 4, 7, 9, 11),
    ),
    "vgg": Backbone(
        model="vgg16",
        weights=WeightFile(
            name="vgg16-397923af.pth",
            url=f"{_OWNER}/vgg16-397923af.pth",
            sha256="397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0",
            licence=_LICENCE,
        ),
        taps=(3, 8, 15, 22, 29),
    ),
    "squeeze": Backbone(
        model="squeezenet1_1",
        weights=WeightFile(
            name="squeezenet1_1-b8a52dc0.pth",
            url=f"{_OWNER}/squeezenet1_1-b8a52dc0.pth",
            sha256="b8a52dc049b60e4b6ab68ad0df457362afab8b6304b2febdc1650a5dab4d7e7b",
            licence=_LICENCE,
        ),
        taps=(1, 4, 7, 9, 10, 11, 12),
    ),
}


def heads_file(name: str) -> Path:
    """Return the file of a network's calibrated heads, which the lpips package brings.

    Args:
        name: ``"alex"``, ``"vgg"`` or ``"squeeze"``.

    Raises:
        TpgbenchError: The package is not installed.
    """
    package = importlib.util.find_spec("lpips")
    if package is None or package.origin is None:
        raise TpgbenchError("the heads of LPIPS are in the package lpips: pip install lpips")
    return Path(package.origin).parent / "weights" / "v0.1" / f"{name}.pth"


def heads_label(name: str) -> str:
    """Return a network's heads for recipes, with the hash of their file: ``"0.1-1a2b3c4d"``.

    Raises:
        TpgbenchError: As `heads_file`.
    """
    return f"0.1-{known_sha256(heads_file(name))[:8]}"
