"""Polygons to pixels with exact antialiasing.

A pixel's coverage is the area of it that lies inside the polygon. It is a continuous function of
the corners, so a rounding difference between two processors never flips a pixel, as counting
sub-samples could.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Points = NDArray[np.float64]  # (n, 2): x to the right, y down

_DUST = 1e-9  # what rounding leaves to the right of a shape


@dataclass(frozen=True)
class Patch:
    """The covered window of a pixel grid.

    Attributes:
        left: The window's first column.
        top: The window's first row.
        coverage: float64 (height, width) from 0 to 1.
    """

    left: int
    top: int
    coverage: Floats

    @property
    def window(self) -> tuple[slice, slice]:
        """The window as an index into an image."""
        height, width = self.coverage.shape
        return slice(self.top, self.top + height), slice(self.left, self.left + width)

    def on(self, shape: tuple[int, int]) -> Floats:
        """Return the coverage on a grid of ``shape``, which must contain the window."""
        full = np.zeros(shape)
        full[self.window] = self.coverage
        return full


def fill(contours: Sequence[Points], shape: tuple[int, int] | None = None) -> Patch:
    """Return the coverage of the union of closed contours.

    Args:
        contours: (n, 2) each, of either orientation, in pixels: the pixel at (row, column) spans
            [column, column + 1) by [row, row + 1).
        shape: (height, width) of the grid to clip to, or None for an endless one.
    """
    contours = [contour if _area(contour) >= 0.0 else contour[::-1] for contour in contours]
    start = np.concatenate(contours)
    end = np.concatenate([np.roll(contour, -1, axis=0) for contour in contours])
    left, top = (int(edge) for edge in np.floor(start.min(axis=0)))
    right, bottom = (int(edge) for edge in np.ceil(start.max(axis=0)))
    if shape is not None:
        left, top = max(left, 0), max(top, 0)
        right, bottom = min(right, shape[1]), min(bottom, shape[0])
    width, height = max(right - left, 0), max(bottom - top, 0)

    x, y, rise = _pieces(start, end)
    row = np.floor(y).astype(np.int64) - top
    inside = (row >= 0) & (row < height)
    row, rise = row[inside], rise[inside]
    x = np.clip(x[inside] - left, 0, width)
    column = np.floor(x).astype(np.int64)
    # A piece covers everything to its right: part of its own pixel, then all the following ones.
    spill = rise * (x - column)
    cell = row * (width + 2) + column
    steps = np.bincount(cell, weights=rise - spill, minlength=height * (width + 2))
    steps += np.bincount(cell + 1, weights=spill, minlength=height * (width + 2))
    winding = np.abs(np.cumsum(steps.reshape(height, width + 2), axis=1)[:, :width])
    winding[winding < _DUST] = 0.0
    return Patch(left, top, np.minimum(winding, 1.0))


def _area(contour: Points) -> float:
    x, y = contour.T
    return float(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1)))


def _pieces(start: Points, end: Points) -> tuple[Floats, Floats, Floats]:
    """Cut edges at every grid line; return each piece's middle (x, y) and its signed height."""
    run = end - start
    edges = [np.arange(len(start))]
    cuts = [np.zeros(len(start))]
    for axis in range(2):
        low = np.floor(np.minimum(start[:, axis], end[:, axis]))
        high = np.ceil(np.maximum(start[:, axis], end[:, axis]))
        count = np.maximum(high - low - 1, 0).astype(np.int64)
        edge = np.repeat(np.arange(len(start)), count)
        nth = np.arange(len(edge)) - np.repeat(np.cumsum(count) - count, count)
        edges.append(edge)
        cuts.append((low[edge] + 1 + nth - start[edge, axis]) / run[edge, axis])
    edge, cut = np.concatenate(edges), np.concatenate(cuts)
    order = np.lexsort((cut, edge))
    edge, cut = edge[order], cut[order]
    last = np.append(edge[1:] != edge[:-1], True)
    following = np.where(last, 1.0, np.append(cut[1:], 1.0))
    middle = start[edge] + run[edge] * (0.5 * (cut + following))[:, None]
    return middle[:, 0], middle[:, 1], (following - cut) * run[edge, 1]


def paint(image: Floats, patch: Patch, colour: Floats, opacity: float = 1.0) -> None:
    """Lay a colour over an image, in place, where the patch covers it.

    Args:
        image: (height, width, 3).
        patch: Must lie within the image.
        colour: (3,), or (height, width, 3) of the patch's window.
        opacity: From 0 to 1.
    """
    below = image[patch.window]
    below += (opacity * patch.coverage)[..., None] * (colour - below)
