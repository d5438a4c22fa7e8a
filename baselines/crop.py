"""The garment as it was photographed."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ..benchmark.model import ModelCard
from ..core.images import Mask
from .base import Baseline, BaselineConfig
from .fill import inverse_distance_fill


class CropConfig(BaselineConfig):
    """Options of `Crop`."""

    flatten: bool = Field(False, description="Divide out the garment's shading first.")
    outside: Literal["mean", "blend"] = Field(
        "mean",
        description="What fills the frame around the garment: its mean colour, or a blend of its "
        "colours in which near ones count more.",
    )


class Crop(Baseline):
    """The garment in its box, on a background of its own colour."""

    name = "crop"
    card = ModelCard(
        title="Box of the garment, the outside filled",
        source="The input itself; the blend after D. Shepard, A two-dimensional interpolation "
        "function for irregularly-spaced data, ACM 1968",
        licence="Apache-2.0",
        limits="Folds, shading and distortion stay; where the garment is hidden there is no "
        "pattern.",
    )
    config_type = CropConfig
    config: CropConfig

    def fill(
        self, cloth: NDArray[np.float32], mask: Mask, rng: np.random.Generator
    ) -> NDArray[np.float32]:
        """Return the garment with everything around it filled."""
        if self.config.outside == "blend":
            return inverse_distance_fill(cloth, mask)
        return np.where(mask[..., None], cloth, cloth[mask].mean(axis=0))
