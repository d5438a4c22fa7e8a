"""Parquet files of images: written and read in bounded memory, named by split, found again."""

from __future__ import annotations

import re
import threading
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import accumulate
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ...core.errors import TpgbenchError

DATA_FOLDER = "data"
MANIFEST_NAME = "manifest.parquet"
SHARD_BYTES = 500 << 20
ROW_GROUP_BYTES = 4 << 20  # what a reader must hold to see one row
ROW_GROUP_ROWS = 2048

_SHARD = re.compile(
    r"(?P<split>.+?)(?:-(?P<index>\d{5})-of-(?P<count>\d{5})(?:-[0-9a-f]+)?)?\.parquet"
)


class RowGroupWriter:
    """Writes records to one Parquet file, holding at most one row group of them.

    Args:
        path: The new file; its folder must be there.
        schema: A ``pyarrow.Schema``.
    """

    def __init__(self, path: Path, schema: Any) -> None:
        self.written = 0  # bytes, as the caller counts them
        self._schema = schema
        # Uncompressed, because JPEG and PNG are compressed already.
        self._writer = pq.ParquetWriter(path, schema, compression="none", use_dictionary=False)
        self._records: list[Mapping[str, Any]] = []
        self._held = 0

    def write(self, record: Mapping[str, Any], size: int = 0) -> None:
        """Add a record that holds about ``size`` bytes."""
        self._records.append(record)
        self._held += size
        if self._held >= ROW_GROUP_BYTES or len(self._records) >= ROW_GROUP_ROWS:
            self._flush()

    def close(self) -> None:
        """Write what is held, and the file's footer."""
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        if self._records:
            self._writer.write_table(pa.Table.from_pylist(self._records, schema=self._schema))
        self.written += self._held
        self._records, self._held = [], 0


class ShardWriter:
    """Spreads the rows of each split over files ``<split>-00000-of-00002.parquet``.

    Args:
        folder: Made if it is not there.
        schema: A ``pyarrow.Schema``.
    """

    def __init__(self, folder: Path, schema: Any) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._schema = schema
        self._open: dict[str, RowGroupWriter] = {}
        self._shards: dict[str, list[Path]] = {}

    def write(self, split: str, record: Mapping[str, Any], size: int) -> None:
        """Add a row whose images have ``size`` bytes."""
        if split not in self._open:
            shards = self._shards.setdefault(split, [])
            # The final name includes their number, which only `close` knows.
            shards.append(self._folder / f"{split}-{len(shards):05d}.unfinished")
            self._open[split] = RowGroupWriter(shards[-1], self._schema)
        writer = self._open[split]
        writer.write(record, size)
        if writer.written >= SHARD_BYTES:
            self._open.pop(split).close()

    def close(self) -> None:
        """Finish all files and give them their names."""
        for writer in self._open.values():
            writer.close()
        for split, shards in self._shards.items():
            for index, path in enumerate(shards):
                path.rename(path.with_name(f"{split}-{index:05d}-of-{len(shards):05d}.parquet"))


class ShardReader:
    """The rows of several files as one sequence; safe to use from several threads.

    It holds the row group of the row that was read last: in order, each is read once.

    Args:
        paths: The files of one split, in order.

    Raises:
        TpgbenchError: A file is not Parquet, or the files have not the same columns.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = paths
        self._files = []
        self._groups: list[tuple[int, int]] = []  # (file, row group in it)
        sizes: list[int] = []
        for number, path in enumerate(paths):
            with _explain_damage(path):
                self._files.append(pq.ParquetFile(path))
                footer = self._files[-1].metadata
            for group in range(footer.num_row_groups):
                self._groups.append((number, group))
                sizes.append(footer.row_group(group).num_rows)
            if not self._files[-1].schema_arrow.equals(self.schema):
                raise TpgbenchError(
                    f"{path}: has other columns than {paths[0].name}; remove the file that is "
                    "not part of the dataset"
                )
        self._starts = [0, *accumulate(sizes)]
        self._lock = threading.Lock()
        self._held: tuple[int, Any] = (-1, None)

    @property
    def schema(self) -> Any:
        """The files' ``pyarrow.Schema``."""
        return self._files[0].schema_arrow

    def __len__(self) -> int:
        return self._starts[-1]

    def path(self, index: int) -> Path:
        """Return the file that holds a row, 0 <= index < len."""
        return self._paths[self._groups[self._group(index)][0]]

    def _group(self, index: int) -> int:
        return bisect_right(self._starts, index) - 1

    def column(self, name: str) -> list[Any]:
        """Return all values of one column.

        Raises:
            TpgbenchError: A file is damaged, or has not as many rows as it states.
        """
        values: list[Any] = []
        for path, file in zip(self._paths, self._files, strict=True):
            with self._lock, _explain_damage(path):
                found = file.read(columns=[name]).column(name).to_pylist()
                values += found
                footer = file.metadata
            groups = sum(footer.row_group(group).num_rows for group in range(footer.num_row_groups))
            stated = next((one for one in (footer.num_rows, groups) if one != len(found)), None)
            if stated is not None:
                raise TpgbenchError(
                    f"{path}: states {stated:,} rows and holds {len(found):,}; copy or build it "
                    "again"
                )
        return values

    def row(self, index: int, columns: list[str]) -> dict[str, Any]:
        """Return some columns of a row, 0 <= index < len.

        Raises:
            TpgbenchError: The file is damaged there.
        """
        number = self._group(index)
        file, group = self._groups[number]
        with _explain_damage(self._paths[file]):
            with self._lock:
                if self._held[0] != number:
                    self._held = (-1, None)  # freed before the next is read
                    self._held = (number, self._files[file].read_row_group(group, columns=columns))
                table = self._held[1]
            row: dict[str, Any] = table.slice(index - self._starts[number], 1).to_pylist()[0]
        return row


def shard_folder(folder: Path, config: str | None = None) -> Path:
    """Return where a dataset's Parquet files lie, those of one of several configurations apart."""
    return folder / DATA_FOLDER / (config or "")


def find_shards(folder: Path) -> dict[str, tuple[Path, ...]]:
    """Return the Parquet files of each split, in order; nothing if the folder has none.

    They lie in ``data/`` or in the folder itself, named as `ShardWriter` and ``datasets`` do:
    ``test.parquet`` or ``test-00000-of-00002.parquet``.

    Raises:
        TpgbenchError: Of the files of a split some are not there.
    """
    for place in (folder / DATA_FOLDER, folder):
        found: dict[str, dict[int, Path]] = {}
        counts: dict[str, int] = {}
        for path in sorted(place.glob("*.parquet")):
            match = _SHARD.fullmatch(path.name)
            if match is None or path.name == MANIFEST_NAME:
                continue
            split, index = match["split"], int(match["index"] or 0)
            other = found.setdefault(split, {}).setdefault(index, path)
            if other != path:
                raise TpgbenchError(
                    f"{place}: {other.name} and {path.name} are both part {index} of split "
                    f"'{split}'; remove the older one"
                )
            counts[split] = max(counts.get(split, 1), int(match["count"] or 1))
        for split, count in counts.items():
            if missing := set(range(count)) - set(found[split]):
                raise TpgbenchError(
                    f"{place}: {len(missing)} of the {count} files of split '{split}' are not "
                    f"there (number {min(missing):05d} is the first); copy or build it again"
                )
        if found:
            return {split: tuple(paths.values()) for split, paths in found.items()}
    return {}


@contextmanager
def _explain_damage(path: Path) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise TpgbenchError(
            f"{path}: cannot be read as Parquet ({error}); copy or build it again"
        ) from error
