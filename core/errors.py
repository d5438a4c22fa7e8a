"""The exception for everything that a user can fix."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class TpgbenchError(Exception):
    """Wrong input, a refused request, or a failure outside tpgbench.

    ``str(error)`` is one line that says what failed, where, and how to fix it. The command line
    prints it and exits with code 2; no incomplete file is left.
    """

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.split()))


class UnknownNameError(TpgbenchError):
    """A name that is not in a registry, a schema or a list of options."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        names = sorted(known)
        close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
        hint = f"did you mean '{close[0]}'? " if close else ""
        listed = ", ".join(names) if names else "none"
        super().__init__(f"unknown {kind} '{name}': {hint}known: {listed}")
        self.kind = kind
        self.name = name

    def __reduce__(self) -> tuple[type[TpgbenchError], tuple[str]]:
        """Pickle the message only: the arguments cannot be restored from it."""
        return TpgbenchError, (str(self),)
