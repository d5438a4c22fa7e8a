"""One split of a procedural dataset: a row is rendered when it is asked for."""

from __future__ import annotations

import hashlib
import json
from abc import abstractmethod
from collections.abc import Mapping, Sequence

from ...core.errors import TpgbenchError
from ..base import Dataset, Row
from ..synth.identity import check_size

LICENCE = "CC0-1.0"
MAX_ROWS = 10_000_000  # whose ids are listed at once


class RenderedSplit(Dataset):
    """Rows that are a function of the version, the seed, the split and the index."""

    licence = LICENCE

    def __init__(
        self,
        name: str,
        split: str,
        *,
        rows: int | None,
        size: int,
        seed: int,
        version: int,
        options: Mapping[str, str],
    ) -> None:
        """Open a split; nothing is rendered yet.

        Args:
            name: The dataset's.
            split: The split's.
            rows: How many it has, or None if it has no end.
            size: In pixels.
            seed: Another seed is another dataset.
            version: The renderer's.
            options: What else determines the rows.

        Raises:
            TpgbenchError: The size is outside 64 to 1024, or the seed negative.
        """
        check_size(size)
        if seed < 0:
            raise TpgbenchError(f"{name}: seed {seed}: give a seed of at least 0")
        self.name = name
        self.split = split
        self.size = size
        self._rows = rows
        self._seed = seed
        # Not the size: it is another part of a run's identity, and the scenes do not change.
        identity = {"name": name, "version": version, "seed": seed, "options": dict(options)}
        canonical = json.dumps(identity, sort_keys=True, separators=(",", ":"))
        self.fingerprint = hashlib.sha256(canonical.encode()).hexdigest()

    def sample_ids(self, limit: int | None = None) -> Sequence[str]:
        """Return the ids of the first ``limit`` rows, or of all; nothing is rendered.

        Raises:
            TpgbenchError: The split is endless and no limit was given, or one over 10 million.
        """
        count = limit if self._rows is None else self._rows
        if count is None:
            raise TpgbenchError(f"{self.name}: the split '{self.split}' is endless: give --limit")
        if limit is not None:
            count = min(count, limit)
        if count > MAX_ROWS:
            raise TpgbenchError(
                f"{self.name}: {count:,} rows of '{self.split}' are too many: ask for at most "
                f"{MAX_ROWS:,}"
            )
        return [self._row_id(index) for index in range(count)]

    def __getitem__(self, index: int) -> Row:
        """Render a row.

        Raises:
            IndexError: There is no such row.
        """
        if index < 0 or (self._rows is not None and index >= self._rows):
            raise IndexError(f"{self.name}: the split '{self.split}' has no row {index}")
        return self._render(index)

    @abstractmethod
    def _row_id(self, index: int) -> str:
        """Return the id of a row."""

    @abstractmethod
    def _render(self, index: int) -> Row:
        """Render an existing row."""
