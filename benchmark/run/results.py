"""`result.json`, typed, and one-line errors for unreadable or incompatible files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from ...core.errors import TpgbenchError
from ...core.files import write_atomic
from ...metrics.base import Value

SCHEMA_VERSION = 1


class Document(BaseModel):
    """A JSON file with a schema version."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: int = SCHEMA_VERSION


class SampleCounts(BaseModel):
    """How many samples were asked for, and how many have an image that can be scored."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    total: int
    ok: int
    failed: int


class Result(Document):
    """The values of one run.

    Attributes:
        model: The model's name.
        task: ``"tpg"`` or ``"mannequin"``.
        dataset: The dataset's name.
        split: The split.
        limit: How many samples were asked for, or None for all.
        samples: Counts; a failed sample stays in ``total``.
        metrics: One value per metric, in the order requested.
        scores_sha256: Of the `scores.parquet` that the values come from.
    """

    model: str
    task: str
    dataset: str
    split: str
    limit: int | None = None
    samples: SampleCounts
    metrics: tuple[Value, ...]
    scores_sha256: str | None = None

    def find(self, name: str) -> Value | None:
        """Return the value of one metric, or None if the run was not scored with it."""
        return next((value for value in self.metrics if value.name == name), None)

    def metric(self, name: str) -> Value:
        """Return the value of one metric.

        Raises:
            KeyError: It is not among them.
        """
        value = self.find(name)
        if value is None:
            raise KeyError(name)
        return value


DocumentType = TypeVar("DocumentType", bound=Document)


def write_document(path: Path, document: Document) -> None:
    """Write a document as indented JSON, atomically and durably."""
    write_atomic(path, (document.model_dump_json(indent=2) + "\n").encode())


def read_document(path: Path, kind: type[DocumentType]) -> DocumentType:
    """Read a document back.

    Raises:
        TpgbenchError: Missing, damaged, or written by a newer tpgbench.
    """
    try:
        content: Any = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise TpgbenchError(f"{path}: no such file; is {path.parent} a run directory?") from None
    except (OSError, ValueError, RecursionError) as error:
        raise TpgbenchError(
            f"{path}: cannot be read ({error}); run the stage again, with --overwrite"
        ) from error
    version = content.get("schema_version") if isinstance(content, dict) else None
    if isinstance(version, int) and version > SCHEMA_VERSION:
        raise TpgbenchError(
            f"{path}: schema version {version} is newer than this tpgbench reads "
            f"({SCHEMA_VERSION}): upgrade tpgbench"
        )
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise TpgbenchError(
            f"{path}: not a {kind.__name__.lower()} ({where}: {first['msg']})"
        ) from error
