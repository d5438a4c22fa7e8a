"""A pattern laid out on cloth: which colour is at which point."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .canvas import Design
from .families import FAMILIES
from .raster import Floats
from .shapes import rotation
from .streams import pick

CANONICAL_REPEATS = 2
# Painted a little finer than it is shown: sampling between pixels softens.
_OVERSAMPLING = 1.25


@dataclass(frozen=True)
class Layout:
    """Where the lattice lies on a square canvas.

    A point (x, y), in parts of the canvas's side from its top left corner, has the lattice
    coordinates ``inverse(lattice) @ (x, y) + phase``; the motif's origin is where both are whole.

    Attributes:
        lattice: (2, 2), the vectors a and b in its columns, in parts of the canvas's side.
        phase: (2,), from 0 to 1.
    """

    lattice: Floats
    phase: Floats

    @property
    def period(self) -> float:
        """The length of a."""
        return float(np.hypot(*self.lattice[:, 0]))


@dataclass(frozen=True)
class Print:
    """A pattern at one level of detail.

    Attributes:
        cell: (height, width, 3), one painted cell of the lattice.
        layout: Where the lattice lies.
    """

    cell: Floats
    layout: Layout

    def at(self, x: Floats, y: Floats) -> Floats:
        """Return the colours at points, as `Pattern.colours` does."""
        inverse, phase = np.linalg.inv(self.layout.lattice), self.layout.phase
        return _sample(
            self.cell,
            inverse[0, 0] * x + inverse[0, 1] * y + phase[0],
            inverse[1, 0] * x + inverse[1, 1] * y + phase[1],
        )


@dataclass(frozen=True)
class Pattern:
    """A design of a family, and how the garment wears it.

    Attributes:
        family: A key of `FAMILIES`.
        design: What is printed.
        worn: The layout on the garment's square box.
    """

    family: str
    design: Design
    worn: Layout

    @property
    def canonical(self) -> Layout:
        """The layout that does not depend on how it is worn.

        `CANONICAL_REPEATS` repeats along x, unrotated, with the lattice's origin at the centre.
        """
        lattice = np.array([[1.0, self.design.second[0]], [0.0, self.design.second[1]]])
        lattice /= CANONICAL_REPEATS
        return Layout(lattice, (-np.linalg.solve(lattice, np.array([0.5, 0.5]))) % 1.0)

    def colours(self, layout: Layout, size: int, x: Floats, y: Floats) -> Floats:
        """Return the colours at points of a canvas.

        Args:
            layout: ``worn`` or ``canonical``.
            size: The canvas's side in pixels, which sets the level of detail.
            x: Any shape, in parts of the canvas's side; beyond 0 to 1 the pattern goes on.
            y: As ``x``.

        Returns:
            float64 of the shape of ``x`` and 3 channels, RGB from 0 to 1.
        """
        return self.printed(layout, size).at(x, y)

    def printed(self, layout: Layout, size: float) -> Print:
        """Return the pattern painted for a canvas of ``size`` pixels, to be asked many times."""
        return Print(self.design.cell(_OVERSAMPLING * layout.period * size), layout)

    def flat(self, layout: Layout, size: int) -> Floats:
        """Return the flat cloth on a whole canvas, float64 (size, size, 3)."""
        centres = (np.arange(size) + 0.5) / size
        x, y = np.meshgrid(centres, centres)
        return self.colours(layout, size, x, y)


def _sample(cell: Floats, s: Floats, t: Floats) -> Floats:
    """Interpolate a periodic cell at lattice coordinates, bilinearly."""
    height, width = cell.shape[:2]
    column, row = s * width - 0.5, t * height - 0.5
    left, top = np.floor(column), np.floor(row)
    right_share, lower_share = (column - left)[..., None], (row - top)[..., None]
    left_index, top_index = left.astype(np.int64) % width, top.astype(np.int64) % height
    right_index = (left_index + 1) % width
    upper, lower = top_index * width, (top_index + 1) % height * width
    pixels = cell.reshape(-1, 3)

    def blend(start: np.typing.NDArray[np.int64]) -> Floats:
        first: Floats = pixels[start + left_index]
        first += right_share * (pixels[start + right_index] - first)
        return first

    result = blend(upper)
    result += lower_share * (blend(lower) - result)
    return result


def draw_pattern(rng: np.random.Generator) -> Pattern:
    """Draw a family, a design, and where on the garment it lies."""
    family = pick(rng, tuple(FAMILIES))
    design = FAMILIES[family](rng)
    b_x, b_y = design.second
    lattice = design.period * rotation(design.rotation) @ np.array([[1.0, b_x], [0.0, b_y]])
    return Pattern(family, design, Layout(lattice, rng.random(2)))
