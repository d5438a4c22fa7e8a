"""The integrity report as a page beside the built dataset."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ...core.pages import render_page
from ..reading.build_info import BuildInfo
from ..reading.findings import Finding, FindingKind, count_left_out
from .audit import AuditSummary

PAGE_NAME = "integrity.html"
_SHOWN = 200  # findings of a kind; build.json holds them all
_SHOWN_SIZES = 10

_MEANINGS = {
    FindingKind.AMBIGUOUS: "Several files could be meant.",
    FindingKind.CASE: "Names that differ in case only, which some systems take for one.",
    FindingKind.COUNT: "Not as many rows as the owner published.",
    FindingKind.DUPLICATE: "Files of one split with the same bytes.",
    FindingKind.DUPLICATE_ID: "A name that is used twice in one split.",
    FindingKind.IMAGE_SIZE: "Too small to measure, or too large to hold.",
    FindingKind.KNOWN_LEAK: "Published as being in two splits.",
    FindingKind.KNOWN_REPEAT: "Published as occurring twice in their split.",
    FindingKind.LEAK: "In two splits. The validation or test split keeps it.",
    FindingKind.MASK_EMPTY: "Masks that mark nothing.",
    FindingKind.MASK_FULL: "Masks that mark the whole photo.",
    FindingKind.MASK_OUTLINE: "Masks that disagree with what stands out from a plain background.",
    FindingKind.MASK_SIZE: "Masks that are not as large as their photo.",
    FindingKind.MISSING: "Named, but not there.",
    FindingKind.NEAR_DUPLICATE: "Photos of one split that look alike.",
    FindingKind.NEAR_LEAK: "Photos of two splits that look alike: training may know the test.",
    FindingKind.NO_MASK: "Photos or labels where a mask should be.",
    FindingKind.OUTSIDE: "Names that lead out of the source.",
    FindingKind.SYNTAX: "Lines of a list that cannot be understood.",
    FindingKind.UNLISTED: "There, but named by no list.",
    FindingKind.UNREADABLE: "Files that cannot be read.",
    FindingKind.UNUSED: "There, but used by no row and no list.",
}


@dataclass(frozen=True)
class _Group:
    """The findings of one kind; the first of them are shown."""

    kind: FindingKind
    meaning: str
    count: int
    findings: Sequence[Finding]


def write_integrity_page(folder: Path, info: BuildInfo, summary: AuditSummary) -> None:
    """Write ``integrity.html`` into a built dataset's folder.

    Args:
        folder: The dataset's folder.
        info: What it says of itself, with all findings.
        summary: What its rows look like.
    """
    by_kind: dict[FindingKind, list[Finding]] = {}
    for finding in info.findings:
        by_kind.setdefault(finding.kind, []).append(finding)
    groups = [
        _Group(kind, _MEANINGS[kind], len(findings), findings[:_SHOWN])
        for kind, findings in sorted(by_kind.items())
    ]
    context = {
        "info": info,
        "left_out": count_left_out(info.findings),
        "groups": groups,
        "summary": summary,
        "shown": _SHOWN_SIZES,
    }
    (folder / PAGE_NAME).write_bytes(
        render_page("tpgbench.datasets_builders", "integrity.html", context)
    )
