"""Rows kept in memory, so that the stages of one process render each only once."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Hashable
from threading import Lock

import numpy as np

from ..base import Row


class RowMemory:
    """Rows by key, until they fill their share of memory; what comes later is made every time.

    Nothing is thrown out: every stage walks a split from its start, and a walk longer than the
    memory would throw out each row just before it is wanted again.

    Args:
        max_bytes: How much the images may take.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._rows: dict[Hashable, Row] = {}
        self._lock = Lock()

    def get(self, key: Hashable, make: Callable[[], Row]) -> Row:
        """Return the row of ``key``; its arrays are read-only, since others share them."""
        row = self._rows.get(key)
        if row is not None:
            return row
        row = make()
        images = [value for value in _values(row) if isinstance(value, np.ndarray)]
        for image in images:
            image.flags.writeable = False
        size = sum(image.nbytes for image in images)
        with self._lock:
            if key not in self._rows and self._bytes + size <= self._max_bytes:
                self._rows[key] = row
                self._bytes += size
        return row


def _values(row: Row) -> list[object]:
    return [getattr(row, field.name) for field in dataclasses.fields(row)]
