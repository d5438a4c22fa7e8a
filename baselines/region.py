"""Where in the frame the cloth is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from ..images import Mask


@dataclass(frozen=True)
class Rectangle:
    """A window on an image, in pixels; ``bottom`` and ``right`` lie one beyond it."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def area(self) -> int:
        """How many pixels it holds."""
        return (self.bottom - self.top) * (self.right - self.left)


def interior(mask: Mask, margin: int) -> Mask:
    """Return the pixels that see nothing but mask within ``margin`` pixels, rows and columns.

    Pixels at a garment's edge mix with what lies behind it. Beyond the frame there is no mask.
    Where a mask is too thin to have an interior, it is returned as it is.
    """
    inner = ndimage.minimum_filter(mask, size=2 * margin + 1, mode="constant", cval=False)
    return inner if inner.any() else mask


def largest_rectangle(mask: Mask) -> Rectangle:
    """Return the largest upright rectangle inside a mask; the topmost, leftmost of several.

    One pass over the rows, each handled at once: for every pixel, how far the mask reaches up
    from it, and how far a rectangle of that height reaches to both sides.

    Args:
        mask: Bool (height, width), not empty.
    """
    width = mask.shape[1]
    columns = np.arange(width)
    height = np.zeros(width, dtype=np.intp)
    left = np.zeros(width, dtype=np.intp)
    right = np.full(width, width, dtype=np.intp)
    best = Rectangle(0, 0, 0, 0)
    for row, inside in enumerate(mask):
        # Where the row's run of mask around each column starts and ends.
        start = np.maximum.accumulate(np.where(inside, 0, columns + 1))
        end = np.minimum.accumulate(np.where(inside, width, columns)[::-1])[::-1]
        height = np.where(inside, height + 1, 0)
        left = np.where(inside, np.maximum(left, start), 0)
        right = np.where(inside, np.minimum(right, end), width)
        area = height * (right - left)
        column = int(area.argmax())
        if area[column] > best.area:
            best = Rectangle(
                row + 1 - int(height[column]), int(left[column]), row + 1, int(right[column])
            )
    return best
