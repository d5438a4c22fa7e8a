"""Filling the frame with colours of the garment."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from ..core.images import Mask
from .autocorrelation import lag_lengths, lag_map_shape

# Weight of the ground beside a translate of weight 1: it shows only where nothing else is known.
_GROUND_WEIGHT = 1e-5


def inverse_distance_fill(cloth: NDArray[np.float32], mask: Mask) -> NDArray[np.float32]:
    """Give each pixel outside the mask a mean of the colours inside; near ones count more.

    Interpolation after D. Shepard, "A two-dimensional interpolation function for
    irregularly-spaced data", ACM 1968: next to the mask it continues the colours there, far away
    it approaches their mean.

    Args:
        cloth: Float32 (height, width, 3).
        mask: Bool (height, width), not empty.

    Returns:
        Float32 (height, width, 3), equal to ``cloth`` inside the mask.
    """
    distance = lag_lengths(lag_map_shape(mask)) * (64 / max(mask.shape))
    colours, total = _sum_translates(cloth, mask, (1 + distance) ** -4)
    return np.where(mask[..., None], cloth, colours / total[..., None]).astype(np.float32)


def mean_of_translates(
    cloth: NDArray[np.float32],
    mask: Mask,
    weights: NDArray[np.floating],
    ground: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Give each pixel the weighted mean of the garment's pixels at all lags from it.

    Args:
        cloth: Float32 (height, width, 3).
        mask: True on the pixels to take colours from, bool (height, width), not empty.
        weights: A lag map (see `autocorrelation`): how much the pixel at each lag counts, 0 to 1.
        ground: What shows where no lag of any weight leads into the mask, float32 (height,
            width, 3).

    Returns:
        Float32 (height, width, 3).
    """
    colours, total = _sum_translates(cloth, mask, weights)
    mean = (colours + _GROUND_WEIGHT * ground) / (total + _GROUND_WEIGHT)[..., None]
    return mean.astype(np.float32)


def _sum_translates(
    cloth: NDArray[np.float32], mask: Mask, weights: NDArray[np.floating]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return each pixel's weighted sum of colours, (height, width, 3), and of weights.

    In double precision: the weights span many orders of magnitude, and in single precision the
    rounding error of the transforms would drown the small ones.
    """
    height, width = mask.shape
    layers = np.concatenate([np.moveaxis(cloth * mask[..., None], -1, 0), mask[None]])
    # Conjugated: the layers are correlated with the weights, not convolved.
    transfer = fft.rfft2(weights.astype(np.float64)).conj()
    spectra = fft.rfft2(layers.astype(np.float64), s=weights.shape) * transfer
    sums = fft.irfft2(spectra, s=weights.shape)[:, :height, :width]
    return np.moveaxis(sums[:3], 0, -1), np.maximum(sums[3], 0)
