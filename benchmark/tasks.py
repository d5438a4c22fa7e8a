"""The tasks, with the dataset and the metrics that each uses by default."""

from __future__ import annotations

from dataclasses import dataclass

from ..core.errors import UnknownNameError
from ..datasets_builders.base import FITS


@dataclass(frozen=True)
class Task:
    """A generation task.

    Attributes:
        name: ``"tpg"`` or ``"mannequin"``.
        title: One line.
        dataset: The embedded default dataset.
        metrics: The default metrics, in the order of the report; the first is the headline.
        fits: The ways to bring its photos into the frame of comparison.
    """

    name: str
    title: str
    dataset: str
    metrics: tuple[str, ...]
    fits: tuple[str, ...] = FITS


_TASKS = {
    "tpg": Task(
        name="tpg",
        title="textile pattern generation: garment photo and mask in, flat pattern out",
        dataset="ctp-synth",
        metrics=(
            "ssim",
            "psnr",
            "ssim_shift",
            "psnr_shift",
            "lpips",
            "fid",
            "kid",
            "tileability",
            "tileability@seam",  # needs no truth: what a folder of own photos is left with
            "repeat",
            "palette",
            "cts",
            "lpips_garment",
            "retrieval",
            "retrieval_colour",
        ),
    ),
    "mannequin": Task(
        name="mannequin",
        title="fashion mannequin generation: caption (and condition) in, photo out",
        dataset="mannequin-synth",
        metrics=(
            "fid",
            "kid",
            "is",
            "clip_score",
            "psnr",  # this and what follows: where a condition determines the photo
            "ssim",
            "lpips",
            "texture_band",
            "texture_band@lack",
            "texture_band@excess",
        ),
        fits=("pad", "stretch"),
    ),
}


def get_task(name: str) -> Task:
    """Return a task.

    Raises:
        UnknownNameError: No such task.
    """
    if name not in _TASKS:
        raise UnknownNameError("task", name, _TASKS)
    return _TASKS[name]
