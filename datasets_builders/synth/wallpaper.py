"""The seventeen wallpaper groups, and patterns that have exactly their symmetry.

A symmetry maps lattice coordinates p to m p + t. Applied to a Fourier series it moves the
coefficient of frequency k to m' k and turns its phase, so that a periodic field can be made
symmetric without touching a pixel.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .canvas import HEXAGONAL, SQUARE, Canvas, Design
from .layouts import draw_period, draw_rotation
from .palette import draw_palette
from .streams import between, pick
from .waves import PeriodicField, draw_periodic, normalised

_HALF_TURN = (-1, 0, 0, -1)
_QUARTER_TURN = (0, -1, 1, 0)
_THIRD_TURN = (0, -1, 1, -1)
_SIXTH_TURN = (1, -1, 1, 0)
_MIRROR_A = (-1, 0, 0, 1)
_SWAP = (0, 1, 1, 0)
_ANTISWAP = (0, -1, -1, 0)

# Generators (m row by row, then t in halves of the cell) in the primitive cell.
_OBLIQUE, _RECTANGULAR, _RHOMBIC, _SQUARE, _HEXAGONAL = range(5)
_GENERATORS: dict[str, tuple[int, tuple[tuple[tuple[int, int, int, int], int, int], ...]]] = {
    "p1": (_OBLIQUE, ()),
    "p2": (_OBLIQUE, ((_HALF_TURN, 0, 0),)),
    "pm": (_RECTANGULAR, ((_MIRROR_A, 0, 0),)),
    "pg": (_RECTANGULAR, ((_MIRROR_A, 0, 1),)),
    "cm": (_RHOMBIC, ((_SWAP, 0, 0),)),
    "pmm": (_RECTANGULAR, ((_MIRROR_A, 0, 0), (_HALF_TURN, 0, 0))),
    "pmg": (_RECTANGULAR, ((_MIRROR_A, 1, 0), (_HALF_TURN, 0, 0))),
    "pgg": (_RECTANGULAR, ((_MIRROR_A, 1, 1), (_HALF_TURN, 0, 0))),
    "cmm": (_RHOMBIC, ((_SWAP, 0, 0), (_HALF_TURN, 0, 0))),
    "p4": (_SQUARE, ((_QUARTER_TURN, 0, 0),)),
    "p4m": (_SQUARE, ((_QUARTER_TURN, 0, 0), (_MIRROR_A, 0, 0))),
    "p4g": (_SQUARE, ((_QUARTER_TURN, 0, 0), (_MIRROR_A, 1, 1))),
    "p3": (_HEXAGONAL, ((_THIRD_TURN, 0, 0),)),
    "p3m1": (_HEXAGONAL, ((_THIRD_TURN, 0, 0), (_ANTISWAP, 0, 0))),
    "p31m": (_HEXAGONAL, ((_THIRD_TURN, 0, 0), (_SWAP, 0, 0))),
    "p6": (_HEXAGONAL, ((_SIXTH_TURN, 0, 0),)),
    "p6m": (_HEXAGONAL, ((_SIXTH_TURN, 0, 0), (_SWAP, 0, 0))),
}
GROUPS = tuple(_GENERATORS)


@dataclass(frozen=True)
class Symmetry:
    """The map p -> ``turn`` p + ``shift`` / 2 of lattice coordinates.

    Attributes:
        turn: Integer matrix (2, 2), row by row.
        shift: In half cells, each 0 or 1.
    """

    turn: tuple[int, int, int, int]
    shift: tuple[int, int]

    @property
    def matrix(self) -> NDArray[np.int64]:
        """``turn`` as an array (2, 2)."""
        return np.array(self.turn, dtype=np.int64).reshape(2, 2)

    def after(self, other: Symmetry) -> Symmetry:
        """Return the map that applies ``other`` first."""
        turn = self.matrix @ other.matrix
        shift = (self.matrix @ np.array(other.shift) + np.array(self.shift)) % 2
        a, b, c, d = (int(entry) for entry in turn.ravel())
        return Symmetry((a, b, c, d), (int(shift[0]), int(shift[1])))


def symmetries(group: str) -> list[Symmetry]:
    """Return a group's symmetries up to whole cells: 1 for p1, 12 for p6m."""
    generators = [Symmetry(turn, (x, y)) for turn, x, y in _GENERATORS[group][1]]
    found = [Symmetry((1, 0, 0, 1), (0, 0))]
    for symmetry in found:  # grows while it is walked
        for generator in generators:
            product = generator.after(symmetry)
            if product not in found:
                found.append(product)
    return found


def symmetrised(noise: PeriodicField, group: str) -> PeriodicField:
    """Return the sum of a field's images under a group, mean 0 and variance 1."""
    cutoff = noise.cutoff
    axis = np.arange(-cutoff, cutoff + 1)
    across, down = np.meshgrid(axis, axis)
    reach = 2 * cutoff  # a sixth of a turn takes (k, k) to (2 k, ..)
    spectrum = np.zeros((2 * reach + 1, 2 * reach + 1), dtype=np.complex128)
    for symmetry in symmetries(group):
        (m_aa, m_ab), (m_ba, m_bb) = symmetry.matrix
        phase = np.exp(1j * np.pi * (across * symmetry.shift[0] + down * symmetry.shift[1]))
        np.add.at(
            spectrum,
            (m_ab * across + m_bb * down + reach, m_aa * across + m_ba * down + reach),
            noise.spectrum * phase,
        )
    return normalised(spectrum)


def _draw_second(rng: np.random.Generator, system: int) -> tuple[float, float]:
    """Draw a lattice vector b that the crystal system allows, for a = (1, 0)."""
    if system == _OBLIQUE:
        return rng.uniform(-0.3, 0.3), rng.uniform(0.8, 1.2)
    if system == _RECTANGULAR:
        return 0.0, rng.uniform(0.75, 1.35)
    if system == _RHOMBIC:
        angle = np.deg2rad(rng.uniform(65.0, 115.0))
        return float(np.cos(angle)), float(np.sin(angle))
    return SQUARE if system == _SQUARE else HEXAGONAL


def wallpaper(rng: np.random.Generator) -> Design:
    """Draw an ornament of one of the seventeen groups.

    The origin is that of the group's generators: a centre of its highest rotation.
    """
    group = pick(rng, GROUPS)
    palette = draw_palette(rng, between(rng, 3, 5))
    second = _draw_second(rng, _GENERATORS[group][0])
    order = len(symmetries(group))
    cutoff = 3 if order >= 6 else 4
    shades = symmetrised(draw_periodic(rng, cutoff, 0.6), group)
    veins = symmetrised(draw_periodic(rng, 3, 0.4), group)
    levels = [shades.level(share) for share in np.sort(rng.uniform(0.2, 0.85, len(palette) - 2))]
    width = pick(rng, (0.0, 0.15, 0.3))

    def paint(canvas: Canvas) -> None:
        for colour, level in zip(palette[1:-1], levels, strict=True):
            canvas.above(colour, shades, level)
        if width:
            canvas.between(palette[-1], veins, -width, width)

    return Design(
        palette,
        draw_period(rng, 0.15, 0.42),
        paint,
        second,
        draw_rotation(rng, (0.0, 0.0, 45.0)),
        details={"group": group},
    )
