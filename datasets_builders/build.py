"""The build that all packaged datasets share; a builder says only what its owner's rows are."""

from __future__ import annotations

import hashlib
import json
from abc import abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa
from pydantic import JsonValue

from ..errors import TpgbenchError
from ..images import MASK_THRESHOLD
from .base import DatasetSource
from .build_info import BuildInfo, SplitInfo
from .card import write_card
from .integrity import BuildReport, Finding, FindingKind, summarise
from .rows import PackedRow, RawRow, RowRefusedError, SourceFile, pack_row
from .schema import RowSchema
from .shards import DATA_FOLDER, MANIFEST_NAME, RowGroupWriter, ShardWriter
from .sources import SourceFolder
from .staging import new_folder


class PackagedDataset(DatasetSource):
    """A dataset that is packaged from its owner's files: subclass it, one file a dataset.

    A subclass sets the class variables and writes `rows`; what follows is the same for all:
    every row is checked, encoded and stored as Parquet that ``datasets.load_dataset`` reads,
    beside ``README.md``, ``build.json`` and ``manifest.parquet``.

    Attributes:
        schema: The columns of its rows.
        builder_version: Raised when the same source gives other rows.
        lists: Files of the source, beside the images, that determine the rows; where they are
            there, the manifest names them.
    """

    schema: ClassVar[RowSchema]
    builder_version: ClassVar[int]
    lists: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def rows(self, source: SourceFolder) -> Iterator[RawRow | Finding]:
        """Yield the source's rows, and what is wrong with its layout, without reading an image.

        A row whose id has come before is left out. So held-out splits come first: what they
        name is then kept from training.

        Raises:
            TpgbenchError: The source has not the owner's layout.
        """

    def build(self, source: Path | None, out: Path, *, strict: bool = False) -> BuildReport:
        """Package the owner's files under ``out``; see `DatasetSource.build`."""
        if source is None:
            raise TpgbenchError(f"{self.name} is built from its owner's files: give --source DIR")
        files = SourceFolder(source)
        with new_folder(out, outside=source) as staging:
            build = _Build(self, files, staging)
            for item in self.rows(files):
                build.add(item)
            if strict and build.findings:
                raise TpgbenchError(
                    f"{source}: {summarise(build.findings)}; mend them, or build without --strict "
                    "to leave them out"
                )
            info = build.finish()
        return BuildReport(
            out=out,
            rows={name: split.rows for name, split in info.splits.items()},
            unlabelled={name: split.unlabelled for name, split in info.splits.items()},
            findings=info.findings,
            fingerprint=info.fingerprint,
        )


class _Build:
    """One build in progress; it holds one row group a split, never the whole."""

    def __init__(self, dataset: PackagedDataset, source: SourceFolder, folder: Path) -> None:
        self.findings: list[Finding] = []
        self._dataset = dataset
        self._source = source
        self._folder = folder
        self._shards = ShardWriter(folder / DATA_FOLDER, dataset.schema.arrow())
        self._manifest = RowGroupWriter(folder / MANIFEST_NAME, _manifest_schema())
        self._first_seen: dict[str, RawRow] = {}
        self._splits = {split: SplitInfo() for split in dataset.splits}
        self._options: dict[str, JsonValue] = {"mask_threshold": MASK_THRESHOLD}
        self._digest = hashlib.sha256()
        self._print(dataset.name, dataset.builder_version, self._options)

    def add(self, item: RawRow | Finding) -> None:
        """Store a row, or note why it is left out."""
        if isinstance(item, Finding):
            self.findings.append(item)
            return
        try:
            self._check_id(item)
            packed = pack_row(item, self._dataset.schema, self._source)
        except RowRefusedError as error:
            self.findings.append(error.finding)
            return
        self._store(item, packed)

    def finish(self) -> BuildInfo:
        """Close the files and write what describes them.

        Raises:
            TpgbenchError: No row is left.
        """
        splits = {name: split for name, split in self._splits.items() if split.rows}
        if not splits:
            raise TpgbenchError(
                f"{self._source.root}: no row can be built: {summarise(self.findings)}"
            )
        for name in self._dataset.lists:
            if (self._source.root / name).is_file():
                self._list(SourceFile.of(name, self._source.read(name), column=None))
        self._shards.close()
        self._manifest.close()
        dataset = self._dataset
        info = BuildInfo(
            name=dataset.name,
            task=dataset.task,
            builder_version=dataset.builder_version,
            options=self._options,
            default_size=dataset.default_size,
            licence=dataset.card.licence,
            fingerprint=self._digest.hexdigest(),
            splits=splits,
            findings=tuple(self.findings),
        )
        info.write(self._folder)
        write_card(self._folder, info, dataset.card, dataset.schema)
        return info

    def _check_id(self, raw: RawRow) -> None:
        first = self._first_seen.setdefault(raw.sample_id, raw)
        if first is raw:
            return
        if first.split == raw.split:
            raise RowRefusedError(
                FindingKind.DUPLICATE_ID,
                raw.where,
                f"'{raw.sample_id}' stands at {first.where} already; remove one line",
            )
        raise RowRefusedError(
            FindingKind.LEAK,
            raw.where,
            f"'{raw.sample_id}' is in {first.split} too ({first.where}), where it is kept; "
            "remove one line",
        )

    def _store(self, raw: RawRow, packed: PackedRow) -> None:
        self._shards.write(raw.split, packed.record, packed.size)
        for file in packed.sources:
            self._list(file, raw)
        split = self._splits[raw.split]
        truth = packed.record[self._dataset.schema.truth]
        self._splits[raw.split] = SplitInfo(
            rows=split.rows + 1, unlabelled=split.unlabelled + (truth is None)
        )
        self._print(
            raw.split,
            {name: value for name, value in packed.record.items() if not isinstance(value, dict)},
            [(file.column, file.sha256) for file in packed.sources],
        )

    def _list(self, file: SourceFile, raw: RawRow | None = None) -> None:
        self._manifest.write(
            {
                "file": file.name,
                "bytes": file.size,
                "sha256": file.sha256,
                "column": file.column,
                "split": raw and raw.split,
                "sample_id": raw and raw.sample_id,
            }
        )

    def _print(self, *parts: Any) -> None:
        """Add to the fingerprint; the source's bytes stand for the images made from them."""
        self._digest.update(json.dumps(parts, sort_keys=True).encode() + b"\n")


def _manifest_schema() -> Any:
    return pa.schema(
        [
            pa.field("file", pa.string(), nullable=False),
            pa.field("bytes", pa.int64(), nullable=False),
            pa.field("sha256", pa.string(), nullable=False),
            pa.field("column", pa.string()),
            pa.field("split", pa.string()),
            pa.field("sample_id", pa.string()),
        ]
    )
