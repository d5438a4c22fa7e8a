"""JSON files with a schema version, and one line on what pydantic finds wrong."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from .errors import TpgbenchError
from .files import write_atomic

_RAISED = "Value error, "  # pydantic's own prefix of what a validator of ours raises


@dataclass(frozen=True)
class Problem:
    """The first thing that is wrong with a value of several fields.

    Attributes:
        field: Where: ``"samples.total"``; empty if the value as a whole is wrong.
        given: What is there.
        reason: Why it is wrong: ``"input should be a valid integer"``.
    """

    field: str
    given: object
    reason: str

    @property
    def in_file(self) -> str:
        """The problem of a file: ``"samples.total: input should be a valid integer"``."""
        return f"{self.field or 'the file'}: {self.reason}"

    @property
    def in_options(self) -> str:
        """The problem of what a user gave: ``"steps=x: input should be a valid integer"``."""
        return f"{self.field or 'options'}={self.given}: {self.reason}"


def first_problem(error: ValidationError) -> Problem:
    """Return the first of the problems that pydantic lists."""
    first = error.errors(include_url=False)[0]
    reason = first["msg"].removeprefix(_RAISED)
    return Problem(
        field=".".join(str(part) for part in first["loc"]),
        given=first["input"],
        reason=reason[:1].lower() + reason[1:],
    )


class Document(BaseModel):
    """A JSON file with a schema version.

    A kind of document whose schema changes gives ``schema_version`` a new default, which is the
    version that it writes, and overrides `migrate`.

    Attributes:
        way_out: What to do about a damaged file, for error messages.
        schema_version: Of this very file.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    way_out: ClassVar[str] = "make it again"

    schema_version: int = 1

    @classmethod
    def migrate(cls, content: dict[str, Any], version: int) -> dict[str, Any]:
        """Bring the content of an older file to the current schema.

        Args:
            content: As it stands in the file.
            version: Its schema version, lower than the current one.

        Returns:
            The content as the current version would have written it, but for the version itself.

        Raises:
            KeyError: The file is damaged; a ``TypeError`` or ``ValueError`` says so too.
        """
        return content

    @classmethod
    def check(cls, path: Path, content: Mapping[str, Any]) -> None:
        """Check the content as it stands in the file, before anything else; a kind may override it.

        Raises:
            TpgbenchError: It is not as it was written.
        """

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a document back, whatever earlier version wrote it.

        Raises:
            FileNotFoundError: There is no such file.
            TpgbenchError: It is damaged, something else, or written by a newer tpgbench.
        """
        try:
            content: Any = json.loads(path.read_bytes())
        except FileNotFoundError:
            raise
        except OSError as error:
            raise TpgbenchError(f"{path}: cannot be read ({error.strerror or error})") from error
        except (ValueError, RecursionError) as error:
            raise cls._damaged(path, f"invalid JSON: {error}") from error
        current: int = cls.model_fields["schema_version"].default
        if not isinstance(content, dict):
            raise cls._damaged(path, "it holds no fields by name")
        cls.check(path, content)
        version = content.get("schema_version")
        if not isinstance(version, int):
            raise cls._damaged(path, "schema_version: it is not a number")
        if version > current:
            raise TpgbenchError(
                f"{path}: has schema version {version}, this tpgbench reads up to {current}; "
                "upgrade tpgbench"
            )
        if version < current:
            try:
                content = cls.migrate(content, version) | {"schema_version": current}
            except (KeyError, TypeError, ValueError) as error:
                raise cls._damaged(path, f"not of schema version {version}: {error!r}") from error
        try:
            return cls.model_validate(content)
        except ValidationError as error:
            raise cls._damaged(path, first_problem(error).in_file) from error

    @classmethod
    def _damaged(cls, path: Path, reason: str) -> TpgbenchError:
        return TpgbenchError(f"{path}: is damaged ({reason}); {cls.way_out}")

    def text(self) -> str:
        """Return the document as indented JSON."""
        return self.model_dump_json(indent=2) + "\n"

    def write(self, path: Path) -> None:
        """Write the document, atomically and durably.

        Raises:
            TpgbenchError: The disk refuses.
        """
        write_atomic(path, self.text().encode())
