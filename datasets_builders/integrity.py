"""What a build found wrong with its source, and what it did about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Finding:
    """One thing wrong with the source.

    Attributes:
        kind: A short stable word: ``"unreadable"``, ``"unlisted"``, ``"missing"``,
            ``"mask-size"``, ``"mask-empty"``, ``"duplicate-id"``, ...
        where: The file or the list's line, relative to the source.
        detail: What is wrong and what mends it, in one line.
        left_out: Whether a row was left out because of it.
    """

    kind: str
    where: str
    detail: str
    left_out: bool = True


@dataclass(frozen=True)
class BuildReport:
    """What a build made.

    Attributes:
        out: The dataset's folder.
        rows: How many rows each split has.
        findings: What was wrong, in the order of the source.
        fingerprint: The built dataset's fingerprint.
    """

    out: Path
    rows: Mapping[str, int]
    findings: tuple[Finding, ...]
    fingerprint: str
