"""Reading a packaged dataset, row by row."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa

from ...core.errors import TpgbenchError, UnknownNameError
from ...core.files import known_sha256
from ...core.images import Image, Mask, read_image
from ...core.masks import read_mask
from ..base import Dataset, MannequinRow, Row, TpgRow
from .build_info import BuildInfo, SplitInfo, check_digests
from .schema import (
    DEFAULT_CONFIG,
    DEFAULT_SIZE,
    MANNEQUIN_SCHEMA,
    SCHEMAS,
    TPG_SCHEMA,
    Column,
    RowSchema,
)
from .shards import ShardReader, find_shards, shard_folder

Value = TypeVar("Value")


class ParquetDataset(Dataset):
    """One split of a folder of Parquet files that tpgbench or ``datasets`` itself wrote.

    Args:
        folder: Holds ``<split>.parquet`` or ``<split>-00000-of-00001.parquet``, ... itself or in
            ``data/``; with several configurations, in ``data/<config>/``.
        split: One of those.
        size: Overrides the dataset's default size, in pixels.
        config: One of its configurations; None for the default one.

    Raises:
        UnknownNameError: No such split or configuration.
        TpgbenchError: Files are missing, damaged or not those that were built, or have not the
            columns of a task.
    """

    def __init__(
        self,
        folder: Path,
        split: str = "test",
        *,
        size: int | None = None,
        config: str | None = None,
    ) -> None:
        info = BuildInfo.find(folder)
        configs = [DEFAULT_CONFIG] if info is None else list(info.configs)
        config = configs[0] if config is None else config
        if config not in configs:
            raise UnknownNameError(f"config of {folder}", config, configs)
        several = len(configs) > 1
        shards = find_shards(shard_folder(folder, config) if several else folder)
        splits = {} if info is None else info.configs[config]
        if not shards:
            raise TpgbenchError(f"{folder}: has no Parquet files; copy or build it again")
        if split not in shards and split not in splits:
            raise UnknownNameError(f"split of {folder}", split, shards)
        if split not in shards:
            raise TpgbenchError(f"{folder}: has no files of split '{split}'; build it again")
        self.split = split
        self._rows = ShardReader(shards[split])
        schema = _schema_of(self._rows.schema, folder, info)
        self.task = schema.task
        self.fit = "pad" if self.task == MANNEQUIN_SCHEMA.task else "box"
        self._columns = [column.name for column in schema.columns]
        self._ids = _checked_ids(self._rows.column("sample_id"), folder)
        if info is None:
            self.name = folder.resolve().name
            self.licence = "unknown"
            self.size = DEFAULT_SIZE if size is None else size
            self.fingerprint = _hash([(path.name, known_sha256(path)) for path in shards[split]])
        else:
            _check_complete(splits, split, len(self._ids), folder)
            check_digests(folder, info, shards[split])
            self.name = f"{info.name}-{config}" if several else info.name
            self.licence = info.licence
            self.track = info.track
            self.published = splits[split].published
            self.size = info.default_size if size is None else size
            whole = info.fingerprint_at(self.size)
            self.fingerprint = _hash([whole, config]) if several else whole

    def sample_ids(self, limit: int | None = None) -> Sequence[str]:
        """Return the ids of the first ``limit`` rows, or of all, in the order of the files."""
        return self._ids[:limit]

    def __getitem__(self, index: int) -> Row:
        if not 0 <= index < len(self._ids):
            raise IndexError(index)
        sample_id = self._ids[index]
        record = _Record(
            self._rows.row(index, self._columns), where=f"{self.name}/{self.split}: {sample_id}"
        )
        if self.task == MANNEQUIN_SCHEMA.task:
            return MannequinRow(
                sample_id=sample_id,
                caption=record.text("caption") or "",
                condition=record.photo("condition"),
                mask=record.mask("mask"),
                image=record.need(record.photo("image"), "image"),
                garment_id=record.text("garment_id") or sample_id,
                meta=record.meta(),
            )
        return TpgRow(
            sample_id=sample_id,
            garment=record.need(record.photo("garment"), "garment"),
            mask=record.need(record.mask("mask"), "mask"),
            pattern=record.photo("pattern"),
            garment_id=record.text("garment_id") or sample_id,
            caption=record.text("caption"),
            meta=record.meta(),
        )


class _Record:
    """One row's values as Parquet holds them."""

    def __init__(self, values: dict[str, Any], where: str) -> None:
        self.values = values
        self.where = where

    def text(self, name: str) -> str | None:
        """Return a text, or None if there is none."""
        value: str | None = self.values[name]
        return value

    def photo(self, name: str) -> Image | None:
        """Return a photo, or None if there is none."""
        data = self._bytes(name)
        return None if data is None else read_image(data, f"{self.where}: {name}")

    def mask(self, name: str) -> Mask | None:
        """Return a mask, or None if there is none."""
        data = self._bytes(name)
        return None if data is None else read_mask(data, f"{self.where}: {name}")

    def need(self, value: Value | None, name: str) -> Value:
        """Return a value that no row goes without.

        Raises:
            TpgbenchError: The row has none.
        """
        if value is None:
            raise TpgbenchError(f"{self.where}: has no {name}; build it again")
        return value

    def _bytes(self, name: str) -> bytes | None:
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
            raise TpgbenchError(f"{self.where}: meta is not JSON ({error}); fix it") from error
        if not isinstance(meta, dict):
            raise TpgbenchError(f"{self.where}: meta is not a JSON object; fix it")
        return meta


def _schema_of(schema: Any, folder: Path, info: BuildInfo | None) -> RowSchema:
    """Return the row schema that the files' columns fulfil."""
    if info is not None:
        found = SCHEMAS.get(info.task)
        if found is None:
            raise TpgbenchError(f"{folder}: holds the unknown task '{info.task}'; upgrade tpgbench")
    else:
        names = set(schema.names)
        complete = [
            one for one in SCHEMAS.values() if names.issuperset(c.name for c in one.columns)
        ]
        found = complete[0] if complete else TPG_SCHEMA
    missing = [column.name for column in found.columns if column.name not in schema.names]
    if missing:
        raise TpgbenchError(
            f"{folder}: is no dataset of the task '{found.task}': it lacks the column"
            f"{'s' * (len(missing) > 1)} {', '.join(missing)} (it has {', '.join(schema.names)})"
        )
    for column in found.columns:
        kind = schema.field(column.name).type
        if not _fits(kind, column):
            raise TpgbenchError(
                f"{folder}: the column '{column.name}' is {kind}, not a {column.kind}; write it "
                "with the features of tpgbench's row schema"
            )
    return found


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
                f"{folder}: sample_id {sample_id!r} is empty or used twice; give each row its own"
            )
        seen.add(sample_id)
    return [sample_id for sample_id in ids if sample_id is not None]


def _check_complete(splits: Mapping[str, SplitInfo], split: str, rows: int, folder: Path) -> None:
    recorded = splits[split].rows if split in splits else 0
    if recorded != rows:
        raise TpgbenchError(
            f"{folder}: split '{split}' has {rows} rows where build.json says {recorded}; copy or "
            "build it again"
        )


def _hash(parts: list[Any]) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
