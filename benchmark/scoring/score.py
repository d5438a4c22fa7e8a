"""The second stage: scores per sample, then their aggregates with recipes."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass
from typing import cast

from ...core.errors import TpgbenchError
from ...core.images import READING
from ...core.places import without_places
from ...core.progress import progress
from ...core.weights import without_downloads
from ...datasets_builders.base import Dataset
from ...metrics.base import Metric, SampleMetric, Score, Value, make_metric
from ...metrics.engine.measure import measure
from ...metrics.engine.measurement import Measurement
from ...metrics.engine.sample_scores import PLUGIN_ERRORS, describe
from ...metrics.engine.source import Entry
from ...metrics.moments import MomentMetric
from ...metrics.value import explain_missing
from ..fit import OUTPUT_FRAME, RESIZE
from ..run.identity import RunRecord
from ..run.results import Result, SampleCounts
from ..run.run import Run
from ..run.store import RunStore
from ..tasks import get_task
from .evidence import write_evidence
from .external import find_images
from .journal import ScoreJournal, compact
from .kept import Earlier, digest_inputs
from .pairs import ImageFile, PairReader, RunEntry, RunSource
from .table import ScoredSample, write_scores

_DEFECT = "cannot be loaded: "  # a defect of a default metric; missing weights are none


@dataclass(frozen=True)
class Scored:
    """What the stage found.

    Attributes:
        result: The numbers.
        problems: What was asked for and is missing, a line each; empty when all is complete.
        notes: What else a user should know.
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
        except PLUGIN_ERRORS as error:
            if names is None:
                defect = not isinstance(error, TpgbenchError)
                chosen.append((metric, f"{_DEFECT if defect else ''}{describe(error)}"))
            elif isinstance(error, TpgbenchError):
                raise
            else:
                raise TpgbenchError(
                    f"the metric '{name}' cannot be loaded ({describe(error)}): leave it out"
                ) from error
        else:
            chosen.append((metric, None))
    if not chosen:
        raise TpgbenchError("--metrics: name at least one")
    return chosen


def score(run: Run, metrics: Sequence[str] | None = None, *, show_progress: bool = True) -> Scored:
    """Score a run. Earlier values of other metrics stay if all that they depend on is as it was.

    Args:
        run: The run.
        metrics: Metrics by name, ``"fid@clean"`` with a variant; None for the task's defaults.
        show_progress: Show progress on stderr.

    Raises:
        TpgbenchError: Another dataset, or a metric that cannot be computed.
    """
    store, record = run.store, run.record
    chosen = check_metrics(metrics, record.identity.task)
    image_of, notes = _image_finder(store, record, run.sample_ids)
    loaded = [metric for metric, reason in chosen if reason is None]
    for metric in loaded:
        if isinstance(metric, MomentMetric) and len(run.sample_ids) == run.dataset.published:
            metric.published = run.dataset.published
    with store.locked():
        if store.read_record() != record:
            raise TpgbenchError(f"{store.path}: another process has just worked in it; score again")
        measured = _measure(run, loaded, image_of, show_progress=show_progress)
        entries = [cast(RunEntry, sample.entry) for sample in measured.samples]
        formats = [
            entry.format
            for entry, sample in zip(entries, measured.samples, strict=True)
            if sample.error is None
        ]
        context = recipe_context(record, run.dataset, run.sample_ids, formats)
        values: list[Value] = []
        problems: list[str] = []
        unexplained: list[Value] = []  # asked for by name; no problem says why one is missing
        for metric, reason in chosen:
            if reason is not None:
                values.append(metric.not_computed(reason, len(entries), context))
                if reason.startswith(_DEFECT):
                    problems.append(f"{metric.key} {reason}")
                continue
            found = measured.result(metric, context)
            values += found.values
            problems += found.problems
            if metrics is not None and not found.problems:
                unexplained += found.values
        problems += explain_missing(unexplained)
        by_sample = [metric for metric in loaded if isinstance(metric, SampleMetric)]
        inputs = digest_inputs(_journal_context(run), measured.samples)
        earlier = Earlier.read(store)
        others = earlier.without({value.name for value in values})
        if earlier.inputs_sha256 != inputs:
            if others.values:
                notes = (*notes, _dropped(others.values))
            earlier = others = Earlier()
        merged = earlier.merge_values([_shared(value) for value in values])
        write_evidence(
            store.evidence,
            {one.key: _scores(measured, one) for one in by_sample},
            keep=[value.name for value in others.values],
        )
        rows = others.merge_rows(_table(measured, entries, by_sample))
        held = {*_columns(by_sample), *(name for row in others.rows for name in row.scores)}
        columns = [value.name for value in merged if value.name in held]
        digest = write_scores(store, rows, columns, inputs)
        result = _result(run, measured, merged, digest, inputs)
        result.write(store.result_path)
    return Scored(result, (*_failed_samples(measured), *problems), notes)


def _shared(value: Value) -> Value:
    """Return a value without this machine's folders in its reasons: `result.json` is shared."""
    reasons = {"not_computed": value.not_computed, "unranked": value.unranked}
    return value.model_copy(
        update={name: without_places(one) for name, one in reasons.items() if one is not None}
    )


