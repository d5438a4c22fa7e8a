"""Where every random number of a scene comes from: one stream per factor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import TypeVar

import numpy as np

T = TypeVar("T")

# The codes enter the seeds: never renumber them.
SPLIT_CODES = {"train": 0, "validation": 1, "test": 2, "robustness": 3, "paired": 4}


class Factor(IntEnum):
    """What can vary on its own: drawing more of one factor leaves the others untouched."""

    PATTERN = 0
    GARMENT = 1
    CLOTH = 2
    SCENE = 3
    OCCLUDER = 4
    NOISE = 5
    SEVERITY = 6
    CAPTION = 7


@dataclass(frozen=True)
class SceneKey:
    """What names a scene: equal keys, equal scenes, in any process and any order.

    Attributes:
        seed: The dataset's seed, at least 0.
        split: A key of `SPLIT_CODES`.
        index: Which scene of the split, at least 0.
    """

    seed: int
    split: str
    index: int

    def stream(self, factor: Factor) -> np.random.Generator:
        """Return a fresh generator for one factor of this scene."""
        return np.random.default_rng([self.seed, SPLIT_CODES[self.split], self.index, factor])


def pick(rng: np.random.Generator, options: Sequence[T]) -> T:
    """Return one of ``options``, all equally likely.

    `Generator.choice` would do, but NumPy does not promise to keep its stream.
    """
    return options[int(rng.random() * len(options))]


def between(rng: np.random.Generator, low: int, high: int) -> int:
    """Return a whole number from ``low`` to ``high``, both included."""
    return low + int(rng.random() * (high - low + 1))
