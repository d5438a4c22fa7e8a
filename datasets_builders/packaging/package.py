"""What all packaged datasets are on disk: shards, a manifest, ``build.json``, cards."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from ...core.files import sha256_file
from ..base import DatasetCard, Track
from ..reading.build_info import BUILD_INFO_NAME, BuildInfo, FileInfo, SplitInfo
from ..reading.findings import Finding
from ..reading.fingerprint import Fingerprint
from ..reading.schema import RowSchema
from ..reading.shards import ShardWriter, shard_folder
from .card import write_card
from .croissant import write_croissant
from .manifest import ManifestWriter
from .rows import SourceFile


@dataclass(frozen=True)
class Package:
    """What is known about a dataset before its first row.

    Attributes:
        name: Its name in the registry.
        card: What it says of itself.
        schema: Its columns.
        configs: Its configurations, the default one first.
        builder_version: Raised when the same source gives other rows.
        options: What else determines the rows.
        default_size: Side in pixels at which samples are compared.
        rendered_size: Side at which a procedural dataset is rendered; else None.
        track: Which of a garment's patterns its truth is, for the task ``tpg``.
        published: How many rows each split has as its owner published it, by configuration.
    """

    name: str
    card: DatasetCard
    schema: RowSchema
    configs: tuple[str, ...]
    builder_version: int
    options: Mapping[str, JsonValue]
    default_size: int
    rendered_size: int | None = None
    track: Track = "aligned"
    published: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


class PackageWriter:
    """Writes a dataset into a folder; it holds one row group per split in memory, never all rows.

    Args:
        folder: An empty folder.
        package: What is known about the dataset.
    """

    def __init__(self, folder: Path, package: Package) -> None:
        self._folder = folder
        self._package = package
        several = len(package.configs) > 1
        self._shards = {
            config: ShardWriter(
                shard_folder(folder, config if several else None), package.schema.arrow()
            )
            for config in package.configs
        }
        self._manifest = ManifestWriter(folder)
        self._fingerprint = Fingerprint(package.name, package.builder_version, package.options)
        self._splits: dict[str, dict[str, SplitInfo]] = {config: {} for config in package.configs}

    @property
    def is_empty(self) -> bool:
        """Whether no row was added yet."""
        return not any(self._splits.values())

    def add(
        self, config: str, split: str, record: Mapping[str, Any], sources: Iterable[SourceFile]
    ) -> None:
        """Store a row.

        Args:
            config: One of the package's configurations.
            split: The row's split.
            record: Column to value; an image is ``{"bytes": ..., "path": ...}``.
            sources: The files that it was made from.
        """
        sources = tuple(sources)
        images = [value["bytes"] for value in record.values() if isinstance(value, dict)]
        self._shards[config].write(split, record, sum(map(len, images)))
        for file in sources:
            self._manifest.add(file, config, split, record["sample_id"])
        self._fingerprint.add(
            config, split, record, [(file.column, file.sha256) for file in sources]
        )
        known = self._splits[config].get(split, SplitInfo())
        self._splits[config][split] = SplitInfo(
            rows=known.rows + 1,
            unlabelled=known.unlabelled + (record[self._package.schema.truth] is None),
        )

    def add_list(self, file: SourceFile) -> None:
        """Record a file that determines the rows without being part of one."""
        self._manifest.add(file)

    def close(self, findings: Iterable[Finding], *, fingerprint: str | None = None) -> BuildInfo:
        """Finish the Parquet files and write the card and the Croissant description.

        Args:
            findings: What was wrong with the source.
            fingerprint: That of a dataset that has its own; None for the rows' digest.
        """
        for shards in self._shards.values():
            shards.close()
        self._manifest.close()
        package = self._package
        info = BuildInfo(
            name=package.name,
            task=package.schema.task,
            builder_version=package.builder_version,
            options=dict(package.options),
            default_size=package.default_size,
            rendered_size=self._package.rendered_size,
            track=package.track,
            licence=package.card.licence,
            fingerprint=fingerprint or self._fingerprint.hexdigest(),
            configs={
                config: {split: self._counted(config, split, one) for split, one in splits.items()}
                for config, splits in self._splits.items()
            },
            findings=tuple(findings),
            files=describe_files(self._folder),
        )
        write_card(self._folder, info, package.card, package.schema)
        write_croissant(self._folder, info, package.card, package.schema)
        return info

    def _counted(self, config: str, split: str, found: SplitInfo) -> SplitInfo:
        """Return a split's counts, with whether it is complete as published."""
        published = self._package.published.get(config, {}).get(split)
        complete = published if published == found.rows else None
        return found.model_copy(update={"published": complete})


def seal(folder: Path, info: BuildInfo) -> BuildInfo:
    """Write ``build.json`` last, with the digests of all that is in the folder, and return it."""
    sealed = info.model_copy(update={"files": describe_files(folder, known=info.files)})
    sealed.write(folder / BUILD_INFO_NAME)
    return sealed


def describe_files(
    folder: Path, known: Mapping[str, FileInfo] | None = None
) -> dict[str, FileInfo]:
    """Return size and digest of all files in a folder and its subfolders, sorted by name.

    Args:
        folder: The folder.
        known: Files that were described already and have not changed since.
    """
    files = dict(known or {})
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and name not in files:
            files[name] = FileInfo(size=path.stat().st_size, sha256=sha256_file(path))
    return dict(sorted(files.items()))
