"""Rows kept once they are decoded: in memory for every dataset, on disk for the rendered ones."""

from __future__ import annotations

import copy
import hashlib
import io
import json
import warnings
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from ...core.errors import TpgbenchError
from ...core.files import write_atomic
from ..base import Dataset, MannequinRow, Row, TpgRow

MEMORY_BYTES = 256 << 20  # 200 rendered rows of 128 px take 60 MB

_ROW_TYPES: dict[str, type[Row]] = {"tpg": TpgRow, "mannequin": MannequinRow}
_FACTS = "facts"  # the archive's entry for everything that is not an image


class CachedRows(Dataset):
    """A dataset whose rows are decoded or rendered once, as far as the cache holds them.

    Each stage of a run reads the split from its start. So the memory keeps the first rows and
    takes no more when it is full: evicting would remove each row just before it is read again. An
    endless split is not kept in memory, since hardly any of its rows is read twice. A row that
    cannot be read is not kept at all. The cache ends with this object.

    The folder, if there is one, may be deleted at any time, in whole or in part: a row that is
    missing or damaged is taken from the dataset again. Datasets, splits, sizes and processes may
    share one folder. Where it cannot be written, there is one warning, and rows are only read
    from it.

    The arrays of all rows are read-only, and each caller has its own ``meta``: nobody can change
    a row for others. Several threads may read; a pickled copy starts with an empty memory.

    Args:
        dataset: Where the rows come from.
        folder: Where they are also stored as files; None for memory alone.
        max_bytes: How much memory the images of the kept rows may take.

    Attributes:
        uncached: The dataset itself.
    """

    def __init__(
        self, dataset: Dataset, folder: Path | None = None, *, max_bytes: int = MEMORY_BYTES
    ) -> None:
        self.name = dataset.name
        self.task = dataset.task
        self.split = dataset.split
        self.size = dataset.size
        self.fit = dataset.fit
        self.track = dataset.track
        self.fingerprint = dataset.fingerprint
        self.licence = dataset.licence
        self.published = dataset.published
        self.uncached = dataset
        self._folder = folder
        self._writes = folder is not None
        self._max_bytes = max_bytes
        self._bytes = 0
        self._rows: dict[int, Row] = {}
        self._lock = Lock()

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (self.uncached, self._folder, self._max_bytes)

    def sample_ids(self, limit: int | None = None) -> Sequence[str]:
        """Return the dataset's ids.

        Raises:
            TpgbenchError: As the dataset's own.
        """
        return self.uncached.sample_ids(limit)

    def __len__(self) -> int:
        return len(self.uncached)

    def __getitem__(self, index: int) -> Row:
        """Return a row from memory, else from the folder, else from the dataset.

        Raises:
            IndexError: There is no such row.
            TpgbenchError: The row cannot be read.
        """
        row = self._rows.get(index)
        if row is None:
            row = _read_only(self._from_folder(index))
            self._keep(index, row)
        return replace(row, meta=copy.deepcopy(dict(row.meta)))

    def _keep(self, index: int, row: Row) -> None:
        size = sum(image.nbytes for image in _images(row).values())
        with self._lock:
            fits = self._bytes + size <= self._max_bytes
            if fits and index not in self._rows and not self._endless:
                self._rows[index] = row
                self._bytes += size

    @cached_property
    def _endless(self) -> bool:
        try:
            self.uncached.sample_ids()
        except TpgbenchError:
            return True
        return False

    def _from_folder(self, index: int) -> Row:
        if self._folder is None:
            return self.uncached[index]
        path = self._folder / self._identity / f"{index}.npz"
        row = _load(path, _ROW_TYPES[self.task])
        if row is None:
            row = self.uncached[index]
            self._store(path, row)
        return row

    @cached_property
    def _identity(self) -> str:
        identity = json.dumps([self.fingerprint, self.name, self.split, self.size])
        return hashlib.sha256(identity.encode()).hexdigest()[:32]

    def _store(self, path: Path, row: Row) -> None:
        if not self._writes:
            return
        try:
            # Not waiting for the disk: a torn file is noticed by its checksums.
            write_atomic(path, _pack(row), durable=False)
        except TpgbenchError as error:
            with self._lock:
                first, self._writes = self._writes, False
            if first:
                warnings.warn(
                    f"{error}; rows of {self.name} are no longer stored there", stacklevel=4
                )


def _restore(dataset: Dataset, folder: Path | None, max_bytes: int) -> CachedRows:
    return CachedRows(dataset, folder, max_bytes=max_bytes)


def _images(row: Row) -> dict[str, Any]:
    return {name: value for name, value in vars(row).items() if isinstance(value, np.ndarray)}


def _read_only(row: Row) -> Row:
    """Return the row with read-only views of its arrays; the dataset's own stay as they are."""
    views = {name: image.view() for name, image in _images(row).items()}
    for view in views.values():
        view.flags.writeable = False
    return replace(row, **views)


def _pack(row: Row) -> bytes:
    """Encode a row as an .npz archive: the images as arrays, the rest as JSON."""
    arrays = _images(row)
    facts = {name: value for name, value in vars(row).items() if name not in arrays}
    arrays[_FACTS] = np.array(json.dumps(facts | {"meta": dict(row.meta)}))
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def _load(path: Path, row_type: type[Row]) -> Row | None:
    """Return a stored row, or None where there is no sound one."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays: dict[str, Any] = dict(stored)
        facts = json.loads(str(arrays.pop(_FACTS)))
        return row_type(**facts, **arrays)
    except Exception:  # damaged in any way: it is rendered again
        return None
