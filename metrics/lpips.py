"""Learned perceptual image patch similarity."""

from __future__ import annotations

import math
from pathlib import Path

from ..core.images import Image
from ..core.weights import get_weights, weights_hash
from ..metrics import frames
from .base import TruthMetric
from .features.backbones import BACKBONES, heads_label
from .inputs import check_pair

MIN_SIDE = 32  # below it a pooling layer of some backbone has nothing left


def lpips(output: Image, truth: Image, net: str = "alex", *, folder: Path | None = None) -> float:
    """Return the learned perceptual distance of two images; lower is better.

    Both images pass a network trained on ImageNet. At each of several layers the feature vectors
    are brought to length one, and their squared differences, weighted by channel as learned from
    people's judgements, are averaged over the image; the distance is the sum over the layers.

    Args:
        output: uint8 (height, width, 3), each side at least 32 px.
        truth: The same shape.
        net: ``"alex"`` (the authors' choice for measuring), ``"vgg"`` or ``"squeeze"``.
        folder: Where to look for the network's weights first.

    Returns:
        At least 0, in practice below about 1; 0 for identical images.

    Raises:
        TpgbenchError: Wrong type or shape, two sizes, a side below 32 px, or no weights.
    """
    from .features.perceptual import load_network

    check_pair(output, truth, min_side=MIN_SIDE)
    return load_network(net, folder).distance([output], [truth])[0]


class LPIPSMetric(TruthMetric):
    """`lpips` of the output and the ground truth, by the network that the variant names.

    Pitfalls:
        - The three networks give three different numbers: name the one.
        - It depends on the resolution, and libraries resize differently: compare equal sizes.
        - It forgives small shifts, not another phase of a repeat.
    """

    name = "lpips"
    higher_is_better = False
    tasks = frozenset({"tpg", "mannequin"})
    range = (0.0, math.inf)
    variants = ("alex", "vgg", "squeeze", "ladi", "catvton", "hrvton")
    variant_argument = "net"
    min_side = MIN_SIDE
    weights = tuple(backbone.weights for backbone in BACKBONES.values())
    source = "Zhang, Isola, Efros, Shechtman and Wang, CVPR 2018; heads: lpips 0.1"

    @property
    def net(self) -> str:
        """The network."""
        return {"ladi": "alex", "catvton": "squeeze", "hrvton": "alex"}.get(
            self.variant or "", self.variant or "alex"
        )

    def load(self) -> None:
        """Load the network.

        Raises:
            TpgbenchError: Its weights are unavailable.
        """
        # Without torch, which a run may not need.
        get_weights(BACKBONES[self.net].weights, self.folder)
        from .features.perceptual import load_network

        load_network(self.net, self.folder)

    def settings(self) -> dict[str, str]:
        """Return the network, its weights' hash, and that of the heads."""
        settings = {
            "net": self.net,
            "weights": weights_hash(BACKBONES[self.net].weights, self.folder),
            "heads": heads_label(self.net),
            "pool": "per-image",
        }
        if self.variant in _FRAMES:
            settings["frame"] = self.variant
        return settings

    def frame(self, output: Image, truth: Image) -> tuple[Image, Image]:
        """Return both in the frame of a preset, if it is one's variant."""
        found = _FRAMES.get(self.variant or "")
        return (output, truth) if found is None else found(output, truth)

    def measure(self, output: Image, truth: Image) -> float:
        """Return the distance, after the frame of a preset."""
        return lpips(*self.frame(output, truth), self.net, folder=self.folder)


_FRAMES = {"ladi": frames.ladi, "catvton": frames.catvton, "hrvton": frames.hrvton_small}
