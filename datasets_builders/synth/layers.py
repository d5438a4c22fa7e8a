"""Rounded things laid over one another, each with its shading and its shadow."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from .camera import Camera
from .photo import soft_shadow
from .raster import Floats, Patch, Points, fill, paint

_ROUNDING = 0.0125  # how far in from its outline a thing curves, in the figure's units
_RELIEF = 0.75
_EDGE = 0.15
_SHADOW = 0.25


class Layers:
    """A photo that is painted from the back to the front.

    Attributes:
        image: float64 (side, side, 3), painted in place.
        visible: For each surface laid so far, the share of each pixel (side, side) that shows it.
    """

    def __init__(self, image: Floats, camera: Camera, light: Floats) -> None:
        """Start on a backdrop.

        Args:
            image: The backdrop, (side, side, 3).
            camera: Where the figure's units lie on it.
            light: (3,), unit vector towards the light; z towards the camera.
        """
        self.image = image
        self.visible: dict[str, Floats] = {}
        self._camera = camera
        self._light = light

    @property
    def figure(self) -> Floats:
        """The share of each pixel that shows anything but the backdrop, (side, side)."""
        return sum(self.visible.values(), np.zeros(self._shape))

    def patch(self, contours: Sequence[Points]) -> Patch:
        """Return what contours in the figure's units cover."""
        return fill(self._camera.project(contours, len(self.image)), self._shape)

    def lay(self, patch: Patch, surface: str, colour: Floats) -> None:
        """Lay a rounded thing over all that is there; it darkens what it hovers over.

        Args:
            patch: Its coverage.
            surface: What it is counted as in ``visible``.
            colour: (3,), or (height, width, 3) of the patch's window; RGB in even light.
        """
        shadow = _SHADOW * soft_shadow(patch.on(self._shape), self._light) * self.figure
        self.image *= 1.0 - shadow[..., None]
        shade = self._relief(patch.coverage)
        paint(self.image, patch, np.clip(colour * shade[..., None], 0.0, 1.0))
        for share in self.visible.values():
            share[patch.window] *= 1.0 - patch.coverage
        share = self.visible.setdefault(surface, np.zeros(self._shape))
        share[patch.window] += patch.coverage

    def mark(
        self, contours: Sequence[Points], surface: str, colour: Floats, opacity: float
    ) -> None:
        """Draw thin things on a surface, where it is visible."""
        patch = self.patch(contours)
        seen = Patch(patch.left, patch.top, patch.coverage * self.visible[surface][patch.window])
        paint(self.image, seen, colour, opacity)

    @property
    def _shape(self) -> tuple[int, int]:
        return self.image.shape[0], self.image.shape[1]

    def _relief(self, coverage: Floats) -> Floats:
        """Return the light on a cushion of the shape of a coverage, around 1."""
        radius = _ROUNDING * self._camera.scale * len(self.image)
        height = ndimage.gaussian_filter(coverage, radius, mode="constant", truncate=3.0)
        slope_y, slope_x = np.gradient(height)
        facing = -radius * (self._light[0] * slope_x + self._light[1] * slope_y)
        return np.asarray(1.0 + _RELIEF * facing - _EDGE * (1.0 - height))
