"""Dividing a garment's shading out of its photo."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from ..core.images import Mask

_DARKEST = 0.03  # local brightness below which a gain would amplify noise
_BARELY_COVERED = 1e-3


def flatten_shading(cloth: NDArray[np.float32], mask: Mask, sigma: float) -> NDArray[np.float32]:
    """Give every part of the garment the same local brightness.

    Light, folds and curvature change slowly across a garment, its pattern quickly. So the photo
    is divided by the mean brightness around each pixel, taken inside the mask, and multiplied by
    that of the whole garment. Slow changes of the pattern itself are lost with the shading.

    Args:
        cloth: Float32 (height, width, 3), 0 to 1.
        mask: True on the garment, bool (height, width), not empty.
        sigma: Standard deviation of the Gaussian neighbourhood, in pixels.

    Returns:
        Float32 (height, width, 3), 0 to 1; undefined outside the mask.
    """
    brightness = cloth.mean(axis=-1)
    weight = mask.astype(np.float32)
    blurred, coverage = gaussian_blur(np.stack([brightness * weight, weight]), sigma)
    local = blurred / np.maximum(coverage, _BARELY_COVERED)
    gain = brightness[mask].mean() / np.maximum(local, _DARKEST)
    return np.asarray(np.clip(cloth * gain[..., None], 0, 1), dtype=np.float32)


def gaussian_blur(images: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    """Blur the last two axes, with zeros beyond their ends; the cost hardly depends on sigma.

    Args:
        images: Float32 (..., height, width).
        sigma: Standard deviation, in pixels.

    Returns:
        Float32, of the shape of ``images``.
    """
    height, width = images.shape[-2:]
    reach = math.ceil(3 * sigma)
    shape = [fft.next_fast_len(side + reach, real=True) for side in (height, width)]
    rows, columns = np.fft.fftfreq(shape[0])[:, None], np.fft.rfftfreq(shape[1])
    transfer = np.exp(-2 * (np.pi * sigma) ** 2 * (rows**2 + columns**2)).astype(np.float32)
    blurred = fft.irfft2(fft.rfft2(images, s=shape) * transfer, s=shape)
    return np.asarray(blurred[..., :height, :width], dtype=np.float32)
