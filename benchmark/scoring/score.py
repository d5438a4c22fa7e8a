"""The second stage: numbers a sample, then their aggregates with recipes."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...core.errors import TpgbenchError
from ...core.files import explain_os_errors
from ...core.images import open_picture
from ...core.weights import without_downloads
from ...datasets_builders.base import Dataset
from ...metrics.base import Metric, SampleMetric, SetMetric, Value, make_metric
from ..fit import RESIZE
from ..run.identity import RunRecord
from ..run.results import Result, SampleCounts
from ..run.run import Run
from ..run.store import RunStore
from ..tasks import get_task
from .external import find_images
from .journal import ScoreJournal
from .pairs import ComparisonReader, ImageFile
from .scorer import Scorer
from .set_scores import compute_set_metrics
from .table import ScoredSample, write_scores


@dataclass(frozen=True)
class Scored:
    """What the stage found.

    Attributes:
        result: The numbers.
        problems: What was asked for and is missing, a line each; empty when all is complete.
        notes: What a user should know besides.
    """

    result: Result
    problems: tuple[str, ...]
    notes: tuple[str, ...] = ()


def check_metrics(names: Sequence[str] | None, task: str) -> list[tuple[Metric, str | None]]:
    """Return the metrics to compute, each with why it cannot be, or None.

    Args:
        names: What the user asked for by name, or None for the task's defaults.
        task: The task.

    Raises:
        TpgbenchError: One that was asked for by name is unknown, is not for this task, or lacks
            its weights. A default one that lacks its weights is no error; nothing is downloaded
            for it.
    """
    chosen: list[tuple[Metric, str | None]] = []
    for name in dict.fromkeys(get_task(task).metrics if names is None else names):
        metric = make_metric(name)
        if task not in metric.tasks:
            raise TpgbenchError(
                f"the metric '{name}' is not for the task '{task}': see 'tpgbench list metrics'"
            )
        try:
            with without_downloads() if names is None else nullcontext():
                metric.load()
        except TpgbenchError as error:
            if names is not None:
                raise
            chosen.append((metric, str(error)))
        else:
            chosen.append((metric, None))
    if not chosen:
        raise TpgbenchError("--metrics: name at least one")
    return chosen


def score(run: Run, *, metrics: Sequence[str] | None = None, show_progress: bool = True) -> Scored:
    """Score a run.

    Args:
        run: The run.
        metrics: Metrics by name, ``"fid@clean"`` with a variant; None for the task's defaults.
        show_progress: Show progress on stderr.

    Raises:
        TpgbenchError: Another dataset, or a metric that cannot be computed.
    """
    store, record, identity = run.store, run.record, run.record.identity
    chosen = check_metrics(metrics, identity.task)
    rows, sample_ids = run.dataset, run.sample_ids
    image_of, notes = _image_finder(store, record, sample_ids)

    reader = ComparisonReader(
        rows,
        identity.size,
        identity.fit,
        resize_images=record.images is not None and record.images.resize,
    )
    by_sample = [m for m, reason in chosen if not reason and isinstance(m, SampleMetric)]

    with store.locked():
        if store.read_record() != record:
            raise TpgbenchError(
                f"{run.path}: another process has worked on it just now; score again"
            )
        journal = ScoreJournal(store.journal_path, _journal_context(record, rows))
        with closing(journal):
            scorer = Scorer(reader, by_sample, journal)
            table = list(scorer.run(sample_ids, image_of, show_progress=show_progress))
        images = {i: image_of(row.sample_id).path for i, row in enumerate(table) if not row.error}
        context = recipe_context(record, rows, sample_ids, list(filter(None, images.values())))
        garments = [row.garment_id for row in table]
        values = {
            metric.key: metric.aggregate(_column(table, metric), context, garments)
            for metric in by_sample
        }
        for value in compute_set_metrics(
            [metric for metric, reason in chosen if not reason and isinstance(metric, SetMetric)],
            reader,
            {index: path for index, path in images.items() if path is not None},
            len(table) - len(images),
            context,
            show_progress=show_progress,
        ):
            values[value.name] = value
        for one in by_sample:
            values[one.key] = _explained(values[one.key], one, reader, images)
        for metric, reason in chosen:
            if reason is not None:
                values[metric.key] = metric.not_computed(reason, len(table), context)
        digest = write_scores(store, table, [metric.key for metric in by_sample])
        scored = _summarise(
            record, table, [values[metric.key] for metric, _ in chosen], digest, metrics is not None
        )
        scored.result.write(store.result_path)
    return Scored(scored.result, scored.problems, notes)


def _explained(
    value: Value, metric: SampleMetric, reader: ComparisonReader, images: Mapping[int, Path | None]
) -> Value:
    """Say of a value that rests on no sample what the first one lacks: ``"no truth"``."""
    index, path = next(((i, path) for i, path in images.items() if path is not None), (0, None))
    if value.not_computed is None or path is None:
        return value
    reason = metric.unavailable(reader.read(reader.dataset[index], path.read_bytes(), path))
    if reason is None:
        return value
    return value.model_copy(update={"not_computed": f"{reason}: {value.not_computed}"})


def recipe_context(
    record: RunRecord, dataset: Dataset, sample_ids: Sequence[str], files: Sequence[Path]
) -> dict[str, str]:
    """Return what every recipe of this run holds beside the metrics' own settings.

    Args:
        record: The run.
        dataset: What it was made from.
        sample_ids: All of its samples.
        files: Their images, readable ones.
    """
    samples = json.dumps([dataset.fingerprint, dataset.split, list(sample_ids)])
    context = {
        "fit": record.identity.fit,
        "format": "png" if record.images is None else _formats(files),
        "n": str(len(sample_ids)),
        "resize": RESIZE,
        "size": str(record.identity.size),
        "split": f"{dataset.split}-{hashlib.sha256(samples.encode()).hexdigest()[:8]}",
    }
    if record.images is not None and record.images.resize:
        context["output-resize"] = RESIZE
    return context


def _formats(files: Sequence[Path]) -> str:
    """Return how images were stored, by what is in the files: ``"png"``, ``"jpeg+png"``, ..."""
    formats = set()
    for path in files:
        with explain_os_errors(path), path.open("rb") as stream:
            formats.add(str(open_picture(stream).format).lower())
    return "+".join(sorted(formats)) or "none"


def _journal_context(record: RunRecord, dataset: Dataset) -> str:
    identity = record.identity
    resized = record.images is not None and record.images.resize
    return json.dumps(
        [dataset.fingerprint, dataset.split, identity.size, identity.fit, RESIZE, resized]
    )


def _image_finder(
    store: RunStore, record: RunRecord, sample_ids: Sequence[str]
) -> tuple[Callable[[str], ImageFile], tuple[str, ...]]:
    if record.images is None:
        failures = store.read_failures()

        def generated(sample_id: str) -> ImageFile:
            path = store.image_path(sample_id)
            if path.exists():
                return ImageFile(path, "")
            return ImageFile(None, failures.get(sample_id, "no image was generated yet"))

        return generated, ()

    found = find_images(record.images, sample_ids)

    def outside(sample_id: str) -> ImageFile:
        path = found.paths.get(sample_id)
        return ImageFile(path, "" if path else "no image is named after it")

    if not found.extra:
        return outside, ()
    names = ", ".join(found.extra[:5]) + (", ..." if len(found.extra) > 5 else "")
    return outside, (f"{len(found.extra)} images belong to no sample of this split: {names}",)


def _column(table: Sequence[ScoredSample], metric: SampleMetric) -> NDArray[np.float64]:
    return np.array([row.scores.get(metric.key, math.nan) for row in table], np.float64)


def _summarise(
    record: RunRecord,
    table: Sequence[ScoredSample],
    values: Sequence[Value],
    scores_sha256: str,
    by_name: bool,
) -> Scored:
    failed = [row for row in table if row.error is not None]
    problems = []
    if failed:
        first = failed[0]
        problems.append(
            f"{len(failed)} of {len(table)} samples failed; the first, {first.sample_id}: "
            f"{first.error}"
        )
    if by_name:
        problems += [
            f"{v.name} was not computed: {v.not_computed}" for v in values if v.not_computed
        ]
    result = Result(
        model=record.identity.model,
        task=record.identity.task,
        dataset=record.identity.dataset,
        split=record.identity.split,
        limit=record.limit,
        samples=SampleCounts(total=len(table), ok=len(table) - len(failed), failed=len(failed)),
        metrics=tuple(values),
        scores_sha256=scores_sha256,
    )
    return Scored(result, tuple(problems))
