"""The engine: any metrics over any source of pairs, in one pass.

Each pair is read and decoded once, for all metrics per sample and all backbones together. A sample
that a metric fails on is missing for that metric; a metric of whole sets that fails is not
computed. Neither costs the other metrics their values, and both are reported.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from ...core.errors import TpgbenchError
from ..base import Metric, SampleMetric, SetMetric
from ..features.extraction import read_ahead, worker_threads
from ..pair import Pair
from ..value import Score
from .measurement import MeasuredSample, Measurement
from .sample_scores import PLUGIN_ERRORS, UNDEFINED, Failed, Outcome, score_pairs
from .set_features import InspectedPair, SetFeatures
from .source import Entry, PairSource

OnScores = Callable[[Entry, Mapping[str, Score]], None]


def measure(
    metrics: Sequence[Metric],
    sources: Sequence[PairSource],
    *,
    cache: bool = True,
    strict: bool = False,
    on_scores: OnScores | None = None,
    advance: Callable[[int], None] = lambda _: None,
) -> Measurement:
    """Compute metrics over all pairs of some sources.

    Args:
        metrics: The metrics, loaded, each with a key of its own.
        sources: One source of whole pairs, or one for each side of unpaired sets.
        cache: Keep features in the user's cache, and use what is there.
        strict: Raise what a user can fix (a `TpgbenchError` of a source, a metric or a backbone)
            instead of noting it as the sample's or the metric's failure.
        on_scores: Is given new scores as they come, from the calling thread.
        advance: Is called with 1 for each sample that is read.

    Raises:
        TpgbenchError: In strict mode.
    """
    by_sample = [metric for metric in metrics if isinstance(metric, SampleMetric)]
    sets = [metric for metric in metrics if isinstance(metric, SetMetric)]
    run = _Pass(by_sample, SetFeatures(sets, cache=cache, strict=strict), strict, on_scores)
    with run.batches:
        for source in sources:
            run.read(source, advance)
        run.batches.finish()
    whole = all(source.side is None for source in sources)
    return Measurement(run.samples, run.features, whole, strict)


@dataclass(frozen=True)
class _Work:
    """What the worker threads made of one sample."""

    entry: Entry
    error: str | None
    outcomes: dict[str, Outcome]
    inspected: InspectedPair | None = None
    waiting: Pair | None = None  # for metrics that take batches


class _Pass:
    """One pass over the sources."""

    def __init__(
        self,
        metrics: Sequence[SampleMetric],
        features: SetFeatures,
        strict: bool,
        on_scores: OnScores | None,
    ) -> None:
        self.metrics = metrics
        self.features = features
        self.strict = strict
        self.on_scores = on_scores
        self.samples: list[MeasuredSample] = []
        self.batches = _Batches([one for one in metrics if one.batch_size > 1], self.settle)

    def read(self, source: PairSource, advance: Callable[[int], None]) -> None:
        ahead, start = max(self.features.batch_size, 2 * worker_threads()), len(self.samples)
        works = read_ahead(lambda i: self._work(source, i), range(len(source)), ahead=ahead)
        for work in works:
            position = len(self.samples)
            known: dict[str, Outcome] = {}
            if work.error is None:
                known.update(work.entry.known)
            reopen = partial(source.open, position - start)
            self.samples.append(MeasuredSample(work.entry, work.error, known, reopen))
            if work.inspected is not None:
                self.features.add(work.inspected, work.entry.sample_id, work.entry.group)
            self.settle(position, work.outcomes)
            if work.waiting is not None:
                self.batches.add(position, work.waiting, work.entry.known)
            self.batches.collect_finished()
            advance(1)
        self.features.flush()

    def settle(self, position: int, outcomes: Mapping[str, Outcome]) -> None:
        """Note what metrics said of a sample, and pass its new scores on."""
        sample = self.samples[position]
        if self.strict:
            for one in outcomes.values():
                if isinstance(one, Failed) and isinstance(one.error, TpgbenchError):
                    raise _named(sample.entry, one.error) from one.error
        sample.outcomes.update(outcomes)
        fresh = {key: one for key, one in outcomes.items() if isinstance(one, Score)}
        if fresh and self.on_scores is not None:
            self.on_scores(sample.entry, fresh)

    def _work(self, source: PairSource, index: int) -> _Work:
        entry, read = source.open(index)
        if entry.error is not None:
            return _Work(entry, entry.error, {})
        todo = [metric for metric in self.metrics if metric.key not in entry.known]
        if self.metrics and not todo and not self.features:
            return _Work(entry, None, {})
        try:
            pair = read()
            inspected = self.features.inspect(pair, source.side) if self.features else None
        except (TpgbenchError, OSError) as error:
            if self.strict:
                raise
            return _Work(entry, str(error), {})
        outcomes: dict[str, Outcome] = {}
        waiting = False
        for metric in todo:
            outcome = _unavailable(metric, pair)
            if outcome is None and metric.batch_size > 1:
                waiting = True
            else:
                outcomes[metric.key] = outcome or score_pairs(metric, [pair])[0]
        return _Work(entry, None, outcomes, inspected, pair if waiting else None)


class _Batches:
    """Pairs that wait until a metric has a whole batch, and the batches that are computed."""

    def __init__(
        self, metrics: Sequence[SampleMetric], settle: Callable[[int, Mapping[str, Outcome]], None]
    ) -> None:
        self._metrics = metrics
        self._settle = settle
        self._waiting: dict[str, list[tuple[int, Pair]]] = {metric.key: [] for metric in metrics}
        self._running: deque[tuple[str, list[int], Future[list[Outcome]]]] = deque()
        self._pool = ThreadPoolExecutor(worker_threads()) if metrics else None

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._pool is None:
            return
        self._pool.shutdown(cancel_futures=True)
        if kind is None:
            return
        for key, positions, future in self._running:  # interrupted: what is computed is kept
            if not future.cancelled() and future.exception() is None:
                with suppress(Exception):
                    self._pass_on(key, positions, future)

    def add(self, position: int, pair: Pair, known: Mapping[str, Score]) -> None:
        for metric in self._metrics:
            if metric.key in known or _unavailable(metric, pair) is not None:
                continue
            self._waiting[metric.key].append((position, pair))
            if len(self._waiting[metric.key]) == metric.batch_size:
                self._start(metric)

    def collect_finished(self) -> None:
        """Pass on the batches that are computed, in any order."""
        running, self._running = self._running, deque()
        for batch in running:
            future = batch[2]
            if not future.done():
                self._running.append(batch)
            else:
                self._pass_on(*batch)

    def finish(self) -> None:
        for metric in self._metrics:
            self._start(metric)
        while self._running:
            self._collect()

    def _start(self, metric: SampleMetric) -> None:
        waiting = self._waiting[metric.key]
        if not waiting or self._pool is None:
            return
        pairs = [pair for _, pair in waiting]
        future = self._pool.submit(score_pairs, metric, pairs)
        self._running.append((metric.key, [position for position, _ in waiting], future))
        self._waiting[metric.key] = []
        if len(self._running) > worker_threads():  # so that few pairs are held
            self._collect()

    def _collect(self) -> None:
        self._pass_on(*self._running.popleft())

    def _pass_on(self, key: str, positions: list[int], future: Future[list[Outcome]]) -> None:
        for position, outcome in zip(positions, future.result(), strict=True):
            self._settle(position, {key: outcome})


def _unavailable(metric: SampleMetric, pair: Pair) -> Outcome | None:
    """Return the outcome of a sample that a metric cannot score, or None if it can."""
    try:
        return None if metric.unavailable(pair) is None else UNDEFINED
    except PLUGIN_ERRORS as error:
        return Failed(error)


def _named(entry: Entry, error: TpgbenchError) -> TpgbenchError:
    return TpgbenchError(f"{entry.name}: {error}" if entry.name else str(error))
