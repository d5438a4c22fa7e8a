"""``build.json``: how a packaged dataset was built and what it contains."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

from ...core.documents import Document
from ...core.errors import TpgbenchError
from ...core.files import known_sha256
from ...core.images import MAX_SIDE, MIN_SIDE
from ..base import Track
from .findings import Finding
from .shards import DATA_FOLDER, MANIFEST_NAME

BUILD_INFO_NAME = "build.json"


class SplitInfo(BaseModel):
    """How many rows a split has.

    Attributes:
        rows: All of them.
        unlabelled: Those without a ground truth.
        published: As many as ``rows`` if the owner published just so many: the split is complete.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    rows: int = Field(default=0, ge=0)
    unlabelled: int = Field(default=0, ge=0)
    published: int | None = None

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.unlabelled > self.rows:
            raise ValueError("there are more unlabelled rows than rows")
        if self.published not in (None, self.rows):
            raise ValueError("published is neither null nor the number of rows")
        return self


class FileInfo(BaseModel):
    """One file of a packaged dataset.

    Attributes:
        size: In bytes.
        sha256: Hex SHA-256 of its bytes.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    size: int = Field(ge=0)
    sha256: str


class BuildInfo(Document):
    """How a dataset was built. It holds no time and no path, so that two builds are equal.

    Attributes:
        name: The dataset's name in the registry.
        task: ``"tpg"``, ...
        builder_version: Raised when a builder makes other rows of the same source.
        options: What else determines the rows.
        default_size: Side in pixels at which samples are compared.
        rendered_size: Side in pixels at which a procedural dataset was rendered; else None.
        track: Which pattern of a garment is its ground truth, for the task ``tpg``.
        licence: SPDX identifier, or a word on the terms.
        fingerprint: Hex SHA-256 of what determines the rows.
        configs: Configuration to its splits that have rows; the first is the default, and any but
            all may be without rows.
        findings: What was wrong with the source.
        files: All other files, by their names in the folder.
    """

    way_out: ClassVar[str] = "copy or build the dataset again"

    name: str
    task: str
    builder_version: int
    options: dict[str, JsonValue]
    default_size: int = Field(ge=MIN_SIDE, le=MAX_SIDE)
    rendered_size: int | None = Field(default=None, ge=MIN_SIDE, le=MAX_SIDE)
    track: Track = "aligned"
    licence: str
    fingerprint: str
    configs: dict[str, dict[str, SplitInfo]]
    findings: tuple[Finding, ...]
    files: dict[str, FileInfo]

    @property
    def splits(self) -> Mapping[str, SplitInfo]:
        """The splits of the default configuration."""
        return next(filter(None, self.configs.values()), {})

    def by_split(self) -> dict[str, SplitInfo]:
        """Return every split, named ``"paired/test"`` where there are several configurations."""
        several = len(self.configs) > 1
        return {
            f"{config}/{split}" if several else split: info
            for config, splits in self.configs.items()
            for split, info in splits.items()
        }

    def data_path(self, config: str) -> str:
        """Return where a configuration's Parquet files lie in the folder."""
        return f"{DATA_FOLDER}/{config}" if len(self.configs) > 1 else DATA_FOLDER

    def shards(self, config: str, split: str) -> list[str]:
        """Return the names of a split's Parquet files, in order."""
        prefix = f"{self.data_path(config)}/{split}-"
        return sorted(name for name in self.files if name.startswith(prefix))

    def fingerprint_at(self, size: int) -> str:
        """Return the fingerprint of the rows as they are compared at ``size`` pixels.

        A procedural dataset is drawn again at each size, and its fingerprint does not include the
        size. So a packaged one is the same dataset only at the size at which it was rendered.
        """
        if self.rendered_size in (None, size):
            return self.fingerprint
        rendered = f"{self.fingerprint} rendered at {self.rendered_size}"
        return hashlib.sha256(rendered.encode()).hexdigest()

    @classmethod
    def find(cls, folder: Path) -> BuildInfo | None:
        """Read a folder's ``build.json``; None if it has none.

        Raises:
            TpgbenchError: It is damaged, or a newer tpgbench wrote it.
        """
        try:
            return cls.read(folder / BUILD_INFO_NAME)
        except FileNotFoundError:
            return None


def check_digests(folder: Path, info: BuildInfo, paths: Iterable[Path]) -> None:
    """Refuse files that changed since they were built: the fingerprint would be that of other rows.

    A process reads each file once, at about 1 GB/s, and again only if it changes.

    Args:
        folder: The dataset's folder.
        info: Its ``build.json``.
        paths: Some of its files.

    Raises:
        TpgbenchError: A file has another size or SHA-256 than ``build.json`` says, or is none
            of its files.
    """
    for path in paths:
        recorded = info.files.get(path.relative_to(folder).as_posix())
        if (
            recorded is None
            or path.stat().st_size != recorded.size
            or known_sha256(path) != recorded.sha256
        ):
            raise TpgbenchError(
                f"{path}: changed since it was built: build it again, or remove "
                f"{BUILD_INFO_NAME} to read the files as a dataset of your own"
            )


def refuse_within_dataset(out: Path) -> None:
    """Refuse to write into a packaged dataset, which would no longer be as it was built.

    Args:
        out: A folder or file that is to be made.

    Raises:
        TpgbenchError: It lies within a packaged dataset.
    """
    for place in out.resolve().parents:
        if all((place / name).is_file() for name in (BUILD_INFO_NAME, MANIFEST_NAME)):
            raise TpgbenchError(
                f"{out}: lies within the packaged dataset {place}, which must stay as it was "
                "built: give an --out elsewhere"
            )
