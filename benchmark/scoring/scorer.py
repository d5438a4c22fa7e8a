"""Scoring one sample after another."""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from ...core.errors import TpgbenchError
from ...core.progress import progress
from ...datasets_builders.base import Row
from ...metrics.base import Comparison, SampleMetric
from .journal import ScoreJournal
from .pairs import ComparisonReader, ImageFile
from .table import ScoredSample


class MetricFailedError(TpgbenchError):
    """A metric raised on a sample that it said it could score."""


@dataclass(frozen=True)
class Scorer:
    """Scores samples one by one, skipping what the journal knows.

    Attributes:
        reader: Puts images beside their rows.
        metrics: What to compute.
        journal: What is known, and where what is new goes.
    """

    reader: ComparisonReader
    metrics: Sequence[SampleMetric]
    journal: ScoreJournal

    def run(
        self,
        sample_ids: Sequence[str],
        image_of: Callable[[str], ImageFile],
        *,
        show_progress: bool,
    ) -> Iterator[ScoredSample]:
        """Yield one row a sample, in order."""
        total = len(sample_ids)
        recipes = {metric.key: metric.recipe({}) for metric in self.metrics}
        one = partial(self._one, recipes)
        with (
            progress("score", total, show=show_progress) as advance,
            ThreadPoolExecutor(os.cpu_count() or 1) as pool,
        ):
            jobs = pool.map(one, range(total), sample_ids, map(image_of, sample_ids))
            for sample_id, (row, digest, fresh) in zip(sample_ids, jobs, strict=True):
                if fresh:
                    self.journal.add(sample_id, digest, fresh)
                advance(1)
                yield row

    def _one(
        self, recipes: Mapping[str, str], index: int, sample_id: str, image: ImageFile
    ) -> tuple[ScoredSample, str, dict[str, float | None]]:
        meta, garment_id = "{}", sample_id
        try:
            row = self._row(index)
            garment_id = row.garment_id
            meta = json.dumps(dict(row.meta), sort_keys=True)
            if image.path is None:
                return ScoredSample(sample_id, garment_id, image.error, meta, {}), "", {}
            content = image.path.read_bytes()
            digest = hashlib.sha256(content).hexdigest()
            known = self.journal.get(sample_id, digest)
            todo = [metric for metric in self.metrics if recipes[metric.key] not in known]
            fresh: dict[str, float | None] = {}
            if todo or not self.metrics:  # metrics of whole sets must find every image readable
                comparison = self.reader.read(row, content, image.path)
                fresh = {recipes[m.key]: _score(m, comparison) for m in todo}
        except MetricFailedError:
            raise
        except (TpgbenchError, OSError) as error:
            return ScoredSample(sample_id, garment_id, str(error), meta, {}), "", {}
        scores = {**known, **fresh}
        values = {metric.key: scores[recipes[metric.key]] for metric in self.metrics}
        present = {key: value for key, value in values.items() if value is not None}
        return ScoredSample(sample_id, garment_id, None, meta, present), digest, fresh

    def _row(self, index: int) -> Row:
        try:
            return self.reader.dataset[index]
        except (TpgbenchError, OSError):
            raise
        except Exception as error:  # another package's dataset: one bad row must not end the run
            raise TpgbenchError(f"row {index}: {type(error).__name__}: {error}") from error


def _score(metric: SampleMetric, comparison: Comparison) -> float | None:
    if metric.unavailable(comparison) is not None:
        return None
    try:
        value = float(metric.score(comparison))
    except Exception as error:
        # A defect of the metric, not of the sample: no number may hide it.
        raise MetricFailedError(
            f"the metric '{metric.key}' failed on '{comparison.sample_id}' "
            f"({type(error).__name__}: {error}); leave it out with --metrics"
        ) from error
    return None if math.isnan(value) else value
