"""Whether a mask agrees with what can be seen of the garment before a plain background."""

from __future__ import annotations

import numpy as np
import PIL.Image
import PIL.ImageFilter
from numpy.typing import NDArray
from scipy import ndimage

from ..images import Image, Mask

MIN_AGREEMENT = 0.75
_SIDE = 64  # the longer side at which the two are compared, in pixels
_PLAIN = 6.0  # of 255: how far the border of a plain background strays from its colour
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
    small = np.asarray(_shrink(image, size), dtype=np.float32)
    # A pixel's breadth either way is the shrinking's doing.
    grey = _shrink(mask.astype(np.uint8) * np.uint8(255), size)
    far_outside = np.asarray(grey.filter(PIL.ImageFilter.MaxFilter(3))) == 0
    well_inside = np.asarray(grey.filter(PIL.ImageFilter.MinFilter(3))) == 255
    border = np.ones_like(far_outside)
    border[2:-2, 2:-2] = False
    if (border & far_outside).sum() > border.sum() // 4:  # else the mask may be inverted
        border &= far_outside
    background = np.median(small[border], axis=0)
    distance = np.abs(small - background).max(axis=2)
    if np.quantile(distance[border], 0.9) > _PLAIN:
        return None
    standing_out = distance >= _OTHER
    if standing_out.sum() < standing_out.size // 100:
        return None
    uncovered = (standing_out & far_outside).sum() / standing_out.sum()
    overreach = (well_inside & _open_ground(distance <= _SAME)).sum() / max(well_inside.sum(), 1)
    return float(1.0 - max(uncovered, overreach))


def _open_ground(background: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Keep the background that reaches the picture's border; the rest is a white print, say."""
    areas, _ = ndimage.label(background)
    edges = np.concatenate([areas[0], areas[-1], areas[:, 0], areas[:, -1]])
    return np.isin(areas, edges[edges > 0])


def _shrink(image: Image, size: tuple[int, int]) -> PIL.Image.Image:
    return PIL.Image.fromarray(image).resize(size, PIL.Image.Resampling.BOX)
