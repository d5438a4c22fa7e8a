"""What a build found wrong with its source, and what it did about it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from ...core.outcome import Outcome

SHOWN = 20  # findings that a report prints; build.json holds them all


class FindingKind(StrEnum):
    """The stable word for a kind of finding; scripts may rely on it."""

    AMBIGUOUS = "ambiguous"  # two files could be meant
    CASE = "case"  # two names that some systems take for one
    COUNT = "count"  # not as many rows as the owner published
    DUPLICATE = "duplicate"  # two files of one split with the same bytes
    DUPLICATE_ID = "duplicate-id"  # twice in one split
    IMAGE_SIZE = "image-size"  # a side too short to measure or too long to hold
    KNOWN_LEAK = "known-leak"  # published as being in two splits
    KNOWN_REPEAT = "known-repeat"  # published as occurring twice
    LEAK = "leak"  # in two splits
    MASK_EMPTY = "mask-empty"
    MASK_FULL = "mask-full"
    MASK_OUTLINE = "mask-outline"  # not what stands out from the background
    MASK_SIZE = "mask-size"  # not as large as its photo
    NO_MASK = "no-mask"  # a photo or labels where a mask should be
    MISSING = "missing"  # named, but not there
    NEAR_DUPLICATE = "near-duplicate"  # two photos of one split that look alike
    NEAR_LEAK = "near-leak"  # photos of two splits that look alike
    OUTSIDE = "outside"  # a name that leads out of the source
    SYNTAX = "syntax"  # a list's line that cannot be understood
    UNLISTED = "unlisted"  # there, but named by no list
    UNREADABLE = "unreadable"
    UNUSED = "unused"  # there, and used by no row and no list


@dataclass(frozen=True)
class Finding:
    """One thing wrong with the source.

    Attributes:
        kind: What sort of thing.
        where: The file or the list's line, relative to the source: ``"train.txt:12"``.
        detail: What is wrong and how to fix it, in one line.
        left_out: Whether a row was left out because of it.
        files: How many files of a folder it stands for.
    """

    kind: FindingKind
    where: str
    detail: str
    left_out: bool = True
    files: int = 1

    def __str__(self) -> str:
        return printable(f"{self.kind}: {self.where}: {self.detail}")


@dataclass(frozen=True)
class BuildReport(Outcome):
    """What a build made.

    Attributes:
        out: The dataset's folder.
        rows: How many rows each split has.
        unlabelled: How many of them have no truth, by split.
        findings: What was wrong, in the order in which it was met.
        fingerprint: The built dataset's fingerprint.
        notes: What the rows look like: sizes, masks, what was done to files; in lines.
    """

    out: Path
    rows: Mapping[str, int]
    unlabelled: Mapping[str, int]
    findings: tuple[Finding, ...]
    fingerprint: str
    notes: tuple[str, ...] = ()

    @property
    def path(self) -> Path:
        """The dataset's folder."""
        return self.out

    @property
    def problems(self) -> tuple[str, ...]:
        """One line if rows of the source were left out."""
        if not self.left_out:
            return ()
        return (f"{self.left_out} rows were left out; {self.out / 'build.json'} names them",)

    @property
    def left_out(self) -> int:
        """How many rows of the source were left out."""
        return count_left_out(self.findings)

    def as_dict(self) -> dict[str, Any]:
        """Return the report as JSON types."""
        return {**asdict(self), "out": str(self.out), "left_out": self.left_out}

    def lines(self) -> list[str]:
        """Return the report as lines of text: the splits, the counts, the first findings."""
        text = [f"{self.out}: fingerprint {self.fingerprint}"]
        for split, rows in self.rows.items():
            unlabelled = self.unlabelled.get(split, 0)
            text.append(f"{split}: {rows} rows" + (f", {unlabelled} unlabelled" * bool(unlabelled)))
        text += map(printable, self.notes)
        if self.findings:
            counts = Counter(finding.kind for finding in self.findings)
            kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items()))
            text.append(f"findings: {kinds}")
            text += [f"  {finding}" for finding in self.findings[:SHOWN]]
            if len(self.findings) > SHOWN:
                text.append(f"  and {len(self.findings) - SHOWN} more in build.json")
        return text


def count_left_out(findings: Iterable[Finding]) -> int:
    """Return how many rows of the source were left out."""
    return sum(finding.files for finding in findings if finding.left_out)


def summarise(findings: Sequence[Finding], shown: int = 3) -> str:
    """Return the number of findings and the first few, in one line, for an error."""
    head = f"{len(findings)} finding{'s' * (len(findings) != 1)}"
    first = "; ".join(map(str, findings[:shown]))
    rest = f"; and {len(findings) - shown} more" if len(findings) > shown else ""
    return f"{head} ({first}{rest})"


def printable(text: str) -> str:
    """Return a text that holds other people's names so that it cannot steer a terminal."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
