"""Whether a mask agrees with what can be seen of the garment before a plain background."""

from __future__ import annotations

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from ...core.images import Image, Mask

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
    is counted, so a white garment on white does not count against its mask. The second part is
    counted only where it could bring the agreement under `MIN_AGREEMENT`.

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
    small = _shrink(image, size)
    grey = _shrink(mask.view(np.uint8) * np.uint8(255), size)
    # A pixel's breadth either way is the shrinking's doing.
    far_outside = ~_grow(grey > 0)
    border = np.ones_like(far_outside)
    border[2:-2, 2:-2] = False
    if (border & far_outside).sum() > border.sum() // 4:  # else the mask may be inverted
        border &= far_outside
    differences = np.abs(small - _median(small[border]))
    distance = np.maximum(differences[..., 0], differences[..., 1])
    np.maximum(distance, differences[..., 2], out=distance)
    if (distance[border] > _PLAIN).mean() > _STRAYING:
        return None
    standing_out = distance >= _OTHER
    if standing_out.sum() < standing_out.size // 100:
        return None
    well_inside = ~_grow(grey < 255)
    background = distance <= _SAME
    uncovered = float((standing_out & far_outside).sum() / standing_out.sum())
    area = max(int(well_inside.sum()), 1)
    # Open ground is a part of this; to find which part takes longer than all the rest, so it is
    # done only where it can separate a wrong mask from a right one.
    if int((well_inside & background).sum()) / area <= max(uncovered, 1.0 - MIN_AGREEMENT):
        return 1.0 - uncovered
    overreach = int((well_inside & _open_ground(background)).sum()) / area
    return 1.0 - max(uncovered, overreach)


def _median(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the median of each channel of pixels (count, 3); NumPy's own takes far longer."""
    channels = np.sort(np.ascontiguousarray(pixels.T), axis=1)
    count = len(pixels)
    middle = channels[:, [(count - 1) // 2, count // 2]]
    medians: NDArray[np.float32] = middle.mean(axis=1, dtype=np.float32)
    return medians


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
    """Keep the background that reaches the picture's border; the rest is a white print, say.

    It spreads from the border step by step: at this size that is done before SciPy, which could
    do it, is imported.
    """
    reached = background.copy()
    reached[1:-1, 1:-1] = False
    count = 0
    while (now := int(reached.sum())) > count:
        count = now
        spread = reached.copy()
        spread[1:] |= reached[:-1]
        spread[:-1] |= reached[1:]
        spread[:, 1:] |= reached[:, :-1]
        spread[:, :-1] |= reached[:, 1:]
        reached = spread & background
    return reached


def _shrink(image: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    if image.shape[1::-1] == size:
        return image
    return np.asarray(PIL.Image.fromarray(image).resize(size, PIL.Image.Resampling.BOX))
