"""Scores as they are computed, so that none is computed twice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TextIO

from ...core.errors import TpgbenchError
from ...core.files import explain_os_errors


class ScoreJournal:
    """An append-only file of scores, keyed by what each depends on.

    A line is a sample's id, the SHA-256 of its image, and its scores by the metrics' recipes. A
    torn last line, left by a dead process, is not read and is cut off before the next is added.

    Args:
        path: The file.
        context: What all lines depend on (the data and the frame); a journal of another context
            is begun anew.
    """

    def __init__(self, path: Path, context: str) -> None:
        self.path = path
        self._known: dict[tuple[str, str], dict[str, float | None]] = {}
        self._stream: TextIO | None = None
        self._start(context)

    def _start(self, context: str) -> None:
        header = json.dumps({"context": context}) + "\n"
        with explain_os_errors(self.path):
            content = self.path.read_bytes() if self.path.exists() else b""
            whole = content[: content.rfind(b"\n") + 1]
            if not whole.startswith(header.encode()):
                self.path.write_text(header, encoding="utf-8")
                whole = b""
            elif whole != content:
                with self.path.open("r+b") as stream:
                    stream.truncate(len(whole))
            self._stream = self.path.open("a", encoding="utf-8")
        for line in whole.decode("utf-8", "replace").splitlines()[1:]:
            try:
                sample_id, digest, scores = json.loads(line)
                checked = {str(key): _score(value) for key, value in scores.items()}
                self._known.setdefault((sample_id, digest), {}).update(checked)
            except (ValueError, TypeError, AttributeError, OverflowError, RecursionError):
                continue  # damaged: computed again

    def get(self, sample_id: str, digest: str) -> dict[str, float | None]:
        """Return the scores of an image by metric recipe; None where a score is not defined."""
        return self._known.get((sample_id, digest), {})

    def add(self, sample_id: str, digest: str, scores: dict[str, float | None]) -> None:
        """Record the scores of an image.

        Raises:
            TpgbenchError: The disk is full or refuses.
        """
        self._known.setdefault((sample_id, digest), {}).update(scores)
        if self._stream is None:
            raise TpgbenchError(f"{self.path}: the journal is closed")
        with explain_os_errors(self.path):
            self._stream.write(json.dumps([sample_id, digest, scores]) + "\n")
            self._stream.flush()

    def close(self) -> None:
        """Close the file."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None


def _score(value: object) -> float | None:
    """Return a score as it was written.

    Raises:
        TypeError: It is no number.
    """
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{value!r} is no score")
    return float(value)
