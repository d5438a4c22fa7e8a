"""A run's scores by what its samples have in common: severity, coverage, family."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..metrics.bootstrap import bootstrap_mean_interval
from .formatting import shorten
from .samples import ScoredRow

MAX_GROUPS = 24  # more would be a cloud, not a chart
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
    """A division of the samples into groups.

    Attributes:
        title: What divides them: ``"severity"``.
        ordered: Whether the groups stand on a scale, least first.
        groups: The label of each group and the indices of its rows.
    """

    title: str
    ordered: bool
    groups: tuple[tuple[str, tuple[int, ...]], ...]

    def means(self, rows: Sequence[ScoredRow], column: int) -> tuple[GroupMean, ...]:
        """Return the mean of one metric in each group."""
        return tuple(
            group_mean(label, [rows[index] for index in members], column)
            for label, members in self.groups
        )


def group_mean(label: str, rows: Sequence[ScoredRow], column: int) -> GroupMean:
    """Return the mean of the finite scores of some rows, with its interval."""
    scored = [row for row in rows if math.isfinite(row.scores[column])]
    scores = np.array([row.scores[column] for row in scored])
    return GroupMean(
        label=label,
        n=scores.size,
        mean=math.fsum(scores) / scores.size if scores.size else None,
        interval=bootstrap_mean_interval(scores, [row.garment_id for row in scored]),
    )


def find_breakdowns(rows: Sequence[ScoredRow]) -> list[Breakdown]:
    """Return the divisions that the samples' meta allows; one group alone is no division."""
    found = [_by_severity(rows), _by_coverage(rows), _by_family(rows)]
    return [breakdown for breakdown in found if len(breakdown.groups) > 1]


def number_in(meta: Any, key: str) -> float | None:
    """Return a finite number of a row's meta, or None."""
    value = meta.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


def _by_severity(rows: Sequence[ScoredRow]) -> Breakdown:
    members: dict[float, list[int]] = {}
    for index, row in enumerate(rows):
        severity = number_in(row.meta, "severity")
        if severity is not None:
            members.setdefault(severity, []).append(index)
    if len(members) > MAX_GROUPS:
        members = {}
    groups = tuple((f"{severity:g}", tuple(members[severity])) for severity in sorted(members))
    return Breakdown("severity", ordered=True, groups=groups)


def _by_coverage(rows: Sequence[ScoredRow]) -> Breakdown:
    """Divide by how much of the garment is visible, into thirds of equal size."""
    known = [
        (coverage, index)
        for index, row in enumerate(rows)
        if (coverage := number_in(row.meta, "coverage")) is not None
    ]
    known.sort()
    if len(known) < MIN_FOR_TERCILES or known[0][0] == known[-1][0]:
        return Breakdown("coverage", ordered=True, groups=())
    groups = []
    for third in np.array_split(np.arange(len(known)), 3):
        low, high = known[third[0]][0], known[third[-1]][0]
        groups.append((f"{low:.2f} to {high:.2f}", tuple(known[i][1] for i in third)))
    return Breakdown("coverage", ordered=True, groups=tuple(groups))


def _by_family(rows: Sequence[ScoredRow]) -> Breakdown:
    members: dict[str, list[int]] = {}
    for index, row in enumerate(rows):
        family = row.meta.get("family")
        if isinstance(family, str):
            members.setdefault(family, []).append(index)
    if len(members) > MAX_GROUPS:
        members = {}
    groups = tuple(
        (shorten(family, LABEL_LENGTH), tuple(members[family])) for family in sorted(members)
    )
    return Breakdown("family", ordered=False, groups=groups)
