"""Ranking the garments of all samples by their likeness to each sample's pattern."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from .base import Estimate, SetMetric
from .bootstrap import bootstrap_mean_interval

BLOCK = 256  # patterns whose similarities are held at once: memory grows with n, not its square

Counts = NDArray[np.intp]


def count_rivals(
    similarity: Callable[[slice], NDArray[np.float64]],
    count: int,
    groups: Sequence[str] | None = None,
) -> tuple[Counts, Counts]:
    """Return how many other garments' photos are closer than the right one, and as close.

    Args:
        similarity: Gives a block of rows of the (n, n) matrix whose entry (i, j) says how close
            pattern i is to garment photo j, higher is closer. Its own garment's photo is on the
            diagonal.
        count: n.
        groups: The garment of each sample; other photos of a pattern's own garment are no rivals.
            None: each is a garment of its own.

    Returns:
        Two arrays of shape (n,).
    """
    garments = np.arange(count) if groups is None else np.asarray(groups, dtype=object)
    better, equal = np.zeros(count, np.intp), np.zeros(count, np.intp)
    for start in range(0, count, BLOCK):
        rows = slice(start, min(start + BLOCK, count))
        block = similarity(rows)
        own = np.diagonal(block, offset=start)[:, None]
        rival = garments[rows, None] != garments
        better[rows] = (rival & (block > own)).sum(axis=1)
        equal[rows] = (rival & (block == own)).sum(axis=1)
    return better, equal


def first_hits(better: Counts, equal: Counts) -> NDArray[np.float64]:
    """Return for each pattern the chance that its own garment is ranked first.

    Args:
        better: Rivals that are closer, shape (n,).
        equal: Rivals that are as close, shape (n,).

    Returns:
        float64 (n,): 1 or 0; between them where others tie with the right one for the first
        place and the order among them is left to chance.
    """
    return np.where(better == 0, 1 / (1 + equal), 0.0)


def reciprocal_ranks(better: Counts, equal: Counts) -> NDArray[np.float64]:
    """Return for each pattern one over the rank of its own garment, ties left to chance.

    Args:
        better: As in `first_hits`.
        equal: As in `first_hits`.

    Returns:
        float64 (n,), from 1/n to 1.
    """
    harmonic = np.concatenate([[0.0], np.cumsum(1 / np.arange(1, len(better) + 1))])
    return np.asarray((harmonic[better + equal + 1] - harmonic[better]) / (1 + equal))


class RankingMetric(SetMetric):
    """A metric of retrieval: a subclass says how close a pattern is to a garment.

    The gallery is the garment photos of all samples, each by its `Pair.cloth`; other photos of a
    pattern's own garment are left out of its ranking.
    """

    higher_is_better = True
    tasks = frozenset({"tpg"})
    range = (0.0, 1.0)
    needs = frozenset({"garment", "mask"})
    uses = ("cloth", "output")
    paired = True
    counted = "garments"
    variants = ("r1", "mrr")
    version = 2
    min_samples = 2

    @abstractmethod
    def similarity(
        self, patterns: NDArray[np.float32], garments: NDArray[np.float32]
    ) -> NDArray[np.float64]:
        """Return how close each pattern (n, d) is to each garment (m, d), (n, m)."""

    def count(
        self, features: Mapping[str, NDArray[np.float32]], groups: Sequence[str] | None
    ) -> int:
        """Return the number of garments: photos of one garment are no rivals."""
        return len(features["output"]) if groups is None else len(set(groups))

    def measure(
        self, features: Mapping[str, NDArray[np.float32]], groups: Sequence[str] | None
    ) -> Estimate:
        """Return the mean over the patterns; its bootstrap interval draws garments."""
        patterns, garments = features["output"], features["cloth"]
        better, equal = count_rivals(
            lambda rows: self.similarity(patterns[rows], garments), len(patterns), groups
        )
        scores = (reciprocal_ranks if self.variant == "mrr" else first_hits)(better, equal)
        mean = math.fsum(scores) / len(scores)  # whatever the samples' order
        return Estimate(mean, bootstrap_mean_interval(scores, groups))
