"""The similarity of a garment to itself at every shift.

A lag (dy, dx) leads from one pixel to another. A lag map holds one value per lag: it spans two
frames, so that no lag wraps around, and is in the order of the FFT, so that ``a_map[dy, dx]``
is right for negative lags too.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from ..core.images import Mask

# Sum of squared colours, from 0 to 1, below which cloth counts as plain: too little to correlate.
_PLAIN = 1e-3


def lag_map_shape(mask: Mask) -> tuple[int, int]:
    """Return the shape of a frame's lag maps, rounded up to sizes that the FFT is fast at."""
    height, width = (int(fft.next_fast_len(2 * side, real=True)) for side in mask.shape)
    return height, width


def lag_lengths(shape: tuple[int, int]) -> NDArray[np.float32]:
    """Return the length of each lag, in pixels, as a lag map of this shape."""
    dy, dx = (np.fft.fftfreq(side, 1 / side) for side in shape)
    return np.asarray(np.hypot(dy[:, None], dx), dtype=np.float32)


def masked_autocorrelation(
    cloth: NDArray[np.float32], mask: Mask, *, min_overlap: float
) -> NDArray[np.float32]:
    """Correlate a garment with itself at every lag, over the pixels that are visible twice.

    This is the masked normalised correlation of D. Padfield, "Masked object registration in the
    Fourier domain", IEEE TIP 2012, with one difference: the mean of the whole garment is
    subtracted, not that of each overlap.

    Args:
        cloth: Float32 (height, width, 3), 0 to 1.
        mask: True on the garment, bool (height, width), not empty.
        min_overlap: The fraction of the garment that must be visible twice for a lag to count, 0 to
            1.

    Returns:
        A lag map, float32, -1 to 1: 1 where the shifted garment is equal, 0 where it is unrelated
        or plain, NaN where too little of it overlaps.
    """
    shape = lag_map_shape(mask)
    weight = mask.astype(np.float32)
    colours = np.moveaxis((cloth - cloth[mask].mean(axis=0)) * weight[..., None], -1, 0)
    energy = (colours**2).sum(axis=0)
    spectra = fft.rfft2(np.stack([*colours, energy, weight]), s=shape)
    power = (np.abs(spectra[:3]) ** 2).sum(axis=0)
    energy_spectrum, weight_spectrum = spectra[3:]

    products = fft.irfft2(power, s=shape)
    overlap = fft.irfft2(np.abs(weight_spectrum) ** 2, s=shape)
    energy_here = fft.irfft2(energy_spectrum * weight_spectrum.conj(), s=shape)
    energy_there = np.roll(energy_here[::-1, ::-1], 1, axis=(0, 1))  # its value at lag -d
    scale = np.sqrt(np.maximum(energy_here, _PLAIN) * np.maximum(energy_there, _PLAIN))
    similarity = np.clip(products / scale, -1, 1)
    enough = overlap > max(min_overlap * mask.sum(), 0.5)
    return np.where(enough, similarity, np.nan).astype(np.float32)
