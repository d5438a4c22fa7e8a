"""Running a backbone over many images: workers read ahead of it, the cache saves it work."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ...core.images import Image
from .cache import FeatureCache
from .extractor import FeatureExtractor

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class Inspected:
    """An image on its way through a `FeatureCollector`.

    Attributes:
        key: Its key in the cache.
        features: What the cache knows, (d,), or None.
        prepared: If it knows nothing, what the backbone takes.
    """

    key: str
    features: NDArray[np.float32] | None
    prepared: NDArray[Any] | None


class FeatureCollector:
    """Gathers the features of images in the order in which they are added.

    `inspect` does what needs no network and may run in many threads; `add` is for one thread.

    Args:
        extractor: The backbone.
        cache: Where features are kept between runs, or None.
    """

    def __init__(self, extractor: FeatureExtractor, cache: FeatureCache | None = None) -> None:
        self._extractor = extractor
        self._cache = cache
        self._features: list[NDArray[np.float32] | None] = []
        self._waiting: list[tuple[int, Inspected]] = []

    def __len__(self) -> int:
        return len(self._features)

    def inspect(self, key: str, load: Callable[[], Image]) -> Inspected:
        """Look an image up in the cache; if it is not there, prepare it for the backbone.

        Args:
            key: What names it, by `file_key` or `pixel_key`.
            load: Decodes it.
        """
        known = self._cache.get(key) if self._cache is not None else None
        prepared = self._extractor.prepare(load()) if known is None else None
        return Inspected(key, known, prepared)

    def add(self, inspected: Inspected) -> None:
        """Take the next image; a full batch goes through the backbone."""
        if inspected.prepared is not None:
            self._waiting.append((len(self._features), inspected))
        self._features.append(inspected.features)
        if len(self._waiting) == self._extractor.batch_size:
            self.flush()

    def flush(self) -> None:
        """Send the images that wait for a full batch through the backbone."""
        if not self._waiting:
            return
        prepared = [one.prepared for _, one in self._waiting if one.prepared is not None]
        rows = self._extractor.embed(prepared)
        if len(rows) != len(prepared):
            raise ValueError(
                f"{type(self._extractor).__name__}.embed returned {len(rows)} rows for "
                f"{len(prepared)} images"
            )
        for (place, one), row in zip(self._waiting, rows, strict=True):
            self._features[place] = row
            if self._cache is not None:
                self._cache.put(one.key, row)
        self._waiting.clear()

    def collect(self) -> NDArray[np.float32]:
        """Return the features of all images, one row each, (n, d); (0, 0) if there were none."""
        self.flush()
        found = [features for features in self._features if features is not None]
        return np.stack(found) if found else np.zeros((0, 0), np.float32)


def worker_threads() -> int:
    """Return how many CPUs this process may use: fewer than the machine has, under Slurm, say."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def read_ahead(function: Callable[[T], R], items: Iterable[T], *, ahead: int) -> Iterator[R]:
    """Yield ``function`` of each item in order, computed by threads a bounded way ahead.

    Args:
        function: What to compute; an error is raised in its turn.
        items: Its arguments.
        ahead: How many results may lie waiting.
    """
    rest = iter(items)
    with ThreadPoolExecutor(worker_threads()) as pool:
        waiting: deque[Future[R]] = deque()
        try:
            waiting.extend(pool.submit(function, item) for item in islice(rest, ahead))
            while waiting:
                result = waiting.popleft().result()
                waiting.extend(pool.submit(function, item) for item in islice(rest, 1))
                yield result
        finally:
            for future in waiting:
                future.cancel()
