"""Where a whole figure stands: a background that a few words name, a floor, and the light."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from .camera import Camera
from .colours import draw_named
from .palette import draw_colour
from .raster import Floats, fill, paint
from .scene import Backdrop
from .shapes import TURN, ellipse, place, rectangle
from .streams import pick
from .waves import draw_waves

# The backdrop behind the figure, and whether a floor begins below it.
_KINDS: Mapping[str, tuple[str, bool]] = {
    "studio": ("graded", False),
    "room": ("graded", True),
    "plaster": ("plaster", True),
    "panels": ("panels", True),
    "lights": ("lights", False),
}
BACKGROUNDS = tuple(_KINDS)
# No wall is black or brown: dark hair and skin would be lost before it.
_LIGHT_WALLS = frozenset({"white", "grey", "beige", "pink", "green", "blue", "purple"})
_DARK_WALLS = frozenset({"grey", "maroon", "green", "teal", "navy", "purple"})
_SKIRTING = 0.012


@dataclass(frozen=True)
class Stage:
    """The surroundings.

    Attributes:
        background: One of `BACKGROUNDS`.
        wall: The basic word of its colour, one of `colours.COLOURS`.
        backdrop: What is behind the figure.
        floor: RGB of the floor, or None if the backdrop runs through.
        level: Height of the floor's edge, in parts of the photo.
        light: (3,), unit vector towards the light; z towards the camera.
        tint: (3,), the light's colour times the exposure, around 1.
    """

    background: str
    wall: str
    backdrop: Backdrop
    floor: Floats | None
    level: float
    light: Floats
    tint: Floats

    def on(self, side: int, camera: Camera) -> Floats:
        """Paint it, float64 (side, side, 3), with the shadow that the figure's feet cast."""
        image = self.backdrop.on(side)
        if self.floor is not None:
            level = self.level * side
            skirting = rectangle(0, level - _SKIRTING * side, side, level)
            paint(image, fill([skirting], (side, side)), 0.5 + 0.5 * self.backdrop.colour)
            paint(image, fill([rectangle(0, level, side, side)], (side, side)), self.floor)
        spot = place(ellipse(0.13, 0.014), (-0.03 * self.light[0], 0.992))
        shadow = fill(camera.project([spot], side), (side, side)).on((side, side))
        image *= 1.0 - 0.5 * ndimage.gaussian_filter(shadow, 0.009 * side)[..., None]
        return image


def draw_stage(rng: np.random.Generator) -> Stage:
    """Draw the surroundings of a whole figure."""
    background = pick(rng, BACKGROUNDS)
    kind, has_floor = _KINDS[background]
    lit = background == "lights"
    wall, colour = draw_named(rng, _DARK_WALLS if lit else _LIGHT_WALLS, "dark" if lit else "light")
    backdrop = Backdrop(
        kind,
        colour,
        draw_colour(rng, (0.0, 1.0), (0.05, 0.3), (0.5, 0.95)),
        rng.uniform(0.16, 0.25),
        (draw_waves(rng, 0.5), draw_waves(rng, 18.0, count=40)),
        np.stack([rng.random(10), rng.random(10), rng.uniform(0.02, 0.07, 10)], axis=1),
    )
    floor = draw_colour(rng, (0.03, 0.13), (0.05, 0.4), (0.35, 0.8))
    azimuth, low = rng.uniform(-0.2, 0.2) * TURN, rng.uniform(0.5, 0.9)
    # Light falls from above (y points down), more or less from the side.
    light = np.array([low * np.sin(azimuth), -low * np.cos(azimuth), 1.0])
    warmth = 0.015 * rng.standard_normal()
    exposure = rng.uniform(1.0, 1.1)
    return Stage(
        background,
        wall,
        backdrop,
        floor if has_floor else None,
        rng.uniform(0.76, 0.86),
        light / np.sqrt(np.sum(light**2)),
        exposure * np.array([1.0 + warmth, 1.0, 1.0 - warmth]),
    )
