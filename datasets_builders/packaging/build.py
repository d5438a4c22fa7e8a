"""The build that all packaged datasets share; a builder says only what its owner's rows are."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from itertools import tee
from pathlib import Path
from typing import ClassVar

from pydantic import JsonValue

from ...core.errors import TpgbenchError
from ...core.folders import new_folder
from ...core.images import MASK_THRESHOLD, check_size
from ...core.progress import Advance, progress
from ..base import DatasetSource, Track
from ..reading.build_info import BuildInfo, refuse_within_dataset
from ..reading.findings import BuildReport, Finding, FindingKind, summarise
from ..reading.schema import DEFAULT_CONFIG, RowSchema
from ..reading.sources import SourceFolder
from .accounting import find_unused, group_by_folder, unused_finding
from .audit import RowAudit
from .integrity_page import write_integrity_page
from .opening import open_source
from .package import Package, PackageWriter, seal
from .rows import PackedRow, Packer, RawRow, RowRefusedError, SourceFile
from .workers import ordered_map


class PackagedDataset(DatasetSource):
    """A dataset that is packaged from its owner's files: subclass it, one file per dataset.

    A subclass sets the class variables and implements `rows`. What follows is the same for all:
    every row is checked, encoded and stored as Parquet that ``datasets.load_dataset`` reads,
    beside ``README.md``, ``integrity.html``, ``croissant.json``, ``build.json`` and
    ``manifest.parquet``.

    It should also implement `has_layout`. A user who gives ``--dataset`` the owner's folder is then
    told to build it first; without it, that folder opens as one of the user's own photos.

    Attributes:
        schema: The columns of its rows.
        builder_version: Raised when the same source gives other rows.
        lists: Files of the source, beside the images, that determine the rows; where they are
            there, the manifest names them.
        configs: Its configurations, the default one first.
        track: Which pattern of a garment is its ground truth, for the task ``tpg``.
        where_to_get: Where its owner gives it out, and on what terms, in one line.
        published: How many rows each split has as its owner published it, by configuration, where
            that is known.
        side_material: Patterns of files (as of `fnmatch`) that lie in the owner's folder, are
            knowingly not packaged, and are no finding.
        hub: Whether a source may be the id of a Hub dataset, which is then downloaded.
    """

    schema: ClassVar[RowSchema]
    builder_version: ClassVar[int]
    lists: ClassVar[tuple[str, ...]] = ()
    configs: ClassVar[tuple[str, ...]] = (DEFAULT_CONFIG,)
    track: ClassVar[Track] = "aligned"
    where_to_get: ClassVar[str]
    published: ClassVar[Mapping[str, Mapping[str, int]]] = {}
    side_material: ClassVar[tuple[str, ...]] = ()
    hub: ClassVar[bool] = False

    @abstractmethod
    def rows(self, source: SourceFolder) -> Iterator[RawRow | Finding]:
        """Yield the source's rows, and what is wrong with its layout, without reading an image.

        A row whose id came before in its configuration is left out. So validation and test splits
        come first: what they name is then kept from training.

        Raises:
            TpgbenchError: The source has not the owner's layout.
        """

    @classmethod
    def has_layout(cls, source: SourceFolder) -> bool:
        """Whether a folder is laid out as the owner's files are, and so has to be built first.

        It is asked of folders that hold anything. So it should look for what no other folder
        has, such as a list beside its folder of photos, and read little.

        Args:
            source: Any folder that is not a packaged dataset.
        """
        return False

    def columns(self, source: SourceFolder) -> RowSchema:
        """Return the columns of this source's rows: `schema`, or that and more."""
        return self.schema

    def find_lists(self, source: SourceFolder) -> Sequence[str]:
        """Return the names of the files, beside the images, that determine this source's rows."""
        return [name for name in self.lists if (source.root / name).is_file()]

    def build(
        self,
        source: str | Path | None,
        out: Path,
        *,
        size: int | None = None,
        workers: int = 1,
        strict: bool = False,
        show_progress: bool = False,
    ) -> BuildReport:
        """Package the owner's files under ``out``. Equal sources give equal bytes.

        Args:
            source: The owner's folder or archive, or a Hub id where `hub` allows it.
            out: The new dataset's folder; it appears only when it is complete.
            size: Reduce images whose longer side is longer to this many pixels; None keeps all.
            workers: Processes that read and encode.
            strict: Refuse on any finding instead of leaving rows out.
            show_progress: Show the number of rows on stderr.

        Raises:
            TpgbenchError: Wrong source, or a finding under ``strict``.
        """
        if source is None:
            raise TpgbenchError(
                f"{self.name} is built from its owner's files: give --source DIR or an archive; "
                f"{self.where_to_get}"
            )
        if size is not None:
            check_size((size, size), "--size")
        refuse_within_dataset(out)
        folder = Path(source) if Path(source).is_dir() else None
        with new_folder(out, outside=folder) as staging:
            files = open_source(
                source, staging.scratch, hub_allowed=self.hub, advice=self.where_to_get
            )
            build = _Build(self, files, staging.folder, size)
            # The source is listed as its rows are read, so their number is not known before.
            with progress("build", None, unit="rows", show=show_progress) as advance:
                build.add_rows(self.rows(files), workers, advance)
            if strict and build.findings:
                raise TpgbenchError(
                    f"{source}: {summarise(build.findings)}; fix them, or build without --strict "
                    "to leave them out"
                )
            info = build.finish()
        return BuildReport(
            out=out,
            rows={name: split.rows for name, split in info.by_split().items()},
            unlabelled={name: split.unlabelled for name, split in info.by_split().items()},
            findings=info.findings,
            fingerprint=info.fingerprint,
            notes=build.notes(),
        )


