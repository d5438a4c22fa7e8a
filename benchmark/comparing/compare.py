"""Runs side by side: which differences are significant."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from ...core.documents import Document
from ...core.errors import TpgbenchError
from ...core.outcome import Outcome
from ...metrics.base import Value
from ...metrics.bootstrap import bootstrap_mean_interval
from ...metrics.value import explain_difference
from ..run.identity import RunRecord
from ..run.results import Result
from ..run.store import RunStore
from ..scoring.table import ScoredSample, read_scores
from .significance import holm, paired_permutation_test

ALPHA = 0.05
MIN_GARMENTS = 6  # fewer cannot reach p < 0.05 with two-sided sign flips


class PairTest(BaseModel):
    """One metric of two runs on the samples that both have.

    Attributes:
        metric: The metric.
        a: The label of one run.
        b: The label of the other.
        n: How many samples have a finite score in both.
        difference: Mean of a minus b, or None.
        interval: The 95 % bootstrap interval of the difference, or None.
        p_value: Of a paired sign-flip permutation test, or None.
        p_holm: The same after Holm's correction over all tests of the comparison.
        verdict: Which run is better at the 5 % level after the correction; ``"tie"`` if the
            difference is not significant.
        reason: Why the runs are not comparable, or None.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    metric: str
    a: str
    b: str
    n: int
    difference: float | None = None
    interval: tuple[float, float] | None = None
    p_value: float | None = None
    p_holm: float | None = None
    verdict: Literal["a", "b", "tie", "not comparable"]
    reason: str | None = None


class ComparedRun(BaseModel):
    """One run of a comparison."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    label: str
    path: str
    result: Result


class RunComparison(Document, Outcome):
    """Runs on one split of one dataset, and every pair of them tested on every metric."""

    task: str
    dataset: str
    split: str
    runs: tuple[ComparedRun, ...]
    metrics: tuple[str, ...]
    tests: tuple[PairTest, ...]

    @property
    def path(self) -> None:
        """Nothing is written."""

    @property
    def problems(self) -> tuple[str, ...]:
        """Always empty: "not comparable" is a verdict, not a problem."""
        return ()


def compare_runs(paths: Sequence[Path]) -> RunComparison:
    """Compare two or more run directories.

    Raises:
        TpgbenchError: Fewer than two runs, an unscored run, or runs on different data.
    """
    if len(paths) < 2 or len({path.resolve() for path in paths}) < len(paths):
        raise TpgbenchError("compare needs two run directories or more, each named once")
    stores = [RunStore(path) for path in paths]
    records = [store.read_record() for store in stores]
    _check_same_data(paths, records)
    results = [store.read_result() for store in stores]
    labels = _labels(paths, records)
    tables = [{row.sample_id: row for row in read_scores(store)} for store in stores]
    names = list(dict.fromkeys(value.name for result in results for value in result.metrics))

    tests: list[PairTest] = []
    for name in names:
        for first, second in combinations(range(len(stores)), 2):
            tests.append(
                _test_pair(
                    name,
                    (labels[first], labels[second]),
                    (results[first].find(name), results[second].find(name)),
                    (tables[first], tables[second]),
                )
            )
    return RunComparison(
        task=records[0].identity.task,
        dataset=records[0].identity.dataset,
        split=records[0].identity.split,
        runs=tuple(
            ComparedRun(label=label, path=str(path), result=result)
            for label, path, result in zip(labels, paths, results, strict=True)
        ),
        metrics=tuple(names),
        tests=tuple(_decide(tests, results)),
    )


def _check_same_data(paths: Sequence[Path], records: Sequence[RunRecord]) -> None:
    first = records[0].identity
    for path, record in zip(paths[1:], records[1:], strict=True):
        other = record.identity
        for field in ("task", "dataset_fingerprint", "split", "size", "fit"):
            if getattr(first, field) != getattr(other, field):
                raise TpgbenchError(
                    f"{path}: its {field} is {getattr(other, field)} and that of {paths[0]} is "
                    f"{getattr(first, field)}: only runs on the same data can be compared"
                )


def _labels(paths: Sequence[Path], records: Sequence[RunRecord]) -> list[str]:
    """Label a run by its model, or by its folder where two runs share the model.

    Of folders of one name it is the shortest end of their paths that tells them apart: labels stand
    in pages that are shared.
    """
    models = [record.identity.model for record in records]
    if len(set(models)) == len(models):
        return models
    parts = [path.resolve().parts[1:] for path in paths]
    length = 1
    while len({one[-length:] for one in parts}) < len(parts):
        length += 1
    return ["/".join(one[-length:]) for one in parts]


def _test_pair(
    name: str,
    labels: tuple[str, str],
    values: tuple[Value | None, Value | None],
    tables: tuple[Mapping[str, ScoredSample], Mapping[str, ScoredSample]],
) -> PairTest:
    def refuse(reason: str, n: int = 0) -> PairTest:
        return PairTest(
            metric=name, a=labels[0], b=labels[1], n=n, verdict="not comparable", reason=reason
        )

    for label, value in zip(labels, values, strict=True):
        if value is None:
            return refuse(f"{label} was not scored with it")
        if value.value is None:
            return refuse(f"{label}: {value.not_computed or 'no finite score'}")
    a, b = values
    if a is not None and b is not None and a.recipe != b.recipe:
        return refuse(f"the recipes differ: {explain_difference(a.recipe, b.recipe)}")
    if not all(any(name in row.scores for row in table.values()) for table in tables):
        return refuse("the metric has no scores per sample")
    both = [(row, tables[1][key]) for key, row in tables[0].items() if key in tables[1]]
    finite = [pair for pair in both if all(math.isfinite(row.score(name)) for row in pair)]
    differences = np.array([first.score(name) - second.score(name) for first, second in finite])
    garments = [first.garment_id for first, _ in finite]
    if len(set(garments)) < MIN_GARMENTS:
        return refuse(f"{len(set(garments))} common garments are too few for a test", len(finite))
    return PairTest(
        metric=name,
        a=labels[0],
        b=labels[1],
        n=int(differences.size),
        difference=math.fsum(differences) / differences.size,
        interval=bootstrap_mean_interval(differences, garments),
        p_value=paired_permutation_test(differences, garments),
        verdict="tie",
    )


def _decide(tests: Sequence[PairTest], results: Sequence[Result]) -> list[PairTest]:
    """Correct the p-values over all tests, and say who wins."""
    higher_is_better = {
        value.name: value.higher_is_better for result in results for value in result.metrics
    }
    tested = [test for test in tests if test.p_value is not None]
    adjusted = dict(
        zip(
            ((test.metric, test.a, test.b) for test in tested),
            holm([test.p_value for test in tested if test.p_value is not None]),
            strict=True,
        )
    )
    decided = []
    for test in tests:
        p_holm = adjusted.get((test.metric, test.a, test.b))
        verdict = test.verdict
        if p_holm is not None and p_holm < ALPHA and test.difference:
            verdict = "a" if (test.difference > 0) == higher_is_better[test.metric] else "b"
        decided.append(test.model_copy(update={"p_holm": p_holm, "verdict": verdict}))
    return decided
