"""Normalised cross-correlation of two pictures over their overlap, at all shifts at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from ..core.images import Image, Mask

# An overlap with less than this part of the whole picture's variance is flat: what the
# transforms leave there is their own rounding.
_FLAT = 1e-6


def normalised_correlation(
    first: Image,
    second: Image,
    reach: tuple[int, int],
    *,
    first_mask: Mask | None = None,
    second_mask: Mask | None = None,
    min_overlap: float = 0.0,
) -> NDArray[np.float64]:
    """Return how alike two pictures are at every shift, as a correlation coefficient.

    At shift (dy, dx) the pixel (y, x) of ``first`` meets (y + dy, x + dx) of ``second``; nothing
    wraps around. Means and variances are those of the overlap alone, pooled over the channels
    (Padfield, "Masked object registration in the Fourier domain", IEEE TIP 21(5), 2012).

    Args:
        first: uint8 (height, width, 3).
        second: The same shape.
        reach: The longest shift down and to the right, in pixels, each below that side.
        first_mask: The pixels of ``first`` that count, bool (height, width); None for all.
        second_mask: Those of ``second``.
        min_overlap: What a shift's overlap must have of the smaller mask's area, 0 to 1.

    Returns:
        float64 (2 * reach[0] + 1, 2 * reach[1] + 1) from -1 to 1, no shift in the centre; 0
        where the overlap is flat or too small.
    """
    height, width = first.shape[:2]
    size = (
        scipy.fft.next_fast_len(height + reach[0], real=True),
        scipy.fft.next_fast_len(width + reach[1], real=True),
    )
    one = _transform(first, first_mask, size)
    same = second is first and second_mask is first_mask
    two = one if same else _transform(second, second_mask, size)
    rows = np.arange(-reach[0], reach[0] + 1)[:, None]
    columns = np.arange(-reach[1], reach[1] + 1)

    def at_shifts(spectrum: NDArray[np.complex128]) -> NDArray[np.float64]:
        whole: NDArray[np.float64] = scipy.fft.irfft2(spectrum, s=size)
        return whole[..., rows, columns]

    area = np.rint(at_shifts(one.mask.conj() * two.mask))
    enough = area >= max(1.0, min_overlap * min(one.area, two.area))
    area = np.maximum(area, 1.0)
    sum_one = at_shifts(one.colours.conj() * two.mask)
    sum_two = at_shifts(one.mask.conj() * two.colours)
    covariance = at_shifts((one.colours.conj() * two.colours).sum(axis=0))
    covariance -= (sum_one * sum_two).sum(axis=0) / area
    variance_one = at_shifts(one.squares.conj() * two.mask)
    variance_one -= np.square(sum_one).sum(axis=0) / area
    variance_two = at_shifts(one.mask.conj() * two.squares)
    variance_two -= np.square(sum_two).sum(axis=0) / area

    textured = (variance_one > _FLAT * one.energy) & (variance_two > _FLAT * two.energy)
    defined = enough & textured
    scale = np.sqrt(np.where(defined, variance_one * variance_two, 1.0))
    return np.where(defined, np.clip(covariance / scale, -1.0, 1.0), 0.0)


@dataclass(frozen=True)
class _Transform:
    """The Fourier transforms that the overlaps' sums are made of."""

    mask: NDArray[np.complex128]
    colours: NDArray[np.complex128]  # the channels, each with its mean taken off
    squares: NDArray[np.complex128]
    area: float
    energy: float


def _transform(image: Image, mask: Mask | None, size: tuple[int, int]) -> _Transform:
    inside = np.ones(image.shape[:2]) if mask is None else mask.astype(np.float64)
    area = inside.sum()
    colours = image.transpose(2, 0, 1) * inside
    colours -= colours.sum(axis=(1, 2), keepdims=True) / max(area, 1.0)
    colours *= inside
    squares = np.square(colours).sum(axis=0)
    return _Transform(
        mask=scipy.fft.rfft2(inside, s=size),
        colours=scipy.fft.rfft2(colours, s=size),
        squares=scipy.fft.rfft2(squares, s=size),
        area=float(area),
        energy=float(squares.sum()),
    )
