"""Scores as they are computed, so that none is computed twice."""

from __future__ import annotations

import hashlib
import json
import math
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

from pydantic import JsonValue

from ...core.errors import TpgbenchError
from ...core.files import explain_os_errors
from ...metrics.value import HEADLINE, Score

# What a line holds per recipe: a number; None where the score is not defined; or, of a metric with
# several values or evidence, {"values": {name: number or None}, "evidence": ...}.
Known = float | Score | None


def compact(score: Score) -> Known:
    """Return a score as a line holds it: a lone number without evidence as that number."""
    if score.evidence is not None or score.values.keys() - {HEADLINE}:
        return score
    value = score.values.get(HEADLINE, math.nan)
    return None if math.isnan(value) else value


def expand(known: Known) -> Score:
    """Return what `compact` was given."""
    if isinstance(known, Score):
        return known
    return Score({HEADLINE: math.nan if known is None else known})


class ScoreJournal:
    """An append-only file of scores, keyed by what each depends on.

    A line is a sample's id, the SHA-256 of its image, its scores by the metrics' recipes, and a
    checksum of these; a sample may have several lines. A line that was edited is not read, and a
    torn last one, left by a dead process, is cut off before the next is added.

    Args:
        path: The file.
        context: What all lines depend on (the data and the frame); a journal of another context
            is begun anew.
    """

    def __init__(self, path: Path, context: str) -> None:
        self.path = path
        self._known: dict[tuple[str, str], dict[str, Known]] = {}
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
                sample_id, digest, scores, check = json.loads(line)
                if check != line_checksum(sample_id, digest, scores):
                    continue  # edited, or torn in the middle
                checked = {sys.intern(str(key)): _read(one) for key, one in scores.items()}
                self._known.setdefault((sample_id, digest), {}).update(checked)
            except (
                ValueError,
                TypeError,
                LookupError,
                AttributeError,
                ArithmeticError,
                RecursionError,
            ):
                continue  # damaged: computed again

    def get(self, sample_id: str, digest: str) -> Mapping[str, Known]:
        """Return the scores of an image by metric recipe; None where a score is not defined."""
        return self._known.get((sample_id, digest), {})

    def add(self, sample_id: str, digest: str, scores: Mapping[str, Known]) -> None:
        """Record the scores of an image.

        Raises:
            TpgbenchError: The disk is full or refuses.
        """
        self._known.setdefault((sample_id, digest), {}).update(scores)
        if self._stream is None:
            raise TpgbenchError(f"{self.path}: the journal is closed")
        with explain_os_errors(self.path):
            written = {recipe: _write(one) for recipe, one in scores.items()}
            line = [sample_id, digest, written, line_checksum(sample_id, digest, written)]
            self._stream.write(json.dumps(line) + "\n")
            self._stream.flush()

    def close(self) -> None:
        """Close the file."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None


def line_checksum(sample_id: str, digest: str, scores: Mapping[str, JsonValue]) -> str:
    """Return the checksum at the end of a line."""
    text = json.dumps([sample_id, digest, scores])
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def _write(known: Known) -> JsonValue:
    if not isinstance(known, Score):
        return known
    values: dict[str, JsonValue] = {
        name: None if math.isnan(one) else one for name, one in known.values.items()
    }
    return {"values": values, "evidence": known.evidence}


def _read(written: object) -> Known:
    """Return a score as it was written.

    Raises:
        TypeError: It is none.
        KeyError: As above.
    """
    if isinstance(written, dict):
        values = {str(name): _number(one) for name, one in written["values"].items()}
        return Score(
            {name: math.nan if one is None else one for name, one in values.items()},
            written["evidence"],
        )
    return _number(written)


def _number(written: object) -> float | None:
    if written is None:
        return None
    if isinstance(written, bool) or not isinstance(written, int | float):
        raise TypeError(f"{written!r} is no score")
    return float(written)
