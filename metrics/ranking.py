"""Ranking the garments of all samples by their likeness to each sample's pattern."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from .base import SetMetric, Value
from .bootstrap import bootstrap_mean_interval


def first_hits(similarity: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return for each pattern the chance that its own garment is ranked first.

    Args:
        similarity: (n, n); entry (i, j) of pattern i and garment j, higher is closer. Its own
            garment is on the diagonal.

    Returns:
        float64 (n,): 1 or 0; between them where others tie with the right one for the first
        place and the order among them is left to chance.
    """
    better, equal = _rivals(similarity)
    return np.where(better == 0, 1 / (1 + equal), 0.0)


def reciprocal_ranks(similarity: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return for each pattern one over the rank of its own garment, ties left to chance.

    Args:
        similarity: As in `first_hits`.

    Returns:
        float64 (n,), from 1/n to 1.
    """
    better, equal = _rivals(similarity)
    harmonic = np.concatenate([[0.0], np.cumsum(1 / np.arange(1, len(similarity) + 1))])
    return np.asarray((harmonic[better + equal + 1] - harmonic[better]) / (1 + equal))


def _rivals(similarity: NDArray[np.float64]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return how many other garments are closer than the right one, and how many as close."""
    own = np.diagonal(similarity)[:, None]
    better = (similarity > own).sum(axis=1)
    equal = (similarity == own).sum(axis=1) - 1
    return better, equal


class RankingMetric(SetMetric):
    """A metric of retrieval: a subclass says how close a pattern is to a garment.

    The gallery are the garments of all samples, each by its `Comparison.cloth`.
    """

    higher_is_better = True
    tasks = frozenset({"tpg"})
    range = (0.0, 1.0)
    needs = frozenset({"garment", "mask"})
    uses = ("cloth", "output")
    variants = ("r1", "mrr")
    min_samples = 2

    @abstractmethod
    def similarity(
        self, patterns: NDArray[np.float32], garments: NDArray[np.float32]
    ) -> NDArray[np.float64]:
        """Return how close each pattern (n, d) is to each garment (m, d), (n, m)."""

    def compute(
        self, features: Mapping[str, NDArray[np.float32]], missing: int, context: Mapping[str, str]
    ) -> Value:
        """Return the mean over the patterns, with its bootstrap interval."""
        count = len(features["output"])
        if count < self.min_samples:
            return self.not_computed(
                f"{count} samples could be used: ranking needs two at least", missing, context
            )
        ranked = self.similarity(features["output"], features["cloth"])
        score = reciprocal_ranks if self.variant == "mrr" else first_hits
        # Sorted, so that neither the value nor the interval depends on the samples' order.
        scores = np.sort(score(ranked))
        return Value(
            name=self.key,
            value=float(scores.mean()),
            interval=bootstrap_mean_interval(scores),
            n=count,
            missing=missing,
            recipe=self.recipe(context),
            higher_is_better=True,
        )
