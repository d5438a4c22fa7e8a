"""Mean squared error."""

from __future__ import annotations

import numpy as np

from ..core.images import Image
from ..metrics import frames
from .base import TruthMetric
from .inputs import check_pair

_WHITE = 255


def mse(output: Image, truth: Image) -> float:
    """Return the mean squared error of two images with values from 0 to 1; lower is better.

    Args:
        output: uint8 (height, width, 3).
        truth: The same shape.

    Returns:
        From 0 to 1; 0 for identical images.

    Raises:
        TpgbenchError: Wrong type or shape, or two sizes.
    """
    check_pair(output, truth)
    difference = output.astype(np.int32) - truth
    return int(np.square(difference).sum(dtype=np.int64)) / output.size / _WHITE**2


class MSEMetric(TruthMetric):
    """`mse` of the output and the ground truth; PSNR says the same on a better scale.

    ``mse@hrvton`` is part of the preset `hrvton`.

    Pitfalls:
        - A few bad images dominate the mean; PSNR's mean weighs them less.
    """

    name = "mse"
    higher_is_better = False
    tasks = frozenset({"tpg", "mannequin"})
    range = (0.0, 1.0)
    variants = ("plain", "hrvton")
    min_side = 1
    source = "HR-VITON: Lee, Gu, Park, Choi and Choo, ECCV 2022"

    def settings(self) -> dict[str, str]:
        """Return the range and the frame."""
        frame = {"frame": "hrvton"} if self.variant == "hrvton" else {}
        return {"range": "1", "pool": "per-image", **frame}

    def frame(self, output: Image, truth: Image) -> tuple[Image, Image]:
        """Return both in HR-VITON's frame, if that is the variant."""
        return frames.hrvton(output, truth) if self.variant == "hrvton" else (output, truth)

    def measure(self, output: Image, truth: Image) -> float:
        """Return the error, after the frame of a preset."""
        return mse(*self.frame(output, truth))
