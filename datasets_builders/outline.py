"""Whether a mask agrees with what can be seen of the garment before a plain background."""

from __future__ import annotations

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from ..images import Image, Mask

MIN_AGREEMENT = 0.75
_SIDE = 64  # the longer side at which the two are compared, in pixels
_PLAIN = 6.0  # of 255: how far the border of a plain background strays from its colour
_STRAYING = 0.1  # but for this part of it
_SAME = 4.0  # a pixel as near to the background's colour is background
_OTHER = 32.0  # one as far from it is not


def outline_agreement(image: Image, mask: Mask) -> float | None:
    """Return how far a mask keeps to what stands out from the background, 0 to 1.

    It is 1 less the larger of two parts: of what plainly stands out, how much lies outside the
    mask; and of the mask, how much lies on plain background. Between the two thresholds nothing
    is counted, so a white garment on white is not held against its mask.

    Args:
        image: uint8 (height, width, 3).
        mask: bool (height, width).

    Returns:
        The agreement, or None where the background along the photo's border is not plain or
        hardly anything stands out from it.
    """
    height, width = mask.shape
    scale = min(1.0, _SIDE / max(height, width))
    size = (max(8, round(width * scale)), max(8, round(height * scale)))
    small = _shrink(image, size).astype(np.float32)
    grey = _shrink(mask.view(np.uint8) * np.uint8(255), size)
    # A pixel's breadth either way is the shrinking's doing.
    far_outside = ~_grow(grey > 0)
    border = np.ones_like(far_outside)
    border[2:-2, 2:-2] = False
    if (border & far_outside).sum() > border.sum() // 4:  # else the mask may be inverted
        border &= far_outside
    edge = small[border]
    background = np.median(edge, axis=0)
    if (np.abs(edge - background).max(axis=1) > _PLAIN).mean() > _STRAYING:
        return None
    differences = np.abs(small - background)
    distance = np.maximum(differences[..., 0], differences[..., 1])
    np.maximum(distance, differences[..., 2], out=distance)
    standing_out = distance >= _OTHER
    if standing_out.sum() < standing_out.size // 100:
        return None
    well_inside = ~_grow(grey < 255)
    uncovered = (standing_out & far_outside).sum() / standing_out.sum()
    overreach = (well_inside & _open_ground(distance <= _SAME)).sum() / max(well_inside.sum(), 1)
    return float(1.0 - max(uncovered, overreach))


def _grow(marked: Mask) -> Mask:
    """Mark the eight neighbours of every marked pixel too."""
    rows = marked.copy()
    rows[1:] |= marked[:-1]
    rows[:-1] |= marked[1:]
    grown = rows.copy()
    grown[:, 1:] |= rows[:, :-1]
    grown[:, :-1] |= rows[:, 1:]
    return grown


def _open_ground(background: Mask) -> Mask:
    """Keep the background that reaches the picture's border; the rest is a white print, say."""
    from scipy import ndimage

    areas, count = ndimage.label(background)
    reaches = np.zeros(count + 1, dtype=np.bool_)
    for edge in (areas[0], areas[-1], areas[:, 0], areas[:, -1]):
        reaches[edge] = True
    reaches[0] = False
    kept: Mask = reaches[areas]
    return kept


def _shrink(image: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    return np.asarray(PIL.Image.fromarray(image).resize(size, PIL.Image.Resampling.BOX))
