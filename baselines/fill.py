"""Covering the frame with colours of the garment."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from ..images import Mask

# Below this part of the largest weight a sum is rounding error of the transforms.
_RELIABLE = 1e-4


def nearest_fill(cloth: NDArray[np.float32], mask: Mask) -> NDArray[np.float32]:
    """Give each pixel outside the mask the colour of the nearest one inside.

    Args:
        cloth: Float32 (height, width, 3).
        mask: Bool (height, width), not empty.
    """
    rows, columns = ndimage.distance_transform_edt(
        ~mask, return_distances=False, return_indices=True
    )
    return cloth[rows, columns]


def mean_of_translates(
    cloth: NDArray[np.float32], mask: Mask, weights: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Give each pixel the weighted mean of the garment's pixels at all lags from it.

    Args:
        cloth: Float32 (height, width, 3).
        mask: True on the pixels to take colours from, bool (height, width), not empty.
        weights: A lag map (see `autocorrelation`): the weight, 0 or more, of the pixel at each
            lag.

    Returns:
        Float32 (height, width, 3). Where no lag leads into the mask: the nearest such colour.
    """
    height, width = mask.shape
    shape = weights.shape
    # Conjugated: the weights are correlated with, not convolved.
    transfer = fft.rfft2(weights).conj()
    layers = np.stack([*np.moveaxis(cloth * mask[..., None], -1, 0), mask]).astype(np.float32)
    sums = fft.irfft2(fft.rfft2(layers, s=shape) * transfer, s=shape)[:, :height, :width]
    total = sums[3]
    reached = total > _RELIABLE * weights.max()
    mean = np.moveaxis(sums[:3], 0, -1) / np.where(reached, total, 1)[..., None]
    if reached.all():
        return mean
    return nearest_fill(mean, reached) if reached.any() else nearest_fill(cloth, mask)
