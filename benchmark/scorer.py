"""Scoring one sample after another."""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from ..datasets_builders.base import Dataset
from ..errors import TpgbenchError
from ..images import Image, read_image
from ..metrics.base import Comparison, Metric
from .fit import fit_comparison, resize
from .journal import ScoreJournal
from .progress import progress
from .score_table import ScoredSample


@dataclass(frozen=True)
class ImageFile:
    """A sample's generated image, or why there is none."""

    path: Path | None
    error: str


@dataclass(frozen=True)
class Scorer:
    """Scores samples one by one, skipping what the journal knows.

    Attributes:
        dataset: Where the truth is.
        size: Side of the frame, in pixels.
        fit: How rows are brought to it.
        resize_images: Resize an image of another size instead of failing its sample.
        metrics: What to compute.
        journal: What is known, and where what is new goes.
    """

    dataset: Dataset
    size: int
    fit: str
    resize_images: bool
    metrics: Sequence[Metric]
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
        with (
            progress("score", total, show=show_progress) as advance,
            ThreadPoolExecutor(os.cpu_count() or 1) as pool,
        ):
            jobs = pool.map(self._one, range(total), sample_ids, map(image_of, sample_ids))
            for sample_id, (row, digest, fresh) in zip(sample_ids, jobs, strict=True):
                if fresh:
                    self.journal.add(sample_id, digest, fresh)
                advance(1)
                yield row

    def _one(
        self, index: int, sample_id: str, image: ImageFile
    ) -> tuple[ScoredSample, str, dict[str, float | None]]:
        meta = "{}"
        try:
            row = self.dataset[index]
            meta = json.dumps(dict(row.meta), sort_keys=True)
            if image.path is None:
                return ScoredSample(sample_id, image.error, meta, {}), "", {}
            content = image.path.read_bytes()
            digest = hashlib.sha256(content).hexdigest()
            known = self.journal.get(sample_id, digest)
            recipes = {metric.key: metric.recipe({}) for metric in self.metrics}
            todo = [metric for metric in self.metrics if recipes[metric.key] not in known]
            fresh: dict[str, float | None] = {}
            if todo:
                output = self._frame(read_image(content, str(image.path)), image.path)
                comparison = fit_comparison(row, output, size=self.size, fit=self.fit)
                fresh = {recipes[m.key]: _score(m, comparison) for m in todo}
        except (TpgbenchError, OSError) as error:
            return ScoredSample(sample_id, str(error), meta, {}), "", {}
        scores = {**known, **fresh}
        values = {metric.key: scores[recipes[metric.key]] for metric in self.metrics}
        present = {key: value for key, value in values.items() if value is not None}
        return ScoredSample(sample_id, None, meta, present), digest, fresh

    def _frame(self, output: Image, path: Path) -> Image:
        height, width = output.shape[:2]
        if (height, width) == (self.size, self.size):
            return output
        if self.resize_images:
            return resize(output, self.size)
        raise TpgbenchError(
            f"{path}: {width}x{height} px, not {self.size}x{self.size}: give --size, or --resize"
        )


def _score(metric: Metric, comparison: Comparison) -> float | None:
    if metric.unavailable(comparison) is not None:
        return None
    value = float(metric.score(comparison))
    return None if math.isnan(value) else value