def _files_of(item: RawRow | Finding) -> Iterator[str]:
    """Yield the files of the source that a row or a finding is about."""
    if isinstance(item, Finding):
        yield item.where
        return
    yield from item.files.values()
    if item.within is not None:
        yield item.within


class _Build:
    """One build in progress."""

    def __init__(
        self, dataset: PackagedDataset, source: SourceFolder, folder: Path, size: int | None
    ) -> None:
        self.findings: list[Finding] = []
        self._dataset = dataset
        self._source = source
        self._folder = folder
        self._packer = Packer(source, dataset.columns(source), size)
        self._audit = RowAudit(self._packer.schema)
        self._noted: set[Finding] = set()
        self._accounted: set[str] = set()  # files that a row, or a finding, is about
        # By configuration and split: where an id first appears.
        self._first_seen: dict[str, dict[str, dict[str, str]]] = {}
        options: dict[str, JsonValue] = {"mask_threshold": MASK_THRESHOLD}
        if size is not None:
            options["max_side"] = size
        self._writer = PackageWriter(
            folder,
            Package(
                name=dataset.name,
                card=dataset.card,
                schema=self._packer.schema,
                configs=dataset.configs,
                builder_version=dataset.builder_version,
                options=options,
                default_size=dataset.default_size,
                track=dataset.track,
                published=dataset.published,
            ),
        )

    def add_rows(self, items: Iterator[RawRow | Finding], workers: int, advance: Advance) -> None:
        """Store the rows, and note why some are left out."""
        # The workers return results only; the item itself is kept here until its result arrives.
        kept, sent = tee(map(self._check_id, items))
        with closing(ordered_map(self._packer, sent, workers)) as results:
            for item, result in zip(kept, results, strict=True):
                if isinstance(result, Finding):
                    self._note(result)
                elif isinstance(item, RawRow):
                    self._store(item, result)
                advance(1)
        self.findings += self._audit.findings()
        self.findings = group_by_folder([*self.findings, *self._unused()])

    def finish(self) -> BuildInfo:
        """Close the files and write what describes them.

        Raises:
            TpgbenchError: No row is left.
        """
        if self._writer.is_empty:
            raise TpgbenchError(f"{self._source}: no row can be built: {summarise(self.findings)}")
        for name in self._dataset.find_lists(self._source):
            self._writer.add_list(SourceFile(name, *self._source.measure(name), column=None))
        info = self._writer.close(self.findings)
        write_integrity_page(self._folder, info, self._audit.summary())
        return seal(self._folder, info)

    def notes(self) -> tuple[str, ...]:
        """Return what the rows look like, in lines."""
        return tuple(self._audit.summary().lines())

    def _note(self, finding: Finding) -> None:
        """Keep a finding; that a file is unfit is said once, in however many rows it is."""
        if finding not in self._noted:
            self._noted.add(finding)
            self.findings.append(finding)

    def _unused(self) -> Iterator[Finding]:
        used = self._accounted | set(self._dataset.find_lists(self._source))
        side_material = self._dataset.side_material
        unused = find_unused(self._source, used, self.findings, side_material)
        return map(unused_finding, unused)

    def _check_id(self, item: RawRow | Finding) -> RawRow | Finding:
        self._accounted.update(_files_of(item))
        if isinstance(item, Finding):
            return item
        seen = self._first_seen.setdefault(item.config, {})
        split = next((name for name, ids in seen.items() if item.sample_id in ids), None)
        if split is None:
            seen.setdefault(item.split, {})[item.sample_id] = item.where
            return item
        where = seen[split][item.sample_id]
        if split == item.split:
            return Finding(
                FindingKind.DUPLICATE_ID,
                item.where,
                f"'{item.sample_id}' is already at {where}; remove one line",
            )
        return Finding(
            FindingKind.LEAK,
            item.where,
            f"'{item.sample_id}' is in {split} too ({where}), where it is kept; remove one line",
        )

    def _store(self, raw: RawRow, packed: PackedRow) -> None:
        try:
            self._audit.add(raw, packed)
        except RowRefusedError as error:
            self._note(error.finding)
        else:
            self._writer.add(raw.config, raw.split, packed.record, packed.sources)
