"""PSNR and SSIM that forgive a translation.

A textile pattern is defined only up to a translation, and the plain measures penalise a right
answer at another phase. These are reported in addition to the plain ones, never instead of them.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import scipy.ndimage

from ..core.images import Image
from .base import TruthMetric
from .correlation import normalised_correlation
from .inputs import check_pair
from .psnr import PSNRMetric, psnr
from .ssim import SSIMMetric, ssim

PEAKS = 3
REACH = 4  # a shift is at most 1/REACH of the side
MIN_SIDE = 14  # the shortest side whose smallest overlap still holds an SSIM window


def likely_shifts(output: Image, truth: Image) -> list[tuple[int, int]]:
    """Return no shift and the best three others by normalised cross-correlation.

    Args:
        output: uint8 (height, width, 3).
        truth: The same shape.

    Returns:
        (0, 0), then up to three distinct local maxima (dy, dx) with a positive correlation, best
        first, each within a quarter of the side: pixel (y, x) of the output lies on
        (y + dy, x + dx) of the ground truth.
    """
    reach = (output.shape[0] // REACH, output.shape[1] // REACH)
    # Rounded, so that the equal peaks of a periodic pattern are equal, and the nearest is taken.
    correlation = normalised_correlation(output, truth, reach).round(6)
    peaks = correlation == scipy.ndimage.maximum_filter(correlation, size=3, mode="nearest")
    peaks &= correlation > 0
    peaks[reach] = False
    rows, columns = np.nonzero(peaks)
    down, right = rows - reach[0], columns - reach[1]
    order = np.lexsort((right, down, down**2 + right**2, -correlation[rows, columns]))[:PEAKS]
    return [(0, 0), *((int(down[index]), int(right[index])) for index in order)]


def psnr_shift(output: Image, truth: Image) -> float:
    """Return the best `psnr` over the overlaps of `likely_shifts`, in dB; higher is better.

    Args:
        output: uint8 (height, width, 3).
        truth: The same shape.

    Returns:
        At least the plain PSNR; infinity where an overlap is identical.

    Raises:
        TpgbenchError: Wrong type or shape, or two sizes.
    """
    check_pair(output, truth)
    return _best(psnr, output, truth)


def ssim_shift(output: Image, truth: Image) -> float:
    """Return the best `ssim` over the overlaps of `likely_shifts`; higher is better.

    Args:
        output: uint8 (height, width, 3), each side at least 14 px.
        truth: The same shape.

    Returns:
        At least the plain SSIM, at most 1.

    Raises:
        TpgbenchError: Wrong type or shape, two sizes, or a side below 14 px.
    """
    check_pair(output, truth, min_side=MIN_SIDE)
    return _best(ssim, output, truth)


def _best(measure: Callable[[Image, Image], float], output: Image, truth: Image) -> float:
    height, width = output.shape[:2]
    return max(
        measure(
            output[max(0, -down) : height - max(0, down), max(0, -right) : width - max(0, right)],
            truth[max(0, down) : height + min(0, down), max(0, right) : width + min(0, right)],
        )
        for down, right in likely_shifts(output, truth)
    )


_SETTINGS = {"peaks": str(PEAKS), "reach": f"1/{REACH}", "overlap": "no-wrap"}


class PSNRShiftMetric(TruthMetric):
    """`psnr_shift` of the output and the ground truth.

    Pitfalls:
        - Only overlaps of at least three quarters of each side are tried, and no rotation or
          scale.
        - It is never below `psnr`: compare it with itself alone.
    """

    name = "psnr_shift"
    higher_is_better = True
    tasks = frozenset({"tpg"})
    range = PSNRMetric.range
    unit = PSNRMetric.unit
    min_side = 1
    source = PSNRMetric.source

    def settings(self) -> dict[str, str]:
        """Return those of PSNR and of the search."""
        return PSNRMetric().settings() | _SETTINGS

    def measure(self, output: Image, truth: Image) -> float:
        """Return the best PSNR in dB."""
        return psnr_shift(output, truth)


class SSIMShiftMetric(TruthMetric):
    """`ssim_shift` of the output and the ground truth.

    Pitfalls:
        - Only overlaps of at least three quarters of each side are tried, and no rotation or
          scale.
        - It is never below `ssim`: compare it with itself alone.
    """

    name = "ssim_shift"
    higher_is_better = True
    tasks = frozenset({"tpg"})
    range = SSIMMetric.range
    min_side = MIN_SIDE
    source = SSIMMetric.source

    def settings(self) -> dict[str, str]:
        """Return those of SSIM and of the search."""
        return SSIMMetric().settings() | _SETTINGS

    def measure(self, output: Image, truth: Image) -> float:
        """Return the best SSIM."""
        return ssim_shift(output, truth)
