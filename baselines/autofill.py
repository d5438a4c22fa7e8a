"""Soft fill by the garment's own autocorrelation."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ..benchmark.model import ModelCard
from ..images import Mask
from .autocorrelation import lag_lengths, masked_autocorrelation
from .base import EDGE, Baseline, BaselineConfig, FloatImage
from .fill import inverse_distance_fill, mean_of_translates
from .region import interior

_MIN_OVERLAP = 0.04


class AutofillConfig(BaselineConfig):
    """Options of `Autofill`."""

    sharpness: float = Field(
        14.0,
        ge=0.0,
        le=60.0,
        description="How far a better repeat outweighs a worse: exp(sharpness * similarity).",
    )
    reach: float = Field(
        60 / 64,
        gt=0.0,
        le=100.0,
        description="Distance over which a repeat's weight falls by e, in parts of the side.",
    )
    min_similarity: float = Field(
        0.2, ge=-1.0, le=1.0, description="Autocorrelation from which a lag counts at all."
    )
    rounds: int = Field(
        3,
        ge=1,
        le=10,
        description="How often the repeats are looked for: first in the garment, then in the "
        "filled frame, which has no holes.",
    )


class Autofill(Baseline):
    """Each pixel is a mean over the whole garment, weighted by how well each shift repeats it."""

    name = "autofill"
    card = ModelCard(
        title="Soft fill by the garment's own autocorrelation",
        source="tpgbench; the masked correlation after Padfield, IEEE TIP 2012",
        licence="Apache-2.0",
        limits="Blurs where the cloth is distorted or has no repeat.",
    )
    config_type = AutofillConfig
    config: AutofillConfig

    def fill(self, cloth: FloatImage, mask: Mask, rng: np.random.Generator) -> FloatImage:
        """Return the soft fill of the last round."""
        source = interior(mask, self.pixels(EDGE, mask))
        ground = inverse_distance_fill(cloth, source)
        pattern, known = cloth, mask
        for _ in range(self.config.rounds):
            similarity = masked_autocorrelation(pattern, known, min_overlap=_MIN_OVERLAP)
            pattern = mean_of_translates(cloth, source, self._weights(similarity), ground)
            known = np.ones_like(mask)
        return pattern

    def _weights(self, similarity: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the weight of the pixel at each lag: a lag map like the similarity."""
        # A lag map spans two frames.
        distance = lag_lengths(similarity.shape) / (self.config.reach * similarity.shape[0] / 2)
        weights = np.exp(self.config.sharpness * (similarity - 1) - distance)
        # The many lags that repeat nothing would add up to a fog; NaN compares false.
        return np.where(similarity > self.config.min_similarity, weights, 0).astype(np.float32)
