"""A rectangle of the garment, laid out like tiles."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from ..benchmark.model import ModelCard
from ..images import Mask
from .base import Baseline, BaselineConfig, FloatImage
from .region import interior, largest_rectangle


class TileCropConfig(BaselineConfig):
    """Options of `TileCrop`."""

    margin: float = Field(
        1 / 64,
        ge=0.0,
        le=0.25,
        description="How far the rectangle keeps from the mask's edge, in parts of the side.",
    )
    mirror: bool = Field(
        True, description="Mirror every other tile, so that no seam shows, instead of repeating it."
    )


class TileCrop(Baseline):
    """The largest rectangle inside the garment, tiled from where it lies."""

    name = "tile-crop"
    card = ModelCard(
        title="Largest rectangle inside the garment, tiled",
        source="Common practice in texture mapping",
        licence="Apache-2.0",
        limits="The tile is no unit cell: the pattern's repeat breaks at every seam.",
    )
    config_type = TileCropConfig
    config: TileCropConfig

    def fill(self, cloth: FloatImage, mask: Mask, rng: np.random.Generator) -> FloatImage:
        """Return the frame tiled; inside the rectangle itself the garment stays in place."""
        size = mask.shape[0]
        tile = largest_rectangle(interior(mask, round(self.config.margin * size)))
        rows = self._tiled(size, tile.top, tile.bottom)
        columns = self._tiled(size, tile.left, tile.right)
        return cloth[np.ix_(rows, columns)]

    def _tiled(self, size: int, start: int, stop: int) -> np.typing.NDArray[np.intp]:
        """Return for each of ``size`` pixels in a line the one of ``start..stop`` it shows."""
        length = stop - start
        offset = np.arange(size) - start
        if not self.config.mirror:
            return start + offset % length
        offset = offset % (2 * length)
        return start + np.minimum(offset, 2 * length - 1 - offset)
