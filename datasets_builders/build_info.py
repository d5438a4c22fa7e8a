"""``build.json``: what a packaged dataset says of itself."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from ..errors import TpgbenchError
from .integrity import Finding

BUILD_INFO_NAME = "build.json"
SCHEMA_VERSION = 1


class SplitInfo(BaseModel):
    """How many rows a split has.

    Attributes:
        rows: All of them.
        unlabelled: Those without a truth.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    rows: int = 0
    unlabelled: int = 0


class BuildInfo(BaseModel):
    """How a dataset was built. It holds no time and no path, so that two builds are equal.

    Attributes:
        schema_version: Of this file; a newer one is refused.
        name: The dataset's name in the registry.
        task: ``"tpg"``, ...
        builder_version: Raised when a builder makes other rows of the same source.
        options: What else determines the rows.
        default_size: Side in pixels at which samples are compared.
        licence: SPDX identifier, or a word on the terms.
        fingerprint: Hex SHA-256 of what determines the rows.
        splits: Those that have rows.
        findings: What was wrong with the source.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: int = SCHEMA_VERSION
    name: str
    task: str
    builder_version: int
    options: dict[str, JsonValue]
    default_size: int
    licence: str
    fingerprint: str
    splits: dict[str, SplitInfo]
    findings: tuple[Finding, ...]

    def write(self, folder: Path) -> None:
        """Write ``build.json`` into a folder."""
        text = self.model_dump_json(indent=2) + "\n"
        (folder / BUILD_INFO_NAME).write_text(text, encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> BuildInfo | None:
        """Read a folder's ``build.json``; None if it has none.

        Raises:
            TpgbenchError: It is damaged, or a newer tpgbench wrote it.
        """
        path = folder / BUILD_INFO_NAME
        try:
            text = path.read_bytes()
            version = _Versioned.model_validate_json(text).schema_version
            if version > SCHEMA_VERSION:
                raise TpgbenchError(
                    f"{path}: has schema version {version}, this tpgbench reads up to "
                    f"{SCHEMA_VERSION}; upgrade tpgbench"
                )
            return cls.model_validate_json(text)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise TpgbenchError(f"{path}: cannot be read: {error.strerror}") from error
        except ValidationError as error:
            first = error.errors()[0]
            field = ".".join(map(str, first["loc"])) or "the file"
            raise TpgbenchError(
                f"{path}: is damaged ({field}: {first['msg']}); copy or build it again"
            ) from error


class _Versioned(BaseModel):
    """The one field that every version of the file has."""

    schema_version: int
