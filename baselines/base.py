"""What the baselines share: their options, and the loop over samples."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ..benchmark.model import Model, ModelConfig
from ..benchmark.sample import Sample
from ..core.images import Image, Mask
from .shading import flatten_shading


class BaselineConfig(ModelConfig):
    """Options of every baseline. Lengths are in parts of the frame's side, so they fit any size."""

    flatten: bool = Field(
        True,
        description="Divide out the garment's shading first. The default of each model is what "
        "scores best on ctp-synth's aligned track and looks right on real photos.",
    )
    flatten_sigma: float = Field(
        10 / 64,
        gt=0.0,
        le=1.0,
        description="Standard deviation of the Gaussian that shading is told from the pattern by, "
        "in parts of the side.",
    )


class Baseline(Model):
    """A model that treats each sample alone: subclass it and write `fill`."""

    task = "tpg"
    config_type: ClassVar[type[BaselineConfig]] = BaselineConfig
    config: BaselineConfig

    def generate(self, samples: Sequence[Sample], seeds: Sequence[int]) -> Sequence[Image]:
        """Return one uint8 image (size, size, 3) a sample, in order.

        Args:
            samples: The batch.
            seeds: One a sample.
        """
        return [self._generate_one(*pair) for pair in zip(samples, seeds, strict=True)]

    @abstractmethod
    def fill(
        self, cloth: NDArray[np.float32], mask: Mask, rng: np.random.Generator
    ) -> NDArray[np.float32]:
        """Cover the whole frame with the pattern that shows inside the mask.

        Args:
            cloth: The garment in the frame, float32 (size, size, 3), 0 to 1, its shading divided
                out if the options say so. What it holds outside the mask is no cloth.
            mask: True on the garment's visible pixels, bool (size, size), not empty.
            rng: The sample's own source of randomness.

        Returns:
            Float32 (size, size, 3), 0 to 1; what lies beyond is clipped.
        """

    def _generate_one(self, sample: Sample, seed: int) -> Image:
        cloth = sample.garment.astype(np.float32) / np.float32(255)
        if self.config.flatten:
            cloth = flatten_shading(cloth, sample.mask, self.config.flatten_sigma * sample.size)
        pattern = self.fill(cloth, sample.mask, np.random.default_rng(seed))
        return np.rint(np.clip(pattern, 0, 1) * 255).astype(np.uint8)
