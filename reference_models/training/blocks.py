"""Rows as arrays, made once and kept in blocks on disk: a renderer must not starve a trainer.

A block is one safetensors file of consecutive rows. It appears whole or not at all, is a function
of its source and number, and may be deleted at any time: what is missing is made again.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from ...datasets_builders.workers import follow_parent
from ...errors import TpgbenchError
from ...files import explain_os_errors, write_atomic

Array = NDArray[Any]


class RowSource(ABC):
    """Where rows come from: small, picklable, and a pure function of the index."""

    @property
    @abstractmethod
    def identity(self) -> str:
        """What determines the rows: equal identities, equal rows."""

    @abstractmethod
    def read(self, index: int) -> Mapping[str, Array]:
        """Return one row; every row has the same names, shapes and types.

        Raises:
            IndexError: There is no such row.
            TpgbenchError: It cannot be read.
        """


class BlockStore:
    """The rows of a source, made by other processes ahead of need.

    Args:
        source: Where the rows come from.
        folder: Where the blocks are kept; sources and processes may share one.
        rows: How many a block holds.
        workers: How many processes make blocks.
    """

    def __init__(
        self, source: RowSource, folder: Path, *, rows: int = 128, workers: int = 1
    ) -> None:
        self._source = source
        self._rows = rows
        identity = f"{rows}:{source.identity}"
        self._folder = folder / hashlib.sha256(identity.encode()).hexdigest()[:32]
        # Forked, they would inherit our locks and threads.
        self._pool = ProcessPoolExecutor(
            workers, mp_context=get_context("spawn"), initializer=follow_parent
        )
        self._making: dict[int, Future[None]] = {}
        self._open: dict[int, Any] = {}

    def __enter__(self) -> BlockStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop making blocks; those in the making are dropped."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._open.clear()

    def prepare(self, indices: Iterable[int]) -> None:
        """Have the blocks of these rows made, without waiting."""
        for number in sorted({index // self._rows for index in indices}):
            if number not in self._open and number not in self._making:
                path = self._path(number)
                if not path.is_file():
                    self._making[number] = self._pool.submit(
                        make_block, self._source, number, self._rows, path
                    )

    def gather(self, indices: Sequence[int]) -> dict[str, Array]:
        """Return rows, stacked by name, waiting for those that are not made yet.

        Raises:
            TpgbenchError: A row cannot be had, or the folder cannot be written.
        """
        self.prepare(indices)
        rows = [self._row(index) for index in indices]
        return {name: np.stack([row[name] for row in rows]) for name in rows[0]}

    def _row(self, index: int) -> dict[str, Array]:
        number, place = divmod(index, self._rows)
        block = self._open.get(number)
        if block is None:
            block = self._open[number] = self._load(number)
        return {name: block.get_slice(name)[place] for name in block.keys()}  # noqa: SIM118

    def _load(self, number: int) -> Any:
        path = self._path(number)
        making = self._making.pop(number, None)
        try:
            if making is not None:
                making.result()
            try:
                return safe_open(path, framework="numpy")
            except (SafetensorError, FileNotFoundError):  # damaged, or just deleted
                self._pool.submit(make_block, self._source, number, self._rows, path).result()
                return safe_open(path, framework="numpy")
        except BrokenProcessPool as error:
            raise TpgbenchError(
                "a process that renders training rows was killed, for want of memory perhaps; "
                "free some and start again: training resumes"
            ) from error

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:06d}.safetensors"


def make_block(source: RowSource, number: int, rows: int, path: Path) -> None:
    """Write one block: the rows from ``number * rows`` on.

    Raises:
        TpgbenchError: A row cannot be had, or the file cannot be written.
    """
    made = [source.read(index) for index in range(number * rows, (number + 1) * rows)]
    arrays = {name: np.stack([row[name] for row in made]) for name in made[0]}
    with explain_os_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        # Not waiting for the disk: a torn block is noticed and made again.
        write_atomic(path, save(arrays), durable=False)
