"""The garment as it is photographed."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field

from ..benchmark.model import ModelCard
from ..images import Mask
from .base import Baseline, BaselineConfig, FloatImage
from .fill import inverse_distance_fill


class CropConfig(BaselineConfig):
    """Options of `Crop`."""

    outside: Literal["mean", "blend"] = Field(
        "mean",
        description="What covers the frame beyond the garment: its mean colour, or a blend of its "
        "colours, the nearest counting most.",
    )


class Crop(Baseline):
    """The garment's box, and beyond the garment its mean colour."""

    name = "crop"
    card = ModelCard(
        title="Box of the garment, the outside filled",
        source="The input itself: no method should score below it",
        licence="Apache-2.0",
        limits="Keeps folds, shading and distortion; invents nothing where the garment is hidden.",
    )
    config_type = CropConfig
    config: CropConfig

    def fill(self, cloth: FloatImage, mask: Mask, rng: np.random.Generator) -> FloatImage:
        """Return the garment on a ground of its own colour."""
        if self.config.outside == "blend":
            return inverse_distance_fill(cloth, mask)
        return np.where(mask[..., None], cloth, cloth[mask].mean(axis=0))
