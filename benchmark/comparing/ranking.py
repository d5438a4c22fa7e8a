"""Which runs of a comparison are best by a metric: the one rule for tables and pages.

The best are the run with the best mean and every run not significantly different from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ...metrics.base import Value
from .compare import RunComparison

AT_LEVEL = "at the 5 % level after Holm's correction"


@dataclass(frozen=True)
class Ranking:
    """The verdict on one metric.

    Attributes:
        metric: The metric.
        best: The labels of the run with the best mean and of every run not significantly different
            from it; empty if the metric cannot be ranked.
        verdict: The same in a sentence, or why there is no ranking.
        reason: Why there is no ranking, or None if there is one.
    """

    metric: str
    best: frozenset[str]
    verdict: str
    reason: str | None = None

    def mark(self, label: str) -> str:
        """Return ``"best"``, ``"tied"`` (one of several that are best) or ``""`` for a run."""
        if label not in self.best:
            return ""
        return "best" if len(self.best) == 1 else "tied"


def rank(comparison: RunComparison, metric: str) -> Ranking:
    """Return the verdict of a comparison on one of its metrics."""
    values: dict[str, Value] = {}
    for run in comparison.runs:
        value = run.result.find(metric)
        if value is not None and value.value is None and value.infinite:
            return _unranked(metric, f"{run.label} has infinite scores only")
        if value is not None and value.unranked is not None:
            return _unranked(metric, f"{run.label} has {value.unranked}")
        if value is not None and value.value is not None:
            values[run.label] = value
    if len(values) < 2:
        return _unranked(metric, "fewer than two runs have a value")
    tests = [
        test
        for test in comparison.tests
        if test.metric == metric and {test.a, test.b} <= values.keys()
    ]
    for test in tests:
        if test.verdict == "not comparable":
            return _unranked(metric, f"{test.a} and {test.b}: {test.reason}")
    outcomes = [
        (test.a, test.b) if test.verdict == "a" else (test.b, test.a)
        for test in tests
        if test.verdict != "tie"
    ]
    leader = _leader(values)
    for winner, loser in outcomes:
        if loser == leader:
            return _unranked(
                metric,
                f"{winner} is better than {leader} on the samples that both have, but has the "
                "worse mean, because the runs lack scores for different samples",
            )
    beaten = {loser for winner, loser in outcomes if winner == leader}
    tied = sorted(values.keys() - beaten - {leader})
    if not outcomes:
        verdict = f"No significant difference {AT_LEVEL}."
    elif tied:
        are = "is" if len(tied) == 1 else "are"
        verdict = (
            f"{leader} has the best mean; {' and '.join(tied)} {are} not significantly different "
            f"{AT_LEVEL}."
        )
    else:
        verdict = f"{leader} is better than every other run {AT_LEVEL}."
    return Ranking(metric, frozenset([leader, *tied]), verdict)


def _unranked(metric: str, reason: str) -> Ranking:
    return Ranking(metric, frozenset(), f"Not ranked: {reason}.", reason)


def _leader(values: Mapping[str, Value]) -> str:
    def goodness(label: str) -> float:
        value = values[label]
        number = value.value or 0.0
        return number if value.higher_is_better else -number

    return max(values, key=goodness)
