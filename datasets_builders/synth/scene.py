"""Everything in a photo that is neither the garment nor in front of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from .figure import Pose
from .garments import GARMENTS
from .palette import draw_colour
from .raster import Floats, Points, fill, paint
from .shapes import TURN, circle, place
from .streams import pick
from .waves import Waves, draw_waves

_ANY = (0.0, 1.0)
_COMPANIONS = {
    "tee": ("skirt", "trousers"),
    "shirt": ("skirt", "trousers"),
    "skirt": ("tee",),
    "trousers": ("tee",),
    "dress": (),
}
BACKDROPS = ("plain", "graded", "room", "plaster", "panels", "lights")


@dataclass(frozen=True)
class Backdrop:
    """What is behind the figure.

    Attributes:
        kind: One of `BACKDROPS`.
        colour: Of the wall.
        accent: Of the floor, the panels' joints, or the lights.
        level: Height of the floor's edge, or the spacing of the panels; in parts of the photo.
        grain: Smooth unevenness of brightness, from broad to fine.
        spots: (n, 3), the lights' x, y and radius, in parts of the photo.
    """

    kind: str
    colour: Floats
    accent: Floats
    level: float
    grain: tuple[Waves, Waves]
    spots: Floats

    def on(self, side: int) -> Floats:
        """Paint it, float64 (side, side, 3)."""
        image = np.tile(self.colour, (side, side, 1))
        axis = (np.arange(side) + 0.5) / side
        if self.kind == "room":
            image[round(self.level * side) :] = self.accent
        if self.kind == "panels":
            joints = np.arange(0.3 * self.level, 1.0, self.level)
            for joint in joints:
                strip = place(np.array([[0, 0], [0.006, 0], [0.006, 1], [0, 1]]), (joint, 0.0))
                paint(image, fill([side * strip], (side, side)), self.accent)
        if self.kind == "lights":
            for x, y, radius in self.spots:
                disc = side * place(circle(radius), (x, y))
                paint(image, fill([disc], (side, side)), 0.6 + 0.4 * self.accent, opacity=0.35)
        if self.kind != "plain":
            image *= (1.0 + 0.04 * self.grain[0].on(axis, axis))[..., None]
        if self.kind == "plaster":
            image *= (1.0 + 0.03 * self.grain[1].on(axis, axis))[..., None]
        return image


@dataclass(frozen=True)
class Scene:
    """The drawn surroundings.

    Attributes:
        backdrop: What is behind the figure.
        surfaces: RGB by name: ``"skin"``, ``"hair"``, ``"shoes"``, ``"companion"``, ``"bag"``.
        companion: Panels of the plain garment that goes with the patterned one, in the figure's
            units; empty for a dress.
        long_hair: Whether hair falls behind the shoulders.
        light: (3,), unit vector towards the light; z towards the camera.
        tint: (3,), the light's colour times the exposure, around 1.
    """

    backdrop: Backdrop
    surfaces: Mapping[str, Floats]
    companion: Sequence[Points]
    long_hair: bool
    light: Floats
    tint: Floats


def draw_scene(rng: np.random.Generator, kind: str, pose: Pose) -> Scene:
    """Draw the surroundings of a garment of a kind, worn in a pose."""
    wall_value = (0.75, 0.98) if rng.random() < 0.7 else (0.2, 0.7)
    backdrop = Backdrop(
        pick(rng, BACKDROPS),
        draw_colour(rng, _ANY, (0.0, 0.14), wall_value),
        draw_colour(rng, _ANY, (0.05, 0.3), (0.3, 0.85)),
        rng.uniform(0.12, 0.25) if rng.random() < 0.5 else rng.uniform(0.78, 0.9),
        (draw_waves(rng, 0.5), draw_waves(rng, 18.0, count=12)),
        np.stack([rng.random(8), rng.random(8), rng.uniform(0.02, 0.08, 8)], axis=1),
    )
    surfaces = {
        "skin": draw_colour(rng, (0.04, 0.085), (0.25, 0.55), (0.36, 0.96)),
        "hair": draw_colour(rng, (0.02, 0.12), (0.3, 0.75), (0.05, 0.55)),
        "shoes": draw_colour(rng, _ANY, (0.0, 0.5), (0.06, 0.9)),
        "companion": draw_colour(rng, _ANY, (0.0, 0.5), (0.08, 0.95)),
        "bag": draw_colour(rng, (0.0, 0.12), (0.2, 0.8), (0.1, 0.75)),
    }
    companion: Sequence[Points] = ()
    if _COMPANIONS[kind]:
        companion = GARMENTS[pick(rng, _COMPANIONS[kind])](rng, pose).panels
    azimuth, low = rng.uniform(-0.4, 0.4) * TURN, rng.uniform(0.4, 0.85)
    # Light falls from above (y points down), more or less from the side.
    light = np.array([low * np.sin(azimuth), -low * np.cos(azimuth), 1.0])
    warmth = 0.025 * rng.standard_normal()
    exposure = rng.uniform(0.9, 1.06)
    return Scene(
        backdrop,
        surfaces,
        companion,
        bool(rng.random() < 0.55),
        light / np.sqrt(np.sum(light**2)),
        exposure * np.array([1.0 + warmth, 1.0, 1.0 - warmth]),
    )


def paint_solid(image: Floats, contours: Sequence[Points], colour: Floats, light: Floats) -> None:
    """Paint a plain rounded thing, brighter on the side of the light.

    Args:
        image: (height, width, 3), changed in place.
        contours: In pixels.
        colour: RGB.
        light: As `Scene.light`.
    """
    patch = fill(contours, (image.shape[0], image.shape[1]))
    across = np.linspace(-1.0, 1.0, patch.coverage.shape[1])
    shade = 1.0 + 0.16 * light[0] * across - 0.1 * across**2
    paint(image, patch, np.clip(colour * shade[:, None], 0.0, 1.0))
