"""From the figure's units to the photo's pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .raster import Floats, Points
from .shapes import rotation


@dataclass(frozen=True)
class Camera:
    """A similarity: it turns the figure, scales it, and moves it on the photo.

    Attributes:
        scale: The figure's height in parts of the photo's side.
        roll: In radians.
        shift: Where the figure's origin comes to lie, (x, y) in parts of the photo's side.
    """

    scale: float
    roll: float
    shift: Floats

    def project(self, contours: Sequence[Points], side: int) -> list[Points]:
        """Return contours in the pixels of a photo of ``side``."""
        matrix = side * self.scale * rotation(self.roll)
        return [contour @ matrix.T + side * self.shift for contour in contours]


def draw_camera(rng: np.random.Generator, panels: Sequence[Points]) -> Camera:
    """Aim at a garment: its square box takes 47 to 62 % of the photo's side, near the middle."""
    roll = 0.035 * rng.standard_normal()
    turned = np.concatenate(panels) @ rotation(roll).T
    low, high = turned.min(axis=0), turned.max(axis=0)
    scale = rng.uniform(0.47, 0.62) / float((high - low).max())
    centre = 0.5 + 0.035 * rng.uniform(-1.0, 1.0, 2)
    return Camera(scale, roll, centre - scale * 0.5 * (low + high))
