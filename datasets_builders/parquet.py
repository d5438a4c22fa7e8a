"""Reading a packaged dataset, row by row."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from ..errors import TpgbenchError, UnknownNameError
from ..files import sha256_file
from ..images import read_image, read_mask
from .base import Dataset, TpgRow
from .build_info import BuildInfo
from .schema import DEFAULT_SIZE, TPG_SCHEMA, Column
from .shards import ShardReader, find_shards

_COLUMNS = [column.name for column in TPG_SCHEMA.columns]


class ParquetDataset(Dataset):
    """One split of a folder of Parquet files that tpgbench or ``datasets`` itself wrote.

    Args:
        folder: Holds ``<split>.parquet`` or ``<split>-00000-of-00001.parquet``, ... itself or in
            ``data/``.
        split: One of those.
        size: Overrides the dataset's default size, in pixels.

    Raises:
        UnknownNameError: No such split.
        TpgbenchError: Files are missing or damaged, or have not the columns of the task.
    """

    task = TPG_SCHEMA.task

    def __init__(self, folder: Path, split: str = "test", *, size: int | None = None) -> None:
        info = BuildInfo.read(folder)
        shards = find_shards(folder)
        if not shards:
            raise TpgbenchError(f"{folder}: has no Parquet files; copy or build it again")
        if split not in shards and not (info and split in info.splits):
            raise UnknownNameError(f"split of {folder}", split, shards)
        if split not in shards:
            raise TpgbenchError(f"{folder}: has no files of split '{split}'; build it again")
        self.split = split
        self._rows = ShardReader(shards[split])
        _check_columns(self._rows.schema, folder)
        self._ids = _checked_ids(self._rows.column("sample_id"), folder)
        if info is None:
            self.name = folder.resolve().name
            self.licence = "unknown"
            self.size = DEFAULT_SIZE if size is None else size
            self.fingerprint = _fingerprint(shards[split])
        else:
            _check_complete(info, split, len(self._ids), folder)
            self.name = info.name
            self.licence = info.licence
            self.size = info.default_size if size is None else size
            self.fingerprint = info.fingerprint

    def sample_ids(self, limit: int | None = None) -> Sequence[str]:
        """Return the ids of the first ``limit`` rows, or of all, in the order of the files."""
        return self._ids[:limit]

    def __getitem__(self, index: int) -> TpgRow:
        if not 0 <= index < len(self._ids):
            raise IndexError(index)
        record = _Record(
            self._rows.row(index, _COLUMNS), where=f"{self.name}/{self.split}: {self._ids[index]}"
        )
        garment, mask, pattern = (record.image(name) for name in ("garment", "mask", "pattern"))
        if garment is None or mask is None:
            raise TpgbenchError(f"{record.where}: has no garment or no mask; build it again")
        return TpgRow(
            sample_id=self._ids[index],
            garment=read_image(garment, f"{record.where}: garment"),
            mask=read_mask(mask, f"{record.where}: mask"),
            pattern=None if pattern is None else read_image(pattern, f"{record.where}: pattern"),
            garment_id=record.values["garment_id"] or self._ids[index],
            caption=record.values["caption"],
            meta=record.meta(),
        )


class _Record:
    """One row's values as Parquet holds them."""

    def __init__(self, values: dict[str, Any], where: str) -> None:
        self.values = values
        self.where = where

    def image(self, name: str) -> bytes | None:
        """Return an image's bytes, or None if there is none."""
        value = self.values[name]
        if value is None:
            return None
        data: bytes | None = value["bytes"]
        if data is None:
            raise TpgbenchError(
                f"{self.where}: the {name} is only a path; embed the images in the Parquet files"
            )
        return data

    def meta(self) -> dict[str, Any]:
        """Return ``meta``, decoded."""
        try:
            meta = json.loads(self.values["meta"] or "{}")
        except ValueError as error:
            raise TpgbenchError(f"{self.where}: meta is not JSON ({error}); mend it") from error
        if not isinstance(meta, dict):
            raise TpgbenchError(f"{self.where}: meta is not a JSON object; mend it")
        return meta


def _check_columns(schema: Any, folder: Path) -> None:
    missing = [name for name in _COLUMNS if name not in schema.names]
    if missing:
        raise TpgbenchError(
            f"{folder}: is no dataset of the task '{TPG_SCHEMA.task}': it lacks the column"
            f"{'s' * (len(missing) > 1)} {', '.join(missing)} (it has {', '.join(schema.names)})"
        )
    for column in TPG_SCHEMA.columns:
        kind = schema.field(column.name).type
        if not _fits(kind, column):
            raise TpgbenchError(
                f"{folder}: the column '{column.name}' is {kind}, not a {column.kind}; write it "
                "with the features of tpgbench's row schema"
            )


def _fits(kind: Any, column: Column) -> bool:
    """Whether a column's Arrow type can hold what the schema says."""
    if pa.types.is_null(kind):
        return column.nullable
    if column.kind == "text":
        return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))
    return bool(pa.types.is_struct(kind)) and "bytes" in {field.name for field in kind}


def _checked_ids(ids: list[str | None], folder: Path) -> list[str]:
    seen: set[str] = set()
    for sample_id in ids:
        if sample_id is None or sample_id in seen:
            raise TpgbenchError(
                f"{folder}: sample_id {sample_id!r} stands twice or is empty; give each row its own"
            )
        seen.add(sample_id)
    return [sample_id for sample_id in ids if sample_id is not None]


def _check_complete(info: BuildInfo, split: str, rows: int, folder: Path) -> None:
    if info.task != TPG_SCHEMA.task:
        raise TpgbenchError(f"{folder}: holds the task '{info.task}', not '{TPG_SCHEMA.task}'")
    told = info.splits[split].rows if split in info.splits else 0
    if told != rows:
        raise TpgbenchError(
            f"{folder}: split '{split}' has {rows} rows where build.json says {told}; copy or "
            "build it again"
        )


def _fingerprint(paths: Sequence[Path]) -> str:
    """Hash the files of a split that no `BuildInfo` describes."""
    digests = [(path.name, sha256_file(path)) for path in paths]
    return hashlib.sha256(json.dumps(digests).encode()).hexdigest()
