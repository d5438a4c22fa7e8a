"""Batches of garments and patterns, augmented."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import permutations
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...core.errors import TpgbenchError
from ...datasets_builders.base import Track
from ..training.blocks import Array, BlockStore
from ..training.pool import Pool, PooledBatches
from .contexts import label_tracks

_CHANNEL_ORDERS = np.array(list(permutations(range(3))))


class TpgBatches(PooledBatches):
    """Augmented rows of `TpgRows` as tensors.

    A batch holds ``garment`` and ``pattern`` (B, 3, S, S) in [-1, 1], ``mask`` (B, 1, S, S) of 0
    and 1, ``labelled`` (B,) bool, ``track_labels`` (B,) from `label_tracks`, ``fill`` if the rows
    have it, and ``progress``, the share of the training that is done.

    Args:
        store: The rows.
        pool: Those that a step draws from.
        batch_size: Rows per process and step.
        steps: Of the whole training.
        labelled: The share of rows whose pattern is used; it is the same rows at every step.
        only_labelled: Whether to draw no others.
        track: Of the rows. On ``"unaligned"`` rows are not transposed: their ground truth has a
            canonical orientation.
        seed: Of the draws and the augmentation.

    Raises:
        TpgbenchError: Only labelled rows are to be drawn, and there are none.
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
        track: Track = "aligned",
        seed: int = 0,
    ) -> None:
        super().__init__(store, pool, batch_size=batch_size, seed=seed)
        self._steps = steps
        self._labelled = labelled
        self._only_labelled = only_labelled
        self._track: Track = track
        if only_labelled and not any(map(self._keeps_label, range(pool.rows))):
            raise TpgbenchError(
                f"--labelled {labelled}: leaves none of {pool.rows} rows labelled; give a "
                "larger share"
            )

    def identity(self) -> dict[str, Any]:
        """Return what determines the batches."""
        return super().identity() | {
            "labelled": [self._labelled, self._only_labelled],
            "transpose": self._track == "aligned",
        }

    def draw(self, pool: int, rng: np.random.Generator) -> list[int]:
        """Return the indices of a batch, from the first ``pool`` rows."""
        chosen: list[int] = []
        while len(chosen) < self._batch_size:
            index = int(rng.integers(pool))
            if not self._only_labelled or self._keeps_label(index):
                chosen.append(index)
        return chosen

    def to_batch(
        self, rows: dict[str, Array], indices: Sequence[int], step: int, rng: np.random.Generator
    ) -> dict[str, Tensor]:
        """Return stacked rows as tensors, augmented."""
        rows["labelled"] &= np.array([self._keeps_label(index) for index in indices])
        batch = to_tensors(self._augment(rows, rng))
        batch["track_labels"] = label_tracks([self._track] * len(indices))
        batch["progress"] = torch.tensor(step / max(self._steps, 1))
        return batch

    def _keeps_label(self, index: int) -> bool:
        return bool(np.random.default_rng((self._seed, index)).random() < self._labelled)

    def _augment(self, rows: Mapping[str, Array], rng: np.random.Generator) -> dict[str, Array]:
        """Flip, transpose and permute the channels of all images of a row alike."""
        images = [name for name, array in rows.items() if array.ndim == 4]
        augmented = {name: np.empty_like(rows[name]) for name in images}
        for place in range(len(rows["labelled"])):
            mirror, flip, transpose = rng.integers(2, size=3).astype(bool)
            order = _CHANNEL_ORDERS[rng.integers(len(_CHANNEL_ORDERS))]
            for name in images:
                image = rows[name][place]
                if len(image) == 3:
                    image = image[order]
                if mirror:
                    image = image[:, :, ::-1]
                if flip:
                    image = image[:, ::-1]
                if transpose and self._track == "aligned":
                    image = image.transpose(0, 2, 1)
                augmented[name][place] = image
        return {**rows, **augmented}


def to_tensors(rows: Mapping[str, Array]) -> dict[str, Tensor]:
    """Return rows as tensors: images in [-1, 1], masks of 0 and 1, labels unchanged."""
    tensors: dict[str, Tensor] = {}
    for name, array in rows.items():
        tensor = torch.from_numpy(array)
        if name == "mask":
            tensor = tensor.float()
        elif tensor.dtype == torch.uint8:
            tensor = tensor.float() / 127.5 - 1
        tensors[name] = tensor
    return tensors
