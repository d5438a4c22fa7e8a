"""Whether a packaged dataset is still what its build wrote."""

from __future__ import annotations

import hashlib
import io
import json
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...core.errors import TpgbenchError
from ...core.files import recordable, sha256_file
from ...core.images import DAMAGE, open_picture
from ...core.outcome import Outcome
from ...core.progress import Advance, progress
from ..base import DATASETS
from ..reading.build_info import BUILD_INFO_NAME, BuildInfo, SplitInfo
from ..reading.findings import printable
from ..reading.fingerprint import Fingerprint
from ..reading.schema import SCHEMAS
from ..reading.shards import MANIFEST_NAME, ShardReader
from ..reading.sources import SourceFolder
from .accounting import find_unused, gather
from .build import PackagedDataset
from .manifest import ManifestEntry, read_manifest
from .opening import open_source

SHOWN = 20  # differences that a report prints; JSON holds them all

_MISSING = "is not in the source"
_NEW = "is in the source and not in the build; build it again, or remove the file"


@dataclass(frozen=True)
class Difference:
    """One thing that is not as the build wrote it.

    Attributes:
        where: The file, the split or the row.
        detail: What differs, in one line.
    """

    where: str
    detail: str


@dataclass(frozen=True)
class Verification(Outcome):
    """What `verify` found.

    Attributes:
        folder: The dataset's folder.
        files: How many files were hashed.
        rows: How many rows were looked at.
        differences: What is not as it was built; empty if all is.
    """

    folder: Path
    files: int
    rows: int
    differences: tuple[Difference, ...]

    @property
    def path(self) -> Path:
        """The dataset's folder."""
        return self.folder

    @property
    def problems(self) -> tuple[str, ...]:
        """The differences, one line each."""
        return tuple(printable(f"{one.where}: {one.detail}") for one in self.differences)

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON types."""
        return {**asdict(self), "folder": str(self.folder)}

    def lines(self) -> list[str]:
        """Return it as lines of text."""
        count = len(self.differences)
        verdict = f"{count} difference{'s' * (count != 1)}" if count else "as it was built"
        text = [f"{self.folder}: {verdict} ({self.files} files, {self.rows} rows)"]
        text += [printable(f"  {one.where}: {one.detail}") for one in self.differences[:SHOWN]]
        if count > SHOWN:
            text.append(f"  and {count - SHOWN} more; --json shows all")
        return text


def verify(
    folder: Path, source: str | Path | None = None, *, show_progress: bool = False
) -> Verification:
    """Compare a packaged dataset with its ``build.json`` and ``manifest.parquet``.

    Every file must be there with its digest, and no other; every split must have its rows; an
    image that the build kept must be the source's file to the byte; masks must hold 0 and 255
    only; and the rows must add up to the fingerprint. What `build.json` itself says is beyond
    proof, but for the fingerprint.

    Args:
        folder: The dataset's folder.
        source: The owner's folder or archive, whose files are then compared with the manifest.
        show_progress: Show the number of rows, then of the source's files, on stderr.

    Raises:
        TpgbenchError: Not a packaged dataset, or ``build.json`` or the source cannot be read.
    """
    recordable(str(folder), "dataset")
    info = BuildInfo.find(folder) if folder.is_dir() else None
    if info is None:
        raise TpgbenchError(
            f"{folder}: has no {BUILD_INFO_NAME}; give a folder that build-dataset made"
        )
    differences = [*_changed_files(folder, info), *_false_claims(info)]
    if info.task not in SCHEMAS:
        differences.append(Difference(BUILD_INFO_NAME, f"holds the unknown task '{info.task}'"))
        return Verification(folder, len(info.files), 0, tuple(differences))
    total = sum(split.rows for split in info.by_split().values())
    with progress("verify", total, unit="rows", show=show_progress) as advance:
        check = _Rows(folder, info, advance)
        differences += check.differences()
    if source is not None:
        with tempfile.TemporaryDirectory() as scratch:
            files = open_source(source, Path(scratch))
            with progress("source", None, unit="files", show=show_progress) as advance:
                differences += _changed_sources(folder, info, files, advance)
    return Verification(folder, len(info.files), check.rows, tuple(differences))


def _changed_files(folder: Path, info: BuildInfo) -> Iterator[Difference]:
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    for name, recorded in info.files.items():
        if name not in there:
            yield Difference(name, "is missing")
            continue
        size = (folder / name).stat().st_size
        if size != recorded.size or sha256_file(folder / name) != recorded.sha256:
            yield Difference(name, "has other bytes than were written")
    for name in sorted(there - info.files.keys() - {BUILD_INFO_NAME}):
        if not _is_hidden(name):
            yield Difference(name, "is not part of the build")


def _is_hidden(name: str) -> bool:
    """Whether a file is some tool's own: ``.git/``, ``.cache/``, ``.DS_Store``."""
    return any(part.startswith(".") for part in name.split("/"))


