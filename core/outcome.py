"""The base of all results of the Python API."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class Outcome:
    """The path of a result, what is missing from it, and the exit code of the command.

    A subclass has ``path`` and ``problems``, as fields or properties.

    Attributes:
        path: The run directory, page, picture or folder; None where nothing was written.
        problems: What was asked for and is missing, one line each; empty when all is complete.
    """

    if TYPE_CHECKING:  # at run time a dataclass would take these for defaults

        @property
        def path(self) -> Path | None:
            """Where the result is."""

        @property
        def problems(self) -> tuple[str, ...]:
            """What is missing."""

    @property
    def exit_code(self) -> int:
        """0 when complete, 1 when something that was asked for is missing."""
        return 1 if self.problems else 0
