"""The rows that a step draws: a pure function of the step, so that a resume needs no state."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from torch import Tensor

from .blocks import Array, BlockStore
from .objective import Batches


@dataclass(frozen=True)
class Pool:
    """The rows that a step draws from.

    The pool of an endless dataset grows during training, so that rendering keeps pace:
    a row is drawn ``reuse`` times on average, each time with another augmentation.

    Attributes:
        rows: Size at the first step; all rows if the dataset is finite.
        reuse: Draws after which one row is added, or None if the dataset is finite.
    """

    rows: int
    reuse: float | None

    @classmethod
    def of(cls, count: int | None, *, first_rows: int, reuse: float) -> Pool:
        """Return the pool of a dataset with ``count`` rows, None if it is endless."""
        return cls(first_rows, reuse) if count is None else cls(count, None)

    def size(self, draws: int) -> int:
        """Return its size after ``draws`` draws."""
        return self.rows if self.reuse is None else self.rows + int(draws / self.reuse)


class PooledBatches(Batches):
    """Batches of rows that are drawn from a pool.

    Args:
        store: The rows.
        pool: Those that a step draws from.
        batch_size: Rows per process and step.
        seed: Of the draws and the augmentation.
    """

    def __init__(self, store: BlockStore, pool: Pool, *, batch_size: int, seed: int) -> None:
        self._store = store
        self._pool = pool
        self._batch_size = batch_size
        self._seed = seed

    def take(self, step: int, rank: int, ranks: int) -> dict[str, Tensor]:
        """Return the rows of one process at one step.

        Raises:
            TpgbenchError: A row cannot be read.
        """
        rng = np.random.default_rng((self._seed, step, rank))
        indices = self.draw(self._pool_size(step, ranks), rng)
        return self.to_batch(self._store.gather(indices), indices, step, rng)

    def prepare(self, step: int, ranks: int) -> None:
        """Start making the newest rows of a later step, without waiting."""
        self._store.prepare([self._pool_size(step, ranks) - 1])

    def identity(self) -> dict[str, Any]:
        """Return what determines the batches."""
        return {
            "rows": self._store.identity,
            "pool": asdict(self._pool),
            "seed": self._seed,
        }

    def draw(self, pool: int, rng: np.random.Generator) -> list[int]:
        """Return the indices of a batch, from the first ``pool`` rows."""
        return [int(index) for index in rng.integers(pool, size=self._batch_size)]

    @abstractmethod
    def to_batch(
        self, rows: dict[str, Array], indices: Sequence[int], step: int, rng: np.random.Generator
    ) -> dict[str, Tensor]:
        """Return stacked rows as tensors, augmented."""

    def _pool_size(self, step: int, ranks: int) -> int:
        return self._pool.size(step * self._batch_size * ranks)
