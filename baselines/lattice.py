"""The baseline `lattice`: the unit cell of the pattern's repeat, filled from all occurrences."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ..benchmark.model import ModelCard
from ..core.images import Mask
from .autocorrelation import masked_autocorrelation
from .base import Baseline, BaselineConfig
from .fill import inverse_distance_fill, mean_of_translates
from .region import interior
from .repeat import find_repeat, repeat_lags

_MIN_OVERLAP = 0.12


class LatticeConfig(BaselineConfig):
    """Options of `Lattice`."""

    min_period: float = Field(
        6 / 64, ge=1 / 64, le=0.5, description="Shortest repeat, as a fraction of the side."
    )
    min_similarity: float = Field(
        0.4, ge=0.0, le=1.0, description="Autocorrelation from which a shift counts as a repeat."
    )
    reach: float = Field(
        24 / 64,
        gt=0.0,
        le=100.0,
        description="Distance over which an occurrence's weight falls by a factor of e, as a "
        "fraction of the side.",
    )


class Lattice(Baseline):
    """Each pixel is the mean of its occurrences in the garment; near ones count more."""

    name = "lattice"
    card = ModelCard(
        title="Repeat lattice by masked autocorrelation, unit cell filled in",
        source="After Y. Liu, R. Collins and Y. Tsin, A computational model for periodic pattern "
        "perception based on frieze and wallpaper groups, IEEE TPAMI 2004",
        licence="Apache-2.0",
        limits="One rigid lattice, so distorted cloth blurs; without a repeat the hidden part is "
        "only a blend of colours.",
    )
    config_type = LatticeConfig
    config: LatticeConfig

    def fill(
        self, cloth: NDArray[np.float32], mask: Mask, rng: np.random.Generator
    ) -> NDArray[np.float32]:
        """Return the frame filled along the lattice, or blended where there is none."""
        side = mask.shape[0]
        source = interior(mask)
        ground = inverse_distance_fill(cloth, source)
        similarity = masked_autocorrelation(cloth, mask, min_overlap=_MIN_OVERLAP)
        vectors = find_repeat(
            similarity,
            side,
            min_period=self.config.min_period,
            min_similarity=self.config.min_similarity,
        )
        if len(vectors) == 0:
            return ground
        lags = repeat_lags(vectors, side)
        weights = np.zeros_like(similarity)
        weights[tuple(lags.T)] = np.exp(-np.hypot(*lags.T) / (self.config.reach * side))
        return mean_of_translates(cloth, source, weights, ground)
