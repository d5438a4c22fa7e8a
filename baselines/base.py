"""The base class of the baselines: common options, and the loop over samples."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ..benchmark.model import Model, ModelConfig
from ..benchmark.sample import Sample
from ..core.images import Image, Mask, to_uint8
from .shading import flatten_shading


class BaselineConfig(ModelConfig):
    """Options of every baseline.

    Lengths are given as a fraction of the frame's side, so they fit any size.
    """

    flatten: bool = Field(
        True,
        description="Divide out the garment's shading first. Each model's default is the one that "
        "scores best on ctp-synth's aligned track and looks right on real photos.",
    )
    flatten_sigma: float = Field(
        10 / 64,
        gt=0.0,
        le=1.0,
        description="Standard deviation of the Gaussian that separates shading from pattern, as a "
        "fraction of the side.",
    )


class Baseline(Model):
    """A model that treats each sample on its own: subclass it and implement `fill`."""

    task = "tpg"
    config_type: ClassVar[type[BaselineConfig]] = BaselineConfig
    config: BaselineConfig

    def generate(self, samples: Sequence[Sample], seeds: Sequence[int]) -> Sequence[Image]:
        """Return one uint8 image (size, size, 3) per sample, in order.

        Args:
            samples: The batch.
            seeds: One per sample.
        """
        return [self._generate_one(*pair) for pair in zip(samples, seeds, strict=True)]

    @abstractmethod
    def fill(
        self, cloth: NDArray[np.float32], mask: Mask, rng: np.random.Generator
    ) -> NDArray[np.float32]:
        """Cover the whole frame with the pattern that shows inside the mask.

        Args:
            cloth: The garment in the frame, float32 (size, size, 3), 0 to 1, its shading divided
                out if the options say so. Outside the mask it shows no cloth.
            mask: True on the garment's visible pixels, bool (size, size), not empty.
            rng: The only source of randomness, seeded per sample.

        Returns:
            Float32 (size, size, 3), 0 to 1; values outside are clipped.
        """

    def _generate_one(self, sample: Sample, seed: int) -> Image:
        cloth = sample.garment.astype(np.float32) / np.float32(255)
        if self.config.flatten:
            cloth = flatten_shading(cloth, sample.mask, self.config.flatten_sigma * sample.size)
        pattern = self.fill(cloth, sample.mask, np.random.default_rng(seed))
        return to_uint8(pattern)
