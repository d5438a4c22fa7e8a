"""What wearing does to cloth: it is stretched, it folds, and the folds catch the light.

Coordinates are those of the garment's square box, from 0 to 1. The folds are a height field: the
same heights move the pattern (the camera looks at them from an angle, and cloth on a slope looks
shorter) and shade it (Lambert's law on the surface's normals).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .raster import Floats
from .shapes import TURN
from .waves import Waves, draw_waves

_STRETCH = 0.035
_STEEPEST = 0.9  # slope of a fold at full strength
_ROUNDNESS = 0.3  # of the body under the cloth


@dataclass(frozen=True)
class Fold:
    """One family of parallel folds.

    Attributes:
        frequency: (2,), folds a box along x and y.
        phase: In radians.
        steepness: Relative slope of its flanks.
        bend: How the folds wander, in units of a few radians.
        presence: Where they are deep and where they run out.
    """

    frequency: Floats
    phase: float
    steepness: float
    bend: Waves
    presence: Waves


@dataclass(frozen=True)
class Surface:
    """Deformed cloth at the points of a grid.

    Attributes:
        x: Which column of the flat cloth is seen there, in parts of the box.
        y: Which row.
        shade: The light that it sends back, 1 for flat cloth.
    """

    x: Floats
    y: Floats
    shade: Floats


@dataclass(frozen=True)
class Drape:
    """How cloth hangs on a body, at no particular strength.

    Attributes:
        stretch: Smooth fields that displace it along x and y.
        folds: The families of folds.
        view: (2,), tangents of the angles at which the camera looks at the folds.
        unevenness: A smooth field of brightness.
    """

    stretch: tuple[Waves, Waves]
    folds: tuple[Fold, ...]
    view: Floats
    unevenness: Waves

    def on(self, x: Floats, y: Floats, light: Floats, strength: float) -> Surface:
        """Evaluate the cloth.

        Args:
            x: (w,), evenly spaced columns.
            y: (h,), evenly spaced rows.
            light: (3,), unit vector towards the light; z towards the camera.
            strength: 0 for flat cloth, 1 for the worst.

        Returns:
            Fields of shape (h, w).
        """
        height = np.zeros((len(y), len(x)))
        shift_x = _STRETCH * strength * self.stretch[0].on(x, y)
        shift_y = _STRETCH * strength * self.stretch[1].on(x, y)
        for fold in self.folds:
            norm = float(np.hypot(*fold.frequency))
            phase = TURN * (fold.frequency[0] * x + (fold.frequency[1] * y)[:, None])
            phase += fold.phase + fold.bend.on(x, y)
            slope = np.clip(0.55 + 0.6 * fold.presence.on(x, y), 0.0, 1.2)
            slope *= _STEEPEST * strength * fold.steepness
            # Skewing the sine makes crests sharper on one flank, as gravity does.
            skewed = phase + 0.5 * np.sin(phase)
            height += slope / (TURN * norm) * np.sin(skewed)
            # The integral of half the squared slope is the length that a fold takes up.
            taken = slope**2 / (8.0 * TURN * norm**2) * np.sin(2.0 * skewed)
            shift_x += taken * fold.frequency[0]
            shift_y += taken * fold.frequency[1]
        shift_x -= self.view[0] * height
        shift_y -= self.view[1] * height
        across = x - 0.5
        shift_x += _ROUNDNESS * strength * across**3
        slope_y, slope_x = np.gradient(height, y, x)
        lambert = light[2] - light[0] * slope_x - light[1] * slope_y
        lambert /= light[2] * np.sqrt(1.0 + slope_x**2 + slope_y**2)
        shade = 1.0 + (0.35 + 0.4 * strength) * (lambert - 1.0)
        shade *= 1.0 + 0.07 * strength * self.unevenness.on(x, y)
        shade *= 1.0 - 0.9 * strength * across**2
        return Surface(x + shift_x, y[:, None] + shift_y, np.clip(shade, 0.15, 1.4))


def draw_drape(rng: np.random.Generator, kind: str) -> Drape:
    """Draw how a garment of a kind hangs: skirts in upright folds, tops in slanting creases."""
    hanging = kind in ("dress", "skirt", "trousers")
    folds = []
    for _ in range(3):
        angle = (0.18 if hanging else 0.75) * rng.standard_normal()
        frequency = rng.uniform(2.0, 6.0)
        folds.append(
            Fold(
                frequency * np.array([np.cos(angle), np.sin(angle)]),
                TURN * rng.random(),
                rng.uniform(0.35, 1.0),
                draw_waves(rng, 0.7),
                draw_waves(rng, 1.0),
            )
        )
    return Drape(
        (draw_waves(rng, 0.9), draw_waves(rng, 0.9)),
        tuple(folds),
        rng.uniform(0.3, 0.8) * _direction(TURN * rng.random()),
        draw_waves(rng, 0.6),
    )


def _direction(angle: float) -> Floats:
    return np.array([np.cos(angle), np.sin(angle)])


def fix_gauge(surface: Surface, x: Floats, y: Floats, visible: Floats) -> Surface:
    """Return the surface less its least-squares affine displacement over the visible points.

    A photo does not tell a shifted, scaled or sheared print from one that the body shifts, scales
    or shears: without this no method could know where the flat truth lies.

    Args:
        surface: Fields of shape (h, w).
        x: (w,), columns.
        y: (h,), rows.
        visible: (h, w), the weight of each point.
    """
    columns, rows = np.broadcast_arrays(x, y[:, None])
    basis = np.stack([np.ones_like(columns), columns - 0.5, rows - 0.5]).reshape(3, -1)
    shifts = np.stack([surface.x - columns, surface.y - rows]).reshape(2, -1)
    weighted = basis * visible.ravel()
    affine = np.linalg.solve(weighted @ basis.T, weighted @ shifts.T)
    fitted = (affine.T @ basis).reshape(2, *visible.shape)
    return Surface(surface.x - fitted[0], surface.y - fitted[1], surface.shade)
