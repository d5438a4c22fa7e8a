"""The features of whole sets: gathered in one pass for all metrics, then handed to each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ...core.errors import TpgbenchError
from ..base import SetMetric
from ..features.cache import FeatureCache
from ..features.extraction import FeatureCollector, Inspected
from ..features.extractor import FeatureExtractor
from ..pair import Pair
from .sample_scores import PLUGIN_ERRORS


@dataclass(frozen=True)
class FeatureTable:
    """What a metric of whole sets computes from.

    Attributes:
        features: For each name in the metric's ``uses`` one row per image, (n, d).
        sample_ids: The samples that have all of these images; of one-sided sources empty.
        groups: Their garments.
    """

    features: Mapping[str, NDArray[np.float32]]
    sample_ids: tuple[str, ...]
    groups: tuple[str, ...]


@dataclass(frozen=True)
class InspectedPair:
    """What the worker threads found of a pair for the backbones.

    Attributes:
        images: By backbone and role.
        ready: The keys of the metrics that can use the pair.
        refused: By the key of each metric that cannot because something raised: its backbone on an
            image, or the metric itself when it was asked whether it can use the pair.
    """

    images: Mapping[tuple[str, str], Inspected]
    ready: tuple[str, ...]
    refused: Mapping[str, BaseException]


@dataclass
class _Usable:
    """The samples that one metric can use: the row of each image's features, by role."""

    rows: dict[str, list[int]]
    sample_ids: list[str] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)


class SetFeatures:
    """Gathers the features that some metrics need; those that share a backbone share its pass.

    `inspect` may run in many threads; all else is for one thread. A backbone that refuses an image
    costs its metrics that sample; one that raises on a batch costs them all of theirs.

    Args:
        metrics: The metrics, loaded.
        cache: Keep features in the user's cache, and use what is there.
        strict: Raise a `TpgbenchError` of a backbone or a metric instead of noting it.
    """

    def __init__(self, metrics: Sequence[SetMetric], *, cache: bool, strict: bool) -> None:
        self._strict = strict
        self._cache = cache
        self._failed: dict[str, BaseException] = {}  # by backbone, or by a metric's key
        self._refused: dict[str, list[tuple[str, BaseException]]] = {}  # by a metric's key
        self._backbones: dict[str, str] = {}
        self._extractors: dict[str, FeatureExtractor] = {}
        self._metrics: list[SetMetric] = []
        for metric in metrics:
            try:
                extractor = metric.extractor()
                backbone = extractor.key
            except PLUGIN_ERRORS as error:
                self._fail(metric.key, error)
                continue
            self._metrics.append(metric)
            self._backbones[metric.key] = backbone
            self._extractors.setdefault(backbone, extractor)
        caches = {key: FeatureCache(key) if cache else None for key in self._extractors}
        self._collectors = {
            (self._backbones[metric.key], role): FeatureCollector(
                self._extractors[self._backbones[metric.key]], caches[self._backbones[metric.key]]
            )
            for metric in self._metrics
            for role in metric.uses
        }
        self._usable = {
            metric.key: _Usable({role: [] for role in metric.uses}) for metric in self._metrics
        }
        self._collected: dict[tuple[str, str], NDArray[np.float32]] = {}

    def __bool__(self) -> bool:
        return bool(self._metrics)

    @property
    def batch_size(self) -> int:
        """The largest batch that a backbone takes; 0 if there is none."""
        return max((one.batch_size for one in self._extractors.values()), default=0)

    def inspect(self, pair: Pair, side: str | None) -> InspectedPair:
        """Look the images of a pair up in the cache, and prepare those that are not there.

        Args:
            pair: The pair.
            side: The one image that it holds, for a source of one side; None for whole pairs.

        Raises:
            TpgbenchError: In strict mode, what a backbone raised; an image that cannot be read.
        """
        ready: list[str] = []
        refused: dict[str, BaseException] = {}
        images: dict[tuple[str, str], Inspected] = {}
        for metric in self._metrics:
            roles = [role for role in metric.uses if side in (None, role)]
            try:
                if side is None and metric.unavailable(pair) is not None:
                    continue
                if not roles or not all(pair.has(role) for role in roles):
                    continue
                backbone = self._backbones[metric.key]
                for role in roles:
                    if backbone not in self._failed and (backbone, role) not in images:
                        images[backbone, role] = self._inspect_image(backbone, role, pair)
            except PLUGIN_ERRORS as error:
                if self._strict and isinstance(error, TpgbenchError):
                    raise
                refused[metric.key] = error
            else:
                ready.append(metric.key)
        return InspectedPair(images, tuple(ready), refused)

    def _inspect_image(self, backbone: str, role: str, pair: Pair) -> Inspected:
        collector = self._collectors[backbone, role]
        key = pair.image_key(role) if self._cache else ""
        return collector.inspect(key, lambda: getattr(pair, role))

    def add(self, inspected: InspectedPair, sample_id: str, group: str) -> None:
        """Take the next pair; full batches go through the backbones.

        Raises:
            TpgbenchError: In strict mode, what a backbone raised.
        """
        for key, refusal in inspected.refused.items():
            self._refused.setdefault(key, []).append((sample_id, refusal))
        rows: dict[tuple[str, str], int] = {}
        for (backbone, role), image in inspected.images.items():
            if backbone in self._failed:
                continue
            collector = self._collectors[backbone, role]
            rows[backbone, role] = len(collector)
            self._guarded(backbone, partial(collector.add, image))
        for key in inspected.ready:
            backbone, usable = self._backbones[key], self._usable[key]
            if backbone in self._failed:
                continue
            for role, found in usable.rows.items():
                if (backbone, role) in rows:
                    found.append(rows[backbone, role])
            usable.sample_ids.append(sample_id)
            usable.groups.append(group)

    def flush(self) -> None:
        """Finish the batches of the images so far."""
        for (backbone, _), collector in self._collectors.items():
            if backbone not in self._failed:
                self._guarded(backbone, collector.flush)

    def refused(self, metric: SetMetric) -> Sequence[tuple[str, BaseException]]:
        """Return the samples that a metric lacks because something raised on them, and what."""
        return self._refused.get(metric.key, ())

    def table(self, metric: SetMetric) -> FeatureTable | BaseException:
        """Return what a metric computes from, or the error that cost it its features."""
        error = self._failed.get(metric.key) or self._failed.get(self._backbones[metric.key])
        if error is not None:
            return error
        usable, refused = self._usable[metric.key], self.refused(metric)
        if refused and not usable.sample_ids:
            return refused[0][1]
        features = {}
        for role, rows in usable.rows.items():
            place = (self._backbones[metric.key], role)
            if place not in self._collected:
                self._collected[place] = self._collectors[place].collect()
            features[role] = self._collected[place][rows]
        return FeatureTable(features, tuple(usable.sample_ids), tuple(usable.groups))

    def _guarded(self, name: str, step: Callable[[], None]) -> None:
        try:
            step()
        except PLUGIN_ERRORS as error:
            self._fail(name, error)

    def _fail(self, name: str, error: BaseException) -> None:
        if self._strict and isinstance(error, TpgbenchError):
            raise error
        self._failed.setdefault(name, error)
