"""Soft fill by the garment's own autocorrelation."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ..benchmark.model import ModelCard
from ..core.images import Mask
from .autocorrelation import lag_lengths, lag_map_shape, masked_autocorrelation
from .base import Baseline, BaselineConfig
from .fill import inverse_distance_fill, mean_of_translates
from .region import interior

_MIN_OVERLAP = 0.04


class AutofillConfig(BaselineConfig):
    """Options of `Autofill`."""

    sharpness: float = Field(
        14.0,
        ge=0.0,
        le=60.0,
        description="How strongly a better repeat outweighs a worse one: the weight of a shift is "
        "exp(sharpness * (its autocorrelation - 1)).",
    )
    min_similarity: float = Field(
        0.2, ge=0.0, le=1.0, description="Autocorrelation above which a shift counts."
    )
    reach: float = Field(
        60 / 64,
        gt=0.0,
        le=100.0,
        description="Length over which a shift's weight falls by a factor of e, as a fraction of "
        "the side.",
    )
    rounds: int = Field(
        3,
        ge=1,
        le=10,
        description="How often the repeat is searched for: first in the garment, then in the "
        "result, which has no holes and no folds.",
    )


class Autofill(Baseline):
    """Each pixel is a mean over the whole garment, weighted by how well each shift repeats it."""

    name = "autofill"
    card = ModelCard(
        title="Soft fill by the garment's own autocorrelation",
        source="tpgbench: the averaging of A. Buades, B. Coll and J.-M. Morel, A non-local "
        "algorithm for image denoising, CVPR 2005, over shifts instead of patches",
        licence="Apache-2.0",
        limits="One weight per shift for the whole garment, so distorted cloth blurs; what does "
        "not repeat is not continued.",
    )
    config_type = AutofillConfig
    config: AutofillConfig

    def fill(
        self, cloth: NDArray[np.float32], mask: Mask, rng: np.random.Generator
    ) -> NDArray[np.float32]:
        """Return the soft fill of the last round."""
        source = interior(mask)
        ground = inverse_distance_fill(cloth, source)
        nearness = self._nearness(mask)
        pattern, known = cloth, mask
        for _ in range(self.config.rounds):
            similarity = masked_autocorrelation(pattern, known, min_overlap=_MIN_OVERLAP)
            weights = nearness * np.exp(self.config.sharpness * (similarity - 1))
            # Thousands of shifts that repeat nothing would add up to haze. NaN compares false.
            weights = np.where(similarity > self.config.min_similarity, weights, 0)
            pattern = mean_of_translates(cloth, source, weights, ground)
            known = np.ones_like(mask)
        return pattern

    def _nearness(self, mask: Mask) -> NDArray[np.float32]:
        """Return how much each shift counts because of its length: a lag map, 0 to 1."""
        length = lag_lengths(lag_map_shape(mask)) / mask.shape[0]
        return np.asarray(np.exp(-length / self.config.reach), dtype=np.float32)
