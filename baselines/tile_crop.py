"""A rectangle of the garment, tiled."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ..benchmark.model import ModelCard
from ..core.images import Mask
from .base import Baseline, BaselineConfig
from .region import EDGE, interior, largest_rectangle


class TileCropConfig(BaselineConfig):
    """Options of `TileCrop`."""

    margin: float = Field(
        EDGE,
        ge=0.0,
        le=0.25,
        description="Distance of the rectangle from the garment's edge, as a fraction of the side.",
    )
    mirror: bool = Field(
        True,
        description="Mirror every other tile, which hides the seams; otherwise repeat it as it is.",
    )


class TileCrop(Baseline):
    """The largest rectangle inside the garment, tiled from its own place."""

    name = "tile-crop"
    card = ModelCard(
        title="Largest rectangle inside the garment, tiled",
        source="Common practice; the mirrored tiling is that of texture mapping (GL_MIRRORED_REPEAT"
        " in OpenGL 1.4)",
        licence="Apache-2.0",
        limits="The rectangle is not a unit cell: the pattern's own repeat breaks at every seam.",
    )
    config_type = TileCropConfig
    config: TileCropConfig

    def fill(
        self, cloth: NDArray[np.float32], mask: Mask, rng: np.random.Generator
    ) -> NDArray[np.float32]:
        """Return the tiling; inside the rectangle the garment stays where it is."""
        tile = largest_rectangle(interior(mask, self.config.margin))
        rows = self._source_pixels(mask.shape[0], tile.top, tile.bottom)
        columns = self._source_pixels(mask.shape[1], tile.left, tile.right)
        return cloth[np.ix_(rows, columns)]

    def _source_pixels(self, size: int, start: int, stop: int) -> NDArray[np.intp]:
        """Return the source, in ``start`` to ``stop``, of each of ``size`` pixels in a line."""
        length = stop - start
        offset = np.arange(size) - start
        if self.config.mirror:
            offset %= 2 * length
            return start + np.minimum(offset, 2 * length - 1 - offset)
        return start + offset % length
