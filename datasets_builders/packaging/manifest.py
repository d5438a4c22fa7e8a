"""``manifest.parquet``: every file that a packaged dataset was made from, with its SHA-256."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ...core.errors import TpgbenchError
from ..reading.shards import MANIFEST_NAME, RowGroupWriter
from .rows import SourceFile


@dataclass(frozen=True)
class ManifestEntry:
    """One file, and the row that it went into. A file of several rows has an entry for each.

    Attributes:
        file: Its name in the source.
        bytes: Its size.
        sha256: Hex SHA-256 of its bytes as the owner gave them.
        column: The column that it became; None for a list.
        config: The row's configuration; None for a list, as are the next two.
        split: The row's split.
        sample_id: The row's id.
        within: The file of the source that holds it, where it is none itself but part of one.
    """

    file: str
    bytes: int
    sha256: str
    column: str | None = None
    config: str | None = None
    split: str | None = None
    sample_id: str | None = None
    within: str | None = None


class ManifestWriter:
    """Writes a folder's manifest, in bounded memory."""

    def __init__(self, folder: Path) -> None:
        self._writer = RowGroupWriter(folder / MANIFEST_NAME, _schema())

    def add(
        self,
        file: SourceFile,
        config: str | None = None,
        split: str | None = None,
        sample_id: str | None = None,
    ) -> None:
        """Add a file and the row that it went into, if it went into one."""
        self._writer.write(
            {
                "file": file.name,
                "bytes": file.size,
                "sha256": file.sha256,
                "column": file.column,
                "config": config,
                "split": split,
                "sample_id": sample_id,
                "within": file.within,
            }
        )

    def close(self) -> None:
        """Write what is held."""
        self._writer.close()


def read_manifest(folder: Path) -> Iterator[ManifestEntry]:
    """Yield the entries of a folder's manifest, in their order.

    Raises:
        TpgbenchError: There is none, or it is damaged.
    """
    path = folder / MANIFEST_NAME
    try:
        file = pq.ParquetFile(path)
        for batch in file.iter_batches():
            for record in batch.to_pylist():
                yield ManifestEntry(**record)
    except (pa.ArrowException, OSError, TypeError, UnicodeDecodeError) as error:
        raise TpgbenchError(
            f"{path}: cannot be read ({error}); copy or build the dataset again"
        ) from error


def _schema() -> Any:
    return pa.schema(
        [
            pa.field("file", pa.string(), nullable=False),
            pa.field("bytes", pa.int64(), nullable=False),
            pa.field("sha256", pa.string(), nullable=False),
            pa.field("column", pa.string()),
            pa.field("config", pa.string()),
            pa.field("split", pa.string()),
            pa.field("sample_id", pa.string()),
            pa.field("within", pa.string()),
        ]
    )
