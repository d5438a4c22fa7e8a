"""Batches of garments and patterns: pure functions of the step, so a resume needs no state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import permutations
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...errors import TpgbenchError
from ..training.blocks import Array, BlockStore
from ..training.objective import Batches

_CHANNEL_ORDERS = np.array(list(permutations(range(3))))


@dataclass(frozen=True)
class Pool:
    """Which rows a step draws from.

    An endless dataset grows the pool while the training goes on, so that rendering keeps pace:
    a row is drawn ``reuse`` times on average, each time under another augmentation.

    Attributes:
        rows: How many rows there are at the first step; all of them if the dataset has an end.
        reuse: How many draws bring one row more, or None if the dataset has an end.
    """

    rows: int
    reuse: float | None

    def size(self, draws: int) -> int:
        """Return how many rows there are once ``draws`` have been drawn."""
        return self.rows if self.reuse is None else self.rows + int(draws / self.reuse)


class TpgBatches(Batches):
    """Augmented rows of `TpgRows` as tensors.

    A batch holds ``garment`` and ``pattern`` (B, 3, S, S) in [-1, 1], ``mask`` (B, 1, S, S) of 0
    and 1, ``labelled`` (B,) bool, ``fill`` where the rows have it, and ``progress``, the share of
    the training that is done.

    Args:
        store: The rows.
        pool: Which of them a step draws from.
        batch_size: Rows a process and step.
        steps: How many steps the training has.
        labelled: The share of rows whose pattern may be used; a row keeps its lot.
        only_labelled: Whether to draw no others.
        transpose: Whether x and y may change places. Not where the truth is drawn in a canonical
            orientation.
        seed: Of the draws and the augmentation.

    Raises:
        TpgbenchError: Only labelled rows are wanted, and there are none.
    """

    def __init__(
        self,
        store: BlockStore,
        pool: Pool,
        *,
        batch_size: int,
        steps: int,
        labelled: float = 1.0,
        only_labelled: bool = False,
        transpose: bool = True,
        seed: int = 0,
    ) -> None:
        self._store = store
        self._pool = pool
        self._batch_size = batch_size
        self._steps = steps
        self._labelled = labelled
        self._only_labelled = only_labelled
        self._transpose = transpose
        self._seed = seed
        if only_labelled and not any(map(self._keeps_label, range(pool.rows))):
            raise TpgbenchError(
                f"--labelled {labelled}: leaves none of {pool.rows} rows its pattern; give a "
                "larger share"
            )

    def take(self, step: int, rank: int, ranks: int) -> dict[str, Tensor]:
        """Return the rows of one process at one step.

        Raises:
            TpgbenchError: A row cannot be had.
        """
        rng = np.random.default_rng((self._seed, step, rank))
        indices = self._draw(self._pool_size(step, ranks), rng)
        rows = self._store.gather(indices)
        rows["labelled"] &= np.array([self._keeps_label(index) for index in indices])
        batch = to_tensors(self._augment(rows, rng))
        batch["progress"] = torch.tensor(step / max(self._steps, 1))
        return batch

    def identity(self) -> dict[str, Any]:
        """Return what determines the batches."""
        return {
            "rows": self._store.identity,
            "pool": asdict(self._pool),
            "labelled": [self._labelled, self._only_labelled],
            "transpose": self._transpose,
            "seed": self._seed,
        }

    def prepare(self, step: int, ranks: int) -> None:
        """Have the newest rows of a later step made, without waiting."""
        newest = self._pool_size(step, ranks) - 1
        self._store.prepare([newest])

    def _draw(self, pool: int, rng: np.random.Generator) -> list[int]:
        chosen: list[int] = []
        while len(chosen) < self._batch_size:
            index = int(rng.integers(pool))
            if not self._only_labelled or self._keeps_label(index):
                chosen.append(index)
        return chosen

    def _pool_size(self, step: int, ranks: int) -> int:
        return self._pool.size(step * self._batch_size * ranks)

    def _keeps_label(self, index: int) -> bool:
        return bool(np.random.default_rng((self._seed, index)).random() < self._labelled)

    def _augment(self, rows: Mapping[str, Array], rng: np.random.Generator) -> dict[str, Array]:
        """Turn each row's pictures the same way, and let its colour channels change places."""
        pictures = [name for name, array in rows.items() if array.ndim == 4]
        augmented = {name: np.empty_like(rows[name]) for name in pictures}
        for place in range(len(rows["labelled"])):
            mirror, flip, transpose = rng.integers(2, size=3).astype(bool)
            order = _CHANNEL_ORDERS[rng.integers(len(_CHANNEL_ORDERS))]
            for name in pictures:
                picture = rows[name][place]
                if len(picture) == 3:
                    picture = picture[order]
                if mirror:
                    picture = picture[:, :, ::-1]
                if flip:
                    picture = picture[:, ::-1]
                if transpose and self._transpose:
                    picture = picture.transpose(0, 2, 1)
                augmented[name][place] = picture
        return {**rows, **augmented}


def to_tensors(rows: Mapping[str, Array]) -> dict[str, Tensor]:
    """Return rows as tensors: pictures in [-1, 1], masks of 0 and 1, labels as they are."""
    tensors: dict[str, Tensor] = {}
    for name, array in rows.items():
        tensor = torch.from_numpy(array)
        if name == "mask":
            tensor = tensor.float()
        elif tensor.dtype == torch.uint8:
            tensor = tensor.float() / 127.5 - 1
        tensors[name] = tensor
    return tensors
