"""Rows of any dataset kept on disk, so that a costly one is read or rendered only once."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...core.files import write_atomic
from ..base import Dataset, MannequinRow, Row, TpgRow

_ROW_TYPES: dict[str, type[Row]] = {"tpg": TpgRow, "mannequin": MannequinRow}
_FACTS = "facts"  # the archive's entry for everything that is no image


class CachedDataset(Dataset):
    """A dataset whose rows are stored under a folder as they are asked for.

    The folder is safe to delete, in whole or in part, at any time: a row that is missing, torn or
    damaged is taken from the dataset again. Datasets, splits and sizes may share one folder, and
    so may processes.
    """

    def __init__(self, dataset: Dataset, folder: Path) -> None:
        """Put a cache in front of ``dataset``; nothing is read or written yet."""
        self.name = dataset.name
        self.task = dataset.task
        self.split = dataset.split
        self.size = dataset.size
        self.fit = dataset.fit
        self.track = dataset.track
        self.fingerprint = dataset.fingerprint
        self.licence = dataset.licence
        self._dataset = dataset
        identity = json.dumps([self.fingerprint, self.name, self.split, self.size])
        self._folder = folder / hashlib.sha256(identity.encode()).hexdigest()[:32]

    def sample_ids(self, limit: int | None = None) -> Sequence[str]:
        """Return the dataset's ids.

        Raises:
            TpgbenchError: As the dataset's own.
        """
        return self._dataset.sample_ids(limit)

    def __getitem__(self, index: int) -> Row:
        """Return a row from the folder, or from the dataset and keep it.

        Raises:
            IndexError: There is no such row.
            TpgbenchError: The row cannot be had, or the folder cannot be written.
        """
        path = self._folder / f"{index}.npz"
        row = _load(path, _ROW_TYPES[self.task])
        if row is None:
            row = self._dataset[index]
            # Not waiting for the disk: a torn file is noticed by its checksums.
            write_atomic(path, _pack(row), durable=False)
        return row


def _pack(row: Row) -> bytes:
    """Encode a row as an .npz archive: the images as arrays, the rest as JSON."""
    values: dict[str, Any] = dict(vars(row))
    arrays: dict[str, Any] = {
        name: value for name, value in values.items() if isinstance(value, np.ndarray)
    }
    facts = {name: value for name, value in values.items() if name not in arrays}
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
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, zlib.error):
        return None
