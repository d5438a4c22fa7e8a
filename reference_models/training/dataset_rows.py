"""Rows of the benchmark's datasets as training data."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any, ClassVar

from ...core.errors import TpgbenchError
from ...datasets_builders.base import Dataset
from ...datasets_builders.load import open_dataset
from .blocks import RowSource


@dataclass(frozen=True)
class DatasetRows(RowSource):
    """Rows of a split; a finite split starts over at its end.

    Attributes:
        dataset: A registered name or a folder.
        split: Which of its splits.
        size: Side in pixels.
        seed: Of a procedural dataset.
    """

    task: ClassVar[str]

    dataset: str
    split: str
    size: int
    seed: int = 0

    @property
    def identity(self) -> str:
        """What determines the rows, including the version of the renderer."""
        facts = asdict(self) | {"dataset": self.open().fingerprint} | self.further_identity()
        return json.dumps(facts, sort_keys=True)

    def further_identity(self) -> dict[str, Any]:
        """Return what else determines the rows, as JSON values."""
        return {}

    def count(self) -> int | None:
        """Return how many rows there are, or None if it is endless."""
        try:
            return len(self.open())
        except TpgbenchError:
            return None

    def open(self) -> Dataset:
        """Return the dataset, opened once.

        Raises:
            TpgbenchError: It is unavailable, or of another task.
        """
        return _open(type(self).task, self.dataset, self.split, self.size, self.seed)

    def check_held_out(self) -> None:
        """Raise unless this split exists, for validation.

        Raises:
            TpgbenchError: There is none.
        """
        try:
            self.open()
        except TpgbenchError as error:
            raise TpgbenchError(f"--held-out {self.split}: {error}") from error

    def row(self, index: int) -> Any:
        """Return a row of the dataset, unprocessed."""
        count = _count(self)
        return self.open()[index if count is None else index % count]


@lru_cache(maxsize=8)
def _open(task: str, name: str, split: str, size: int, seed: int) -> Dataset:
    dataset = open_dataset(name, split, size=size, seed=seed)
    if dataset.task != task:
        raise TpgbenchError(
            f"{name}: is for the task '{dataset.task}': give --dataset one of the task '{task}'"
        )
    return dataset


@lru_cache(maxsize=8)
def _count(rows: DatasetRows) -> int | None:
    return rows.count()
