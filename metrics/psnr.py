"""Peak signal-to-noise ratio."""

from __future__ import annotations

import math

import numpy as np

from ..core.images import Image
from .base import TruthMetric
from .inputs import check_pair

DATA_RANGE = 255


def psnr(output: Image, truth: Image) -> float:
    """Return the peak signal-to-noise ratio of two images in decibels; higher is better.

    The squared errors are summed as integers, so the value is exact up to the final division
    and logarithm.

    Args:
        output: uint8 (height, width, 3).
        truth: The same shape.

    Returns:
        At least 0; infinity for identical images.

    Raises:
        TpgbenchError: Wrong type or shape, or two sizes.
    """
    check_pair(output, truth)
    difference = output.astype(np.int32) - truth
    squared_error = int(np.square(difference).sum(dtype=np.int64))
    if squared_error == 0:
        return math.inf
    return float(10 * np.log10(DATA_RANGE**2 / (squared_error / output.size)))


class PSNRMetric(TruthMetric):
    """`psnr` of the output and the ground truth.

    Identical pairs are counted separately and not averaged.

    Pitfalls:
        - A right pattern at another phase is penalised as if it were wrong: read `psnr_shift`
          as well.
        - Libraries pool differently: a PSNR of the pooled error of all images is another, lower
          number.
    """

    name = "psnr"
    higher_is_better = True
    tasks = frozenset({"tpg", "mannequin"})
    range = (0.0, math.inf)
    unit = "dB"
    min_side = 1
    source = "Huynh-Thu and Ghanbari, Electronics Letters 44(13), 2008"

    def settings(self) -> dict[str, str]:
        """Return the data range and how samples are pooled."""
        return {"range": str(DATA_RANGE), "pool": "per-image"}

    def measure(self, output: Image, truth: Image) -> float:
        """Return the PSNR in dB."""
        return psnr(output, truth)
