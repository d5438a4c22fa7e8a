"""What the baselines share: their options, and the loop over samples."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ..benchmark.model import Model, ModelConfig
from ..benchmark.sample import Sample
from ..images import Image, Mask
from .shading import flatten_shading

EDGE = 1 / 64  # part of the side within which a garment's edge mixes with its background

FloatImage = NDArray[np.float32]


class BaselineConfig(ModelConfig):
    """Options of every baseline.

    Lengths are given in parts of the frame's side, so that they hold at any size.
    """

    flatten: bool = Field(True, description="Divide out the garment's shading first.")
    flatten_sigma: float = Field(
        10 / 64,
        gt=0.0,
        le=1.0,
        description="Standard deviation of the shading's Gaussian, in parts of the side.",
    )


class Baseline(Model):
    """A model that treats each sample alone: subclass it and write `fill`."""

    task = "tpg"
    config_type = BaselineConfig
    config: BaselineConfig

    def generate(self, samples: Sequence[Sample], seeds: Sequence[int]) -> Sequence[Image]:
        """Return one uint8 image (size, size, 3) a sample, in order."""
        return [
            self._generate_one(sample, seed) for sample, seed in zip(samples, seeds, strict=True)
        ]

    @abstractmethod
    def fill(self, cloth: FloatImage, mask: Mask, rng: np.random.Generator) -> FloatImage:
        """Return the whole frame covered with the pattern that the mask shows.

        Args:
            cloth: The garment in the frame, float32 (size, size, 3), 0 to 1; its shading is
                divided out if the options say so. Outside the mask it shows something else.
            mask: True on the garment's visible pixels, bool (size, size); never empty.
            rng: The sample's own source of randomness.

        Returns:
            Float32 (size, size, 3); values outside 0 to 1 are clipped.
        """

    @staticmethod
    def pixels(part: float, mask: Mask) -> int:
        """Return a length that is given in parts of the side in whole pixels, 1 at least."""
        return max(1, round(part * mask.shape[0]))

    def _generate_one(self, sample: Sample, seed: int) -> Image:
        cloth = sample.garment.astype(np.float32) / np.float32(255)
        if self.config.flatten:
            cloth = flatten_shading(cloth, sample.mask, self.config.flatten_sigma * sample.size)
        pattern = self.fill(cloth, sample.mask, np.random.default_rng(seed))
        return np.rint(np.clip(pattern, 0, 1) * 255).astype(np.uint8)