def _dropped(values: Sequence[Value]) -> str:
    names = ", ".join(value.name for value in values)
    return (
        f"the earlier values of {names} were of other images or samples and are gone: score with "
        "these metrics again"
    )


def _measure(
    run: Run,
    metrics: Sequence[Metric],
    image_of: Callable[[str], ImageFile],
    *,
    show_progress: bool,
) -> Measurement:
    """Compute what the journal does not know, and record it there as it comes."""
    record = run.record
    reader = PairReader(
        run.dataset,
        record.identity.size,
        record.identity.fit,
        resize_images=record.images is not None and record.images.resize,
    )
    recipes = {one.key: one.recipe({}) for one in metrics if isinstance(one, SampleMetric)}
    with (
        closing(ScoreJournal(run.store.journal_path, _journal_context(run))) as journal,
        progress("score", len(run.sample_ids), show=show_progress) as advance,
    ):

        def add(entry: Entry, scores: Mapping[str, Score]) -> None:
            known = {recipes[key]: compact(one) for key, one in scores.items()}
            journal.add(entry.sample_id, cast(RunEntry, entry).digest, known)

        source = RunSource(reader, run.sample_ids, image_of, journal, recipes)
        return measure(metrics, [source], on_scores=add, advance=advance)


def recipe_context(
    record: RunRecord, dataset: Dataset, sample_ids: Sequence[str], formats: Sequence[str]
) -> dict[str, str]:
    """Return what every recipe of this run holds in addition to the metrics' own settings.

    Args:
        record: The run.
        dataset: What it was made from.
        sample_ids: All of its samples.
        formats: How their images are stored, those that can be read.
    """
    samples = json.dumps([dataset.fingerprint, dataset.split, list(sample_ids)])
    stored = "+".join(sorted(set(formats))) or "none"
    context = {
        "fit": record.identity.fit,
        "format": "png" if record.images is None else stored,
        "n": str(len(sample_ids)),
        "read": READING,
        "resize": RESIZE,
        "size": str(record.identity.size),
        "split": f"{dataset.split}-{hashlib.sha256(samples.encode()).hexdigest()[:8]}",
    }
    if record.images is not None and record.images.resize:
        context["output-frame"] = OUTPUT_FRAME
    return context


def _journal_context(run: Run) -> str:
    dataset, identity, images = run.dataset, run.record.identity, run.record.images
    framed = OUTPUT_FRAME if images is not None and images.resize else None
    return json.dumps(
        [dataset.fingerprint, dataset.split, identity.size, identity.fit, RESIZE, framed, READING]
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

    def external(sample_id: str) -> ImageFile:
        path = found.paths.get(sample_id)
        return ImageFile(path, "" if path else "no image is named after it")

    notes = []
    if found.extra:
        names = ", ".join(found.extra[:5]) + (", ..." if len(found.extra) > 5 else "")
        notes.append(f"{len(found.extra)} images belong to no sample of this split: {names}")
    if found.passed_over:
        notes.append(f"{record.images.folder}: passed over: {found.passed_over}")
    return external, tuple(notes)


def _columns(metrics: Sequence[SampleMetric]) -> list[str]:
    """Return the names of the metrics' columns: ``KEY``, ``KEY:OUTPUT``."""
    return [
        name
        for metric in metrics
        for name in (metric.key, *(f"{metric.key}:{output}" for output in metric.outputs))
    ]


def _table(
    measured: Measurement, entries: Sequence[RunEntry], metrics: Sequence[SampleMetric]
) -> list[ScoredSample]:
    columns = {
        name: column
        for metric in metrics
        for name, column in zip(
            _columns([metric]),
            (measured.column(metric, output) for output in (None, *metric.outputs)),
            strict=True,
        )
    }
    return [
        ScoredSample(
            sample_id=entry.sample_id,
            garment_id=entry.group,
            error=None if sample.error is None else without_places(sample.error),
            meta=entry.meta,
            scores={
                name: float(column[index])
                for name, column in columns.items()
                if not math.isnan(column[index])
            },
        )
        for index, (entry, sample) in enumerate(zip(entries, measured.samples, strict=True))
    ]


def _scores(measured: Measurement, metric: SampleMetric) -> list[tuple[str, Score]]:
    found = [(sample.entry.sample_id, sample.score(metric.key)) for sample in measured.samples]
    return [(sample_id, score) for sample_id, score in found if score is not None]


def _failed_samples(measured: Measurement) -> list[str]:
    failed = [sample for sample in measured.samples if sample.error is not None]
    if not failed:
        return []
    return [
        f"{len(failed)} of {len(measured.samples)} samples failed; the first, "
        f"{failed[0].entry.sample_id}: {failed[0].error}"
    ]


def _result(
    run: Run,
    measured: Measurement,
    values: Sequence[Value],
    scores_sha256: str,
    inputs_sha256: str,
) -> Result:
    identity, total = run.record.identity, len(measured.samples)
    failed = sum(sample.error is not None for sample in measured.samples)
    return Result(
        model=identity.model,
        task=identity.task,
        dataset=identity.dataset,
        split=identity.split,
        limit=run.record.limit,
        samples=SampleCounts(total=total, ok=total - failed, failed=failed),
        metrics=tuple(values),
        scores_sha256=scores_sha256,
        inputs_sha256=inputs_sha256,
    )
