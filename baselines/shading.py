"""Dividing a garment's shading out of its photo."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from ..images import Mask

_DARKEST = 0.03  # below it a gain would only amplify noise


def flatten_shading(cloth: NDArray[np.float32], mask: Mask, sigma: float) -> NDArray[np.float32]:
    """Give every part of the garment the same local brightness.

    Light, folds and curvature change slowly across a garment, its pattern quickly. So the photo
    is divided by the brightness of each pixel's neighbourhood, taken inside the mask, and
    multiplied by the brightness of the whole. A pattern that itself changes slowly loses that.

    Args:
        cloth: Float32 (height, width, 3), 0 to 1.
        mask: True on the garment, bool (height, width).
        sigma: Standard deviation in pixels of the Gaussian neighbourhood.

    Returns:
        Float32 (height, width, 3), 0 to 1; only its pixels inside the mask mean anything.
    """
    brightness = cloth.mean(axis=-1)
    weight = mask.astype(np.float32)
    blurred, coverage = gaussian_blur(np.stack([brightness * weight, weight]), sigma)
    local = blurred / np.maximum(coverage, 1e-3)
    gain = brightness[mask].mean() / np.maximum(local, _DARKEST)
    flat: NDArray[np.float32] = np.clip(cloth * gain[..., None], 0, 1)
    return flat


def gaussian_blur(images: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    """Blur the last two axes, with zeros beyond the edges; its cost does not grow with sigma.

    Args:
        images: Float32 (..., height, width).
        sigma: Standard deviation in pixels.
    """
    height, width = images.shape[-2:]
    reach = math.ceil(3 * sigma)
    padded = [fft.next_fast_len(side + reach, real=True) for side in (height, width)]
    spectrum = fft.rfft2(images, s=padded)
    fy, fx = np.fft.fftfreq(padded[0])[:, None], np.fft.rfftfreq(padded[1])[None]
    transfer = np.exp(-2 * (np.pi * sigma) ** 2 * (fy**2 + fx**2)).astype(np.float32)
    blurred: NDArray[np.float32] = fft.irfft2(spectrum * transfer, s=padded)
    return blurred[..., :height, :width]