class _Rows:
    """The check of all rows of a folder."""

    def __init__(self, folder: Path, info: BuildInfo, advance: Advance) -> None:
        self.rows = 0
        self._advance = advance
        self._folder = folder
        self._info = info
        self._columns = {column.name: column for column in SCHEMAS[info.task].columns}
        self._fingerprint = Fingerprint(info.name, info.builder_version, info.options)
        self._listed: dict[tuple[str, str, str], list[ManifestEntry]] = {}

    def differences(self) -> Iterator[Difference]:
        """Yield what is wrong with the rows of any split, then with all of them together."""
        try:
            for entry in read_manifest(self._folder):
                if entry.config and entry.split and entry.sample_id:
                    row = (entry.config, entry.split, entry.sample_id)
                    self._listed.setdefault(row, []).append(entry)
        except TpgbenchError as error:
            yield Difference(MANIFEST_NAME, str(error))
            return
        for config, splits in self._info.configs.items():
            for split, recorded in splits.items():
                yield from self._split(config, split, recorded)
        yield from (
            Difference("/".join(row), "is in the manifest, but no row has this id")
            for row in self._listed
        )
        is_own = self._info.rendered_size is not None
        if not is_own and self._fingerprint.hexdigest() != self._info.fingerprint:
            yield Difference(
                BUILD_INFO_NAME, "its fingerprint is not that of the rows and the manifest"
            )

    def _split(self, config: str, split: str, recorded: SplitInfo) -> Iterator[Difference]:
        names = self._info.shards(config, split)
        paths = [self._folder / name for name in names if (self._folder / name).is_file()]
        where = f"{config}/{split}"
        rows = unlabelled = 0
        try:
            reader = ShardReader(paths)
            for index in range(len(reader)):
                record = reader.row(index, reader.schema.names)
                rows += 1
                self._advance(1)
                unlabelled += record[SCHEMAS[self._info.task].truth] is None
                yield from self._row(config, split, record)
        except (TpgbenchError, LookupError, TypeError, ValueError, OSError) as error:
            yield Difference(where, f"cannot be read: {error}")
        self.rows += rows
        if (rows, unlabelled) != (recorded.rows, recorded.unlabelled):
            yield Difference(
                where,
                f"has {rows} rows, {unlabelled} unlabelled, where {BUILD_INFO_NAME} says "
                f"{recorded.rows} and {recorded.unlabelled}",
            )

    def _row(self, config: str, split: str, record: Mapping[str, Any]) -> Iterator[Difference]:
        sample_id = record["sample_id"]
        where = f"{config}/{split}/{sample_id}"
        entries = self._listed.pop((config, split, sample_id), [])
        digests = {entry.column: entry.sha256 for entry in entries}
        self._fingerprint.add(config, split, record, list(digests.items()))
        meta = _object(record["meta"])
        if meta is None:
            yield Difference(where, "its meta is not a JSON object")
        changed = (meta or {}).get("reencoded", [])
        for name, value in record.items():
            if not isinstance(value, dict):
                continue
            if name not in digests:
                yield Difference(where, f"its {name} is not in the manifest")
            column = self._columns.get(name)
            if column is not None and column.kind == "mask":
                if not _is_binary(value["bytes"]):
                    yield Difference(where, f"its {name} holds other values than 0 and 255")
            elif name not in changed and _sha256(value["bytes"]) != digests.get(name):
                yield Difference(where, f"its {name} is not the file of the manifest")


def _object(text: str | None) -> dict[str, Any] | None:
    try:
        value = json.loads(text or "")
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _is_binary(data: bytes) -> bool:
    try:
        picture = open_picture(io.BytesIO(data))
        return picture.format == "PNG" and bool(np.isin(np.asarray(picture), (0, 255)).all())
    except DAMAGE:
        return False


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _builder(name: str) -> type[PackagedDataset] | None:
    """Return the builder of a dataset, if it is there and can be imported."""
    try:
        found = DATASETS.get(name)
    except TpgbenchError:
        return None
    return found if issubclass(found, PackagedDataset) else None


def _false_claims(info: BuildInfo) -> Iterator[Difference]:
    """Yield the splits that are said to be complete as published and are not."""
    builder = _builder(info.name)
    if builder is None:
        return
    for config, splits in info.configs.items():
        for split, recorded in splits.items():
            known = builder.published.get(config, {}).get(split)
            if recorded.published is not None and recorded.published != known:
                detail = f"{recorded.published:,} rows are not all that was published"
                yield Difference(f"{config}/{split}", f"{detail}, as {BUILD_INFO_NAME} says")


def _changed_sources(
    folder: Path, info: BuildInfo, source: SourceFolder, advance: Advance
) -> Iterator[Difference]:
    """Yield how the source differs from what was packaged, a line for each cause and folder."""
    there = frozenset(source.files())
    packaged = {}
    used = set()
    for entry in read_manifest(folder):
        if entry.within is None:
            packaged[entry.file] = entry.sha256
        else:  # it is checked with the file that holds it, which has an entry of its own
            used.add(entry.within)
    if packaged and there.isdisjoint(packaged):
        first = next(iter(packaged))
        detail = (
            f"holds none of the {len(packaged):,} files that were packaged (first: {first}): give "
            "the folder or archive that the dataset was built from"
        )
        yield Difference(str(source), detail)
        return
    problems: dict[str, list[str]] = {}
    for name, digest in packaged.items():
        problem = _source_problem(source, name, digest) if name in there else _MISSING
        if problem is not None:
            problems.setdefault(problem, []).append(name)
        advance(1)
    builder = _builder(info.name)
    used |= packaged.keys() | {finding.where for finding in info.findings}
    side_material = builder.side_material if builder is not None else ()
    problems[_NEW] = list(find_unused(source, used, info.findings, side_material))
    for problem, names in problems.items():
        yield from (Difference(one.where, one.detail) for one in gather(names, problem))


def _source_problem(source: SourceFolder, name: str, digest: str) -> str | None:
    try:
        same = source.measure(name)[1] == digest
    except TpgbenchError as error:
        return str(error).removeprefix(f"{name}: ")
    return None if same else "has other bytes in the source than were packaged"
