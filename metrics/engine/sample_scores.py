"""Asking a metric for the scores of samples: in batches, and so that a failure costs one sample."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass

from ...core.errors import TpgbenchError
from ..base import SampleMetric
from ..pair import Pair
from ..value import HEADLINE, NotAnswered, SampleScore, Score

# What another package's code may raise; `sys.exit` must not end this program with its code.
PLUGIN_ERRORS = (Exception, SystemExit)
UNDEFINED = Score({HEADLINE: math.nan})  # of a sample that a metric cannot score


@dataclass(frozen=True)
class Failed:
    """A metric raised on a sample.

    Attributes:
        error: What it raised.
    """

    error: BaseException

    @property
    def reason(self) -> str:
        """The error in one line."""
        return describe(self.error)


Outcome = Score | NotAnswered | Failed


def describe(error: BaseException) -> str:
    """Return an error in one line: a user error as it is, a defect with its type."""
    text = " ".join(str(error).split())
    if isinstance(error, TpgbenchError):
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def score_pairs(metric: SampleMetric, pairs: Sequence[Pair]) -> list[Outcome]:
    """Return the outcome of each pair; a batch that raises is asked again one pair at a time.

    Args:
        metric: What to compute, loaded.
        pairs: Those that it can score: `Metric.unavailable` is None.
    """
    try:
        found = list(metric.score_batch(pairs))
        if len(found) != len(pairs):
            raise ValueError(f"{len(found)} scores returned for {len(pairs)} samples")
    except PLUGIN_ERRORS as error:  # must cost no other metric's scores
        if len(pairs) > 1:
            return [score_pairs(metric, [pair])[0] for pair in pairs]
        return [Failed(error)]
    return [_checked(metric, one) for one in found]


def _checked(metric: SampleMetric, found: SampleScore) -> Outcome:
    """Return a score in one form, or the failure that it is."""
    if isinstance(found, NotAnswered):
        return found
    try:
        if not isinstance(found, Score):
            return Score({HEADLINE: metric.check_range(float(found))})
        unknown = sorted(found.values.keys() - {HEADLINE, *metric.outputs})
        if unknown:
            raise ValueError(f"{', '.join(unknown)}: not among the metric's outputs")
        json.dumps(found.evidence, allow_nan=False)
        values = {name: float(value) for name, value in found.values.items()}
        metric.check_range(values.get(HEADLINE, math.nan))
        return Score(values, found.evidence)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        return Failed(error)
