"""One cell of a periodic pattern, painted in place.

A cell is spanned by the lattice vectors a = (1, 0) and b. Shapes are given in the same units, with
the lattice's origin at (0, 0); whatever leaves the cell on one side comes back on the other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from .raster import Floats, Points, fill
from .waves import PeriodicField

SQUARE = (0.0, 1.0)
HEXAGONAL = (-0.5, 0.75**0.5)  # 120 degrees, as crystallographers have it


class Canvas:
    """The pixels of one cell.

    Attributes:
        image: float64 (height, width, 3), RGB from 0 to 1. Rows run along b, columns along a.
        second: The lattice vector b.
    """

    def __init__(self, second: tuple[float, float], pixels: float, ground: Floats) -> None:
        """Start a cell of one colour; ``pixels`` is the length of a."""
        self.second = second
        width = max(4, round(pixels))
        height = max(4, round(pixels * float(np.hypot(*second))))
        self.image: Floats = np.tile(ground, (height, width, 1))

    @property
    def size(self) -> tuple[int, int]:
        """The cell's (height, width) in pixels."""
        return self.image.shape[0], self.image.shape[1]

    def polygons(self, colour: Floats, contours: Sequence[Points]) -> None:
        """Paint the union of closed contours and all their repeats."""
        height, width = self.size
        b_x, b_y = self.second
        to_pixels = np.array([[width, -width * b_x / b_y], [0.0, height / b_y]])
        patch = fill([contour @ to_pixels.T for contour in contours])
        # A shape larger than the cell overlaps itself: lay it down one cell at a time.
        for top in range(0, patch.coverage.shape[0], height):
            for left in range(0, patch.coverage.shape[1], width):
                part = patch.coverage[top : top + height, left : left + width]
                rows = (patch.top + top + np.arange(part.shape[0])) % height
                columns = (patch.left + left + np.arange(part.shape[1])) % width
                window = np.ix_(rows, columns)
                below = self.image[window]
                self.image[window] = below + part[..., None] * (colour - below)

    def above(self, colour: Floats, noise: PeriodicField, level: float) -> None:
        """Paint where a field is above a level."""
        self.paint(colour, coverage_above(noise.on(*self.size), level))

    def between(self, colour: Floats, noise: PeriodicField, low: float, high: float) -> None:
        """Paint where a field lies between two levels."""
        values = noise.on(*self.size)
        self.paint(colour, coverage_above(values, low) * coverage_above(-values, -high))

    def paint(self, colour: Floats, coverage: Floats) -> None:
        """Paint with a coverage (height, width) from 0 to 1."""
        self.image += coverage[..., None] * (colour - self.image)


def coverage_above(values: Floats, level: float) -> Floats:
    """Return the share of each pixel of a periodic image (height, width) that is above a level."""
    slope = np.hypot(
        np.roll(values, -1, axis=0) - np.roll(values, 1, axis=0),
        np.roll(values, -1, axis=1) - np.roll(values, 1, axis=1),
    )
    return np.clip(0.5 + (values - level) / np.maximum(0.5 * slope, 1e-9), 0.0, 1.0)


@dataclass(frozen=True)
class Design:
    """A drawn pattern, not yet painted: all its random numbers are spent, at no resolution.

    Attributes:
        palette: (n, 3), RGB from 0 to 1; the first is the ground.
        period: Length of a on the garment, in parts of the side of the garment's square box.
        paint: Paints the cell onto a canvas that is filled with the ground.
        second: The lattice vector b, in units of a's length.
        rotation: Angle of a on the garment, in radians.
        details: Facts for the row's meta, such as the wallpaper group.
    """

    palette: Floats
    period: float
    paint: Callable[[Canvas], None]
    second: tuple[float, float] = SQUARE
    rotation: float = 0.0
    details: Mapping[str, str] = field(default_factory=dict)

    def cell(self, pixels: float) -> Floats:
        """Paint the cell, (height, width, 3), with a ``pixels`` long."""
        canvas = Canvas(self.second, pixels, self.palette[0])
        self.paint(canvas)
        return canvas.image
