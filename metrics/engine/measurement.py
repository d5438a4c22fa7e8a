"""What a pass of the engine found, and the values that follow from it."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ...core.errors import TpgbenchError
from ..base import Metric, SampleMetric, SetMetric, Value
from ..value import HEADLINE, NotAnswered, Score
from .sample_scores import PLUGIN_ERRORS, Failed, Outcome, describe
from .set_features import FeatureTable, SetFeatures
from .source import Entry, ReadPair


@dataclass
class MeasuredSample:
    """What is known of one sample after the pass.

    Attributes:
        entry: The sample.
        error: Why it could not be used, or None.
        outcomes: What each metric per sample said, by its key; empty if there is an error.
        open: Opens it again.
    """

    entry: Entry
    error: str | None
    outcomes: dict[str, Outcome]
    open: Callable[[], tuple[Entry, ReadPair]]

    def score(self, key: str) -> Score | None:
        """Return the score of a metric, or None where there is none."""
        found = self.outcomes.get(key)
        return found if isinstance(found, Score) else None


@dataclass(frozen=True)
class MetricResult:
    """What one metric came to.

    Attributes:
        values: The headline, then its further outputs.
        problems: What went wrong, a line each; empty if nothing did.
    """

    values: tuple[Value, ...]
    problems: tuple[str, ...]


@dataclass(frozen=True)
class Measurement:
    """What a pass found.

    Attributes:
        samples: Every sample, in the order of the sources.
        features: What the metrics of whole sets compute from.
        whole: Whether the sources hold whole pairs, and not one side each.
        strict: As for `tpgbench.metrics.engine.measure.measure`.
    """

    samples: Sequence[MeasuredSample]
    features: SetFeatures
    whole: bool
    strict: bool

    def result(self, metric: Metric, context: Mapping[str, str]) -> MetricResult:
        """Return the values of a metric; one that raises is not computed, with the reason.

        Args:
            metric: One of those that were measured.
            context: What its recipe holds in addition to its own settings.

        Raises:
            TpgbenchError: In strict mode, what the metric raised.
        """
        if isinstance(metric, SampleMetric):
            return self._sample_result(metric, context)
        if isinstance(metric, SetMetric):
            return self._set_result(metric, context)
        raise TypeError(f"{type(metric).__name__} is neither a SampleMetric nor a SetMetric")

    def column(self, metric: SampleMetric, output: str | None = None) -> NDArray[np.float64]:
        """Return the headline or another output of every sample, (n,); NaN where missing."""
        scores = [sample.score(metric.key) for sample in self.samples]
        name = HEADLINE if output is None else output
        return np.array(
            [math.nan if one is None else one.values.get(name, math.nan) for one in scores],
            np.float64,
        )

    def _sample_result(self, metric: SampleMetric, context: Mapping[str, str]) -> MetricResult:
        groups = [sample.entry.group for sample in self.samples]
        problems = self.failures(metric)
        reason = "; ".join(problems) or self._lack(metric)
        lines = [f"{metric.key} {line}" for line in problems]
        values: list[Value] = []
        for output in (None, *metric.outputs):
            column = self.column(metric, output)
            aggregate = partial(metric.aggregate, column, context, groups, output)
            missing = int(np.isnan(column).sum())
            found = guarded(metric, aggregate, missing, context, strict=self.strict, output=output)
            lines += found.problems
            for value in found.values:
                text = value.not_computed
                if text is not None and reason and not found.problems:
                    text = reason if problems else f"{reason}: {text}"
                values.append(value.model_copy(update={"not_computed": text}))
        return MetricResult(tuple(values), tuple(lines))

    def failures(self, metric: SampleMetric) -> list[str]:
        """Return what a metric per sample raised or did not answer: count and first reason."""
        lines = []
        kinds: tuple[tuple[type[Failed] | type[NotAnswered], str], ...] = (
            (Failed, "failed on"),
            (NotAnswered, "got no answer for"),
        )
        for kind, verb in kinds:
            found = [(one.entry.sample_id, one.outcomes.get(metric.key)) for one in self.samples]
            those = [(sample_id, one) for sample_id, one in found if isinstance(one, kind)]
            if those:
                sample_id, first = those[0]
                counts = f"{len(those)} of {len(self.samples)} samples"
                lines.append(f"{verb} {counts}; the first, {sample_id}: {first.reason}")
        return lines

    def _lack(self, metric: SampleMetric) -> str | None:
        """Return what the first sample lacks if no sample has a score: ``"no truth"``."""
        if not np.isnan(self.column(metric)).all():
            return None
        usable = next((one for one in self.samples if one.error is None), None)
        try:
            return None if usable is None else metric.unavailable(usable.open()[1]())
        except (TpgbenchError, OSError):
            return None

    def _set_result(self, metric: SetMetric, context: Mapping[str, str]) -> MetricResult:
        table = self.features.table(metric)
        used = table.sample_ids if isinstance(table, FeatureTable) else ()
        missing = len(self.samples) - len(used) if self.whole else 0
        if missing and isinstance(table, FeatureTable):
            context = {**context, "used": _subset(used)}
        if isinstance(table, BaseException):
            return guarded(metric, partial(_raise, table), missing, context, strict=self.strict)
        # Of two sets that are no pairs, no list of groups fits both.
        groups = table.groups if self.whole and table.groups else None
        compute = partial(metric.compute, table.features, missing, context, groups)
        found = guarded(metric, compute, missing, context, strict=self.strict)
        refused = self.features.refused(metric)
        if not refused:
            return found
        sample_id, error = refused[0]
        line = (
            f"{metric.key} left out {len(refused)} of {len(self.samples)} samples; the first, "
            f"{sample_id}: {describe(error)}"
        )
        return MetricResult(found.values, (*found.problems, line))


def guarded(
    metric: Metric,
    compute: Callable[[], Value],
    missing: int,
    context: Mapping[str, str],
    *,
    strict: bool,
    output: str | None = None,
) -> MetricResult:
    """Return a value, or that it is not computed and why if its computation raises.

    Args:
        metric: The metric.
        compute: Computes the value.
        missing: How many samples are missing if it raises.
        context: What the recipe holds in addition to the metric's own settings.
        strict: Let a `TpgbenchError` through.
        output: Which of the metric's further outputs the value is of; None for its headline.
    """
    try:
        return MetricResult((compute(),), ())
    except PLUGIN_ERRORS as error:  # a defect, or too little memory, must not cost other metrics
        if strict and isinstance(error, TpgbenchError):
            raise
        reason = f"failed: {describe(error)}"
        name = metric.key if output is None else f"{metric.key}:{output}"
        value = metric.not_computed(reason, missing, context).model_copy(update={"name": name})
        return MetricResult((value,), (f"{name} {reason}",))


def _raise(error: BaseException) -> Value:
    raise error


def _subset(sample_ids: Sequence[str]) -> str:
    """Return what tells a part of the samples from other parts, for recipes."""
    digest = hashlib.sha256(json.dumps(sorted(sample_ids)).encode()).hexdigest()
    return f"{len(sample_ids)}-{digest[:8]}"
