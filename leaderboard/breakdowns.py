"""A run's scores broken down by severity, coverage and family of its samples."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..benchmark.scoring.table import ScoredSample
from ..metrics.bootstrap import bootstrap_mean_interval
from .formatting import shorten

MAX_GROUPS = 24  # more do not fit into a readable chart
MIN_FOR_TERCILES = 9
LABEL_LENGTH = 28


@dataclass(frozen=True)
class GroupMean:
    """A metric over the samples of one group.

    Attributes:
        label: The group.
        n: How many of its samples have a finite score.
        mean: Their mean, or None if there are none.
        interval: Its 95 % bootstrap interval, or None for fewer than two.
    """

    label: str
    n: int
    mean: float | None
    interval: tuple[float, float] | None


@dataclass(frozen=True)
class Breakdown:
    """The samples divided into groups.

    Attributes:
        title: What the samples are grouped by: ``"severity"``.
        ordered: Whether the groups have an order; the smallest is first then.
        groups: The label of each group and the indices of its rows.
    """

    title: str
    ordered: bool
    groups: tuple[tuple[str, tuple[int, ...]], ...]

    def means(self, rows: Sequence[ScoredSample], column: str) -> tuple[GroupMean, ...]:
        """Return the mean of one metric in each group."""
        return tuple(
            group_mean(label, [rows[index] for index in members], column)
            for label, members in self.groups
        )


def group_mean(label: str, rows: Sequence[ScoredSample], column: str) -> GroupMean:
    """Return the mean of the finite scores of some rows, with its interval."""
    scored = [row for row in rows if math.isfinite(row.score(column))]
    scores = np.array([row.score(column) for row in scored])
    return GroupMean(
        label=label,
        n=scores.size,
        mean=math.fsum(scores) / scores.size if scores.size else None,
        interval=bootstrap_mean_interval(scores, [row.garment_id for row in scored]),
    )


def find_breakdowns(rows: Sequence[ScoredSample]) -> list[Breakdown]:
    """Return the breakdowns with at least two groups that the samples' facts allow."""
    found = [_by_severity(rows), _by_coverage(rows), _by_family(rows)]
    return [breakdown for breakdown in found if len(breakdown.groups) > 1]


def number_in(facts: Mapping[str, Any], key: str) -> float | None:
    """Return a finite number from a sample's facts, or None."""
    value = facts.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


def _by_severity(rows: Sequence[ScoredSample]) -> Breakdown:
    members: dict[float, list[int]] = {}
    for index, row in enumerate(rows):
        severity = number_in(row.facts, "severity")
        if severity is not None:
            members.setdefault(severity, []).append(index)
    if len(members) > MAX_GROUPS:
        members = {}
    groups = tuple((f"{severity:g}", tuple(members[severity])) for severity in sorted(members))
    return Breakdown("severity", ordered=True, groups=groups)


def _by_coverage(rows: Sequence[ScoredSample]) -> Breakdown:
    """Divide by how much of the garment is visible, into thirds of equal size."""
    known = [
        (coverage, index)
        for index, row in enumerate(rows)
        if (coverage := number_in(row.facts, "coverage")) is not None
    ]
    known.sort()
    if len(known) < MIN_FOR_TERCILES or known[0][0] == known[-1][0]:
        return Breakdown("coverage", ordered=True, groups=())
    groups = []
    for third in np.array_split(np.arange(len(known)), 3):
        low, high = known[third[0]][0], known[third[-1]][0]
        groups.append((f"{low:.2f} to {high:.2f}", tuple(known[i][1] for i in third)))
    return Breakdown("coverage", ordered=True, groups=tuple(groups))


def _by_family(rows: Sequence[ScoredSample]) -> Breakdown:
    members: dict[str, list[int]] = {}
    for index, row in enumerate(rows):
        family = row.facts.get("family")
        if isinstance(family, str):
            members.setdefault(family, []).append(index)
    if len(members) > MAX_GROUPS:
        members = {}
    groups = tuple(
        (shorten(family, LABEL_LENGTH), tuple(members[family])) for family in sorted(members)
    )
    return Breakdown("family", ordered=False, groups=groups)
