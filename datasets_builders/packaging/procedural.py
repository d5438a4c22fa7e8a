"""Packaging a procedural dataset: the rows that `open` renders, as files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...core.errors import TpgbenchError
from ...core.folders import new_folder
from ...core.images import png_bytes
from ...core.progress import progress
from ..base import Dataset, DatasetSource, Row
from ..reading.build_info import refuse_within_dataset
from ..reading.findings import BuildReport
from ..reading.schema import DEFAULT_CONFIG, SCHEMAS, RowSchema
from .package import Package, PackageWriter, seal
from .rows import SourceFile
from .workers import ordered_map

TRAIN = "train"  # may be endless, so only the requested rows are written
BUILDER_VERSION = 1


def build_procedural(
    dataset: DatasetSource,
    out: Path,
    *,
    size: int | None = None,
    seed: int = 0,
    train_rows: int = 0,
    workers: int = 1,
    show_progress: bool = False,
) -> BuildReport:
    """Write a procedural dataset as the same Parquet files that others come in.

    `ParquetDataset` gives exactly the rows that ``open`` renders, under the same fingerprint. There
    are no source files, so the manifest lists the rendered images.

    Args:
        dataset: One whose ``open`` needs nothing else.
        out: The new dataset's folder; it appears only when it is complete.
        size: Side at which rows are rendered, in pixels; None for the dataset's own.
        seed: Another seed is another dataset.
        train_rows: How many rows of ``train``; without any there is no such split.
        workers: Processes that render.
        show_progress: Show the number of rows on stderr.

    Raises:
        TpgbenchError: The dataset has to be built from its owner's files, a value is out of
            range, or the disk refuses.
    """
    if train_rows < 0:
        raise TpgbenchError(f"--train-rows {train_rows}: give 0 or more")
    refuse_within_dataset(out)
    size = dataset.default_size if size is None else size
    opened = {split: dataset.open(split, size=size, seed=seed) for split in dataset.splits}
    schema = SCHEMAS[dataset.task]
    package = Package(
        name=dataset.name,
        card=dataset.card,
        schema=schema,
        configs=(DEFAULT_CONFIG,),
        builder_version=BUILDER_VERSION,
        options={"size": size, "seed": seed},
        default_size=size,
        rendered_size=size,
        track=opened[dataset.splits[0]].track,
    )
    with new_folder(out) as staging:
        writer = PackageWriter(staging.folder, package)
        renderer = _Renderer(type(dataset), schema, size, seed)
        tasks = list(_tasks(opened, train_rows))
        with (
            progress("build", len(tasks), unit="rows", show=show_progress) as advance,
            closing(ordered_map(renderer, iter(tasks), workers)) as rows,
        ):
            for row in rows:
                writer.add(DEFAULT_CONFIG, row.split, row.record, row.images)
                advance(1)
        info = seal(staging.folder, writer.close((), fingerprint=_fingerprint(opened)))
    return BuildReport(
        out=out,
        rows={name: split.rows for name, split in info.splits.items()},
        unlabelled={name: split.unlabelled for name, split in info.splits.items()},
        findings=(),
        fingerprint=info.fingerprint,
    )


@dataclass(frozen=True)
class _Task:
    """A row to render."""

    split: str
    index: int


@dataclass(frozen=True)
class _Rendered:
    """A row, encoded, and what the manifest says of its images."""

    split: str
    record: dict[str, Any]
    images: tuple[SourceFile, ...]


@dataclass(frozen=True)
class _Renderer:
    """Renders rows in worker processes."""

    dataset: type[DatasetSource]
    schema: RowSchema
    size: int
    seed: int

    def __call__(self, task: _Task) -> _Rendered:
        row = _open(self.dataset, task.split, self.size, self.seed)[task.index]
        record, images = _encode(row, self.schema)
        files = tuple(
            SourceFile.of(f"{task.split}/{row.sample_id}/{column}.png", data, column)
            for column, data in images.items()
        )
        return _Rendered(task.split, record, files)


def _open(dataset: type[DatasetSource], split: str, size: int, seed: int) -> Dataset:
    return dataset().open(split, size=size, seed=seed)


def _tasks(opened: dict[str, Dataset], train_rows: int) -> Iterator[_Task]:
    for split, dataset in opened.items():
        rows = dataset.sample_ids(train_rows if split == TRAIN else None)
        yield from (_Task(split, index) for index in range(len(rows)))


def _encode(row: Row, schema: RowSchema) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Return a row's record, and its images by column, without loss."""
    images = {
        column.name: png_bytes(getattr(row, column.name))
        for column in schema.images
        if getattr(row, column.name) is not None
    }
    record: dict[str, Any] = {
        column.name: getattr(row, column.name) for column in schema.columns
    } | {name: {"bytes": data, "path": f"{row.sample_id}.png"} for name, data in images.items()}
    record["meta"] = json.dumps(dict(row.meta), ensure_ascii=False, sort_keys=True)
    return record, images


def _fingerprint(opened: dict[str, Dataset]) -> str:
    prints = sorted({dataset.fingerprint for dataset in opened.values()})
    if len(prints) == 1:
        return prints[0]
    return hashlib.sha256(json.dumps(prints).encode()).hexdigest()
