"""The part of the frame that shows cloth."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from ..core.images import Mask

EDGE = 1 / 64  # how far a garment's edge mixes with the background, as a fraction of the side


@dataclass(frozen=True)
class Rectangle:
    """An axis-aligned window of an image, in pixels; ``bottom`` and ``right`` are exclusive."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def area(self) -> int:
        """How many pixels it holds."""
        return (self.bottom - self.top) * (self.right - self.left)


def interior(mask: Mask, margin: float = EDGE) -> Mask:
    """Return the pixels of a mask whose whole neighbourhood lies inside it.

    Args:
        mask: Bool (size, size); beyond the frame there is no mask.
        margin: Reach of the neighbourhood along rows and columns, as a fraction of the side;
            rounded up to whole pixels.

    Returns:
        Bool (size, size); the mask itself where it is too thin to have an interior.
    """
    width = 2 * math.ceil(margin * mask.shape[0]) + 1
    inner = ndimage.minimum_filter(mask, size=width, mode="constant", cval=False)
    return inner if inner.any() else mask


def largest_rectangle(mask: Mask) -> Rectangle:
    """Return a largest axis-aligned rectangle inside a mask; of several, the one that ends first.

    Each row is handled at once, from the top: above every pixel the mask reaches up to some
    height, and a rectangle of that height reaches as far to both sides as all its rows do. One
    of these rectangles is a largest.

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
        run_start = np.maximum.accumulate(np.where(inside, 0, columns + 1))
        run_end = np.minimum.accumulate(np.where(inside, width, columns)[::-1])[::-1]
        height = np.where(inside, height + 1, 0)
        left = np.where(inside, np.maximum(left, run_start), 0)
        right = np.where(inside, np.minimum(right, run_end), width)
        areas = height * (right - left)
        column = int(areas.argmax())
        if areas[column] > best.area:
            top = row + 1 - int(height[column])
            best = Rectangle(top, int(left[column]), row + 1, int(right[column]))
    return best
