"""Texture by scale and direction: whether an image has the detail that the ground truth has."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ..core.images import Image
from .base import TruthMetric
from .inputs import check_pair

SCALES = (1, 2, 4)  # pixels
FLOOR = 1.0  # in grey levels: what is below cannot be seen, and its ratio says nothing
_MIN_SIDE = 4 * SCALES[-1]

Floats = NDArray[np.float64]

_PARTS: dict[str, Callable[[Floats], Floats]] = {
    "error": np.abs,
    "lack": lambda ratios: np.maximum(-ratios, 0),
    "excess": lambda ratios: np.maximum(ratios, 0),
}


def texture_band(output: Image, truth: Image, part: str = "error") -> float:
    """Return how far an image's texture energies are from the ground truth's; lower is better.

    A band holds the luminance's differences across edges of one of three directions (along x,
    along y, diagonal) between neighbouring squares of 1, 2 or 4 pixels, at all positions: the
    Haar wavelet's details, undecimated. Its energy is their root mean square. The result is the
    mean over the nine bands of the base-2 logarithm of the energies' ratio, taken absolutely; one
    grey level is added to every energy.

    It does not see where the texture lies, and so forgives a shift that PSNR and SSIM penalise.

    Args:
        output: uint8 (height, width, 3), each side at least 16 px.
        truth: The same shape.
        part: ``"error"``; ``"lack"`` counts only bands with less energy than the ground truth's,
            and ``"excess"`` only those with more. The two add up to the error.

    Returns:
        From 0 to 8; 1 if all energies are twice or half of what they should be.

    Raises:
        TpgbenchError: Wrong type or shape, two sizes, or a side below 16 px.
    """
    check_pair(output, truth, min_side=_MIN_SIDE)
    ratios = np.log2((band_energies(output) + FLOOR) / (band_energies(truth) + FLOOR))
    return float(_PARTS[part](ratios).mean())


def band_energies(image: Image) -> Floats:
    """Return the energies of an image's bands in grey levels, shape (9,), finest scale first.

    Args:
        image: uint8 (height, width, 3), each side at least 16 px.
    """
    grey = image.astype(np.float64) @ np.array([0.299, 0.587, 0.114])
    energies = []
    for scale in SCALES:
        means = _box_means(grey, scale)
        left, right = means[:, :-scale], means[:, scale:]
        across, along = right - left, right + left
        for details in (
            across[:-scale] + across[scale:],
            along[scale:] - along[:-scale],
            across[scale:] - across[:-scale],
        ):
            energies.append(math.sqrt(float(np.square(details / 2).mean())))
    return np.array(energies)


def _box_means(grey: Floats, side: int) -> Floats:
    """Return the means of all squares of a side that lie within the image."""
    sums = np.zeros((grey.shape[0] + 1, grey.shape[1] + 1))
    sums[1:, 1:] = grey.cumsum(0).cumsum(1)
    total = sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side]
    means: Floats = total / side**2
    return means


class TextureBandMetric(TruthMetric):
    """`texture_band` of the output and the ground truth.

    Read the variants together: a sharpener lowers ``lack`` and, if the detail that it adds is not
    the right one, raises ``excess`` and ``error``.

    Pitfalls:
        - It compares amounts, not positions: noise of the right spectrum is not penalised.
        - It looks at the whole image: detail of the background counts as the garment's does.
    """

    name = "texture_band"
    higher_is_better = False
    tasks = frozenset({"tpg", "mannequin"})
    range = (0.0, 8.0)
    unit = "octaves of energy"
    variants = tuple(_PARTS)
    min_side = _MIN_SIDE
    source = "tpgbench; the Haar wavelet, undecimated"

    def settings(self) -> dict[str, str]:
        """Return the bands, the floor, and which part is counted."""
        return {
            "bands": f"haar-undecimated-{'-'.join(map(str, SCALES))}px",
            "floor": f"{FLOOR:g}",
            "part": self.variant or "error",
        }

    def measure(self, output: Image, truth: Image) -> float:
        """Return the distance, or the part of it that the variant names."""
        return texture_band(output, truth, self.variant or "error")
