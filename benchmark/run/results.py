"""`result.json`, typed, and one-line errors for unreadable or incompatible files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict

from ...core.documents import Document
from ...core.errors import TpgbenchError
from ...metrics.base import Value


class RunDocument(Document):
    """A JSON file of a run directory."""

    way_out: ClassVar[str] = "run the stage again, with --overwrite"


class SampleCounts(BaseModel):
    """How many samples were asked for, and how many have an image that can be scored."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    total: int
    ok: int
    failed: int


class Result(RunDocument):
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
        inputs_sha256: Of what was scored: the data, the frame, the samples and their images.
        sha256: Of all else in the file; whoever reads it finds out whether it was edited.
    """

    way_out: ClassVar[str] = "score the run again"

    schema_version: int = 2

    model: str
    task: str
    dataset: str
    split: str
    limit: int | None = None
    samples: SampleCounts
    metrics: tuple[Value, ...]
    scores_sha256: str | None = None
    inputs_sha256: str | None = None
    sha256: str | None = None

    def text(self) -> str:
        """Return the document as indented JSON, with its checksum."""
        content = json.loads(self.model_dump_json())
        content["sha256"] = _checksum(content)
        return json.dumps(content, indent=2) + "\n"

    @classmethod
    def check(cls, path: Path, content: Mapping[str, Any]) -> None:
        """Refuse a file that was edited after it was written.

        Raises:
            TpgbenchError: Its checksum is another.
        """
        if content.get("sha256") not in (None, _checksum(content)):
            raise TpgbenchError(f"{path}: was changed since it was written; {cls.way_out}")

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


def _checksum(content: Mapping[str, Any]) -> str:
    rest = {name: value for name, value in content.items() if name != "sha256"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


DocumentType = TypeVar("DocumentType", bound=RunDocument)


def read_document(path: Path, kind: type[DocumentType]) -> DocumentType:
    """Read a file of a run directory.

    Raises:
        TpgbenchError: Missing, damaged, or written by a newer tpgbench.
    """
    try:
        return kind.read(path)
    except FileNotFoundError:
        raise TpgbenchError(f"{path}: no such file; is {path.parent} a run directory?") from None
