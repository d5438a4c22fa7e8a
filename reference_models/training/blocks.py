"""Rows as arrays, made once and cached in blocks on disk, so that rendering does not slow training.

A block is one safetensors file of consecutive rows. It is written whole or not at all, is a
function of its source and number, and may be deleted at any time: missing blocks are made again.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from ...core.errors import TpgbenchError
from ...core.files import explain_os_errors, write_atomic
from ...core.processes import follow_parent

Array = NDArray[Any]

_OPEN_BLOCKS = 1024  # each is a mapping into memory, of which a process may have some 65,000


class RowSource(ABC):
    """A source of rows: small, picklable, and a pure function of the index."""

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
    """The rows of a source, made ahead of time by other processes. Not thread-safe.

    Args:
        source: Of the rows.
        folder: Of the blocks; sources and processes may share one.
        rows: Per block.
        workers: Processes that make blocks.
    """

    def __init__(
        self, source: RowSource, folder: Path, *, rows: int = 128, workers: int = 1
    ) -> None:
        self._source = source
        self._rows = rows
        identity = f"{rows}:{source.identity}"
        self._folder = folder / hashlib.sha256(identity.encode()).hexdigest()[:32]
        # Forked processes would inherit our locks and threads.
        self._pool = ProcessPoolExecutor(
            workers, mp_context=get_context("spawn"), initializer=follow_parent
        )
        self._making: dict[int, Future[None]] = {}
        self._open: OrderedDict[int, Any] = OrderedDict()

    def __enter__(self) -> BlockStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def identity(self) -> str:
        """What determines the rows of the source."""
        return self._source.identity

    def close(self) -> None:
        """Stop making blocks; started ones are finished, waiting ones are dropped."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._open.clear()

    def prepare(self, indices: Iterable[int]) -> None:
        """Start making the blocks of these rows, without waiting.

        Raises:
            TpgbenchError: A process that makes them was killed.
        """
        for number in sorted({index // self._rows for index in indices}):
            if number not in self._open and number not in self._making:
                path = self._path(number)
                if not path.is_file():
                    self._making[number] = self._make(number)

    def gather(self, indices: Sequence[int]) -> dict[str, Array]:
        """Return rows, stacked by name, waiting for those that are not there yet.

        Raises:
            IndexError: The source has no such row.
            TpgbenchError: A row cannot be read, or the folder cannot be written.
        """
        self.prepare(indices)
        rows = [self._row(index) for index in indices]
        return {name: np.stack([row[name] for row in rows]) for name in rows[0]}

    def _row(self, index: int) -> dict[str, Array]:
        number, place = divmod(index, self._rows)
        if number not in self._open:
            self._open[number] = self._load(number)
            if len(self._open) > _OPEN_BLOCKS:
                self._open.popitem(last=False)
        self._open.move_to_end(number)
        block = self._open[number]
        return {name: block.get_slice(name)[place] for name in block.keys()}  # noqa: SIM118

    def _load(self, number: int) -> Any:
        path = self._path(number)
        making = self._making.pop(number, None)
        if making is not None:
            self._wait(making)
        try:
            return safe_open(path, framework="numpy")
        except (SafetensorError, FileNotFoundError):  # damaged, or just deleted
            path.unlink(missing_ok=True)
            self._wait(self._make(number))
            return safe_open(path, framework="numpy")

    def _make(self, number: int) -> Future[None]:
        try:
            return self._pool.submit(
                make_block, self._source, number, self._rows, self._path(number)
            )
        except BrokenProcessPool as error:
            raise _killed() from error

    def _wait(self, making: Future[None]) -> None:
        try:
            making.result()
        except BrokenProcessPool as error:
            raise _killed() from error

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:06d}.safetensors"


def make_block(source: RowSource, number: int, rows: int, path: Path) -> None:
    """Write one block, unless it is there: the rows from ``number * rows`` on, to the last.

    Raises:
        IndexError: The source has none of them.
        TpgbenchError: A row cannot be read, or the file cannot be written.
    """
    with explain_os_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    # Several trainers may need the same block: one makes it, the others wait.
    with FileLock(path.with_suffix(".lock")):
        if not path.is_file():
            write_atomic(path, save(_stack(source, number * rows, rows)))


def _stack(source: RowSource, first: int, rows: int) -> dict[str, Array]:
    made: list[Mapping[str, Array]] = []
    for index in range(first, first + rows):
        try:
            made.append(source.read(index))
        except IndexError:
            if not made:
                raise
            break
    return {name: np.stack([row[name] for row in made]) for name in made[0]}


def _killed() -> TpgbenchError:
    return TpgbenchError(
        "a process that makes training rows was killed, perhaps because memory ran out; free some "
        "memory and run the same command again: it resumes"
    )
