"""How alike a garment is to itself, shifted.

A lag (dy, dx) leads from one pixel to another. A lag map holds one value a lag; it spans two
frames, so that no lag wraps around, and lies in the order of the FFT, so that ``a_map[dy, dx]``
is right for negative lags too.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from ..images import Mask

# Energies, in squared units of a colour from 0 to 1, below which cloth counts as plain.
_PLAIN = 1e-4


def lag_map_shape(mask: Mask) -> tuple[int, int]:
    """Return the shape of the lag maps of a frame: a size that the FFT likes."""
    height, width = (int(fft.next_fast_len(2 * side, real=True)) for side in mask.shape)
    return height, width


def lag_lengths(shape: tuple[int, int]) -> NDArray[np.float32]:
    """Return the length of every lag, in pixels, for a lag map of this shape."""
    dy, dx = (np.fft.fftfreq(side, 1 / side) for side in shape)
    return np.hypot(dy[:, None], dx[None]).astype(np.float32)


def masked_autocorrelation(
    cloth: NDArray[np.float32], mask: Mask, *, min_overlap: float
) -> NDArray[np.float32]:
    """Correlate a garment with itself at every lag, over the pixels that are visible twice.

    The normalised correlation of D. Padfield, "Masked object registration in the Fourier domain",
    IEEE TIP 2012, with one simplification: colours are taken about the mean of the whole garment,
    not about that of each overlap.

    Args:
        cloth: Float32 (height, width, 3), 0 to 1.
        mask: True on the garment, bool (height, width), not empty.
        min_overlap: At lags where less than this part of the garment is visible twice, the
            correlation means nothing.

    Returns:
        A lag map, float32: 1 where the shifted garment is equal, 0 where it is unrelated (or
        plain), NaN where too little of it overlaps.
    """
    shape = lag_map_shape(mask)
    weight = mask.astype(np.float32)
    colours = np.moveaxis((cloth - cloth[mask].mean(axis=0)) * weight[..., None], -1, 0)
    energy = (colours**2).sum(axis=0)

    *colour_spectra, energy_spectrum, weight_spectrum = fft.rfft2(
        np.stack([*colours, energy, weight]), s=shape
    )
    power = sum(np.abs(spectrum) ** 2 for spectrum in colour_spectra)
    products, overlap, first = fft.irfft2(
        np.stack([power, np.abs(weight_spectrum) ** 2, energy_spectrum * weight_spectrum.conj()]),
        s=shape,
    )
    second = np.roll(first[::-1, ::-1], 1, axis=(0, 1))  # at lag -d
    similarity = products / np.sqrt(np.maximum(first, _PLAIN) * np.maximum(second, _PLAIN))
    enough = overlap > max(min_overlap * mask.sum(), 0.5)
    return np.where(enough, np.clip(similarity, -1, 1), np.nan).astype(np.float32)
