"""Which runs of a comparison are best at a metric, and which cannot be told apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ...metrics.base import Value
from ..run.results import Result
from .compare import RunComparison

AT_LEVEL = "at the 5 % level after Holm's correction"


@dataclass(frozen=True)
class Ranking:
    """The verdict on one metric.

    Attributes:
        metric: The metric.
        best: The labels of the run with the best mean and of all that tie with it; empty if the
            metric cannot be ranked.
        verdict: The same in a sentence, or why there is no ranking.
    """

    metric: str
    best: frozenset[str]
    verdict: str


def rank(comparison: RunComparison, metric: str) -> Ranking:
    """Return the verdict of a comparison on one of its metrics."""
    values: dict[str, Value] = {}
    for run in comparison.runs:
        value = find_value(run.result, metric)
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
                f"{winner} is better than {leader} on the samples that both have, but not in "
                "its mean, because the runs miss different samples",
            )
    beaten = {loser for winner, loser in outcomes if winner == leader}
    tied = sorted(values.keys() - beaten - {leader})
    if not outcomes:
        verdict = f"No difference shown {AT_LEVEL}."
    elif tied:
        verdict = f"{leader} leads; no difference from {' or '.join(tied)} shown {AT_LEVEL}."
    else:
        verdict = f"{leader} is better than every other run {AT_LEVEL}."
    return Ranking(metric, frozenset([leader, *tied]), verdict)


def find_value(result: Result, metric: str) -> Value | None:
    """Return a result's value of a metric, or None if it was not asked for."""
    return next((value for value in result.metrics if value.name == metric), None)


def _unranked(metric: str, reason: str) -> Ranking:
    return Ranking(metric, frozenset(), f"Not ranked: {reason}.")


def _leader(values: Mapping[str, Value]) -> str:
    def goodness(label: str) -> float:
        value = values[label]
        number = value.value or 0.0
        return number if value.higher_is_better else -number

    return max(values, key=goodness)
