"""Ranking the garments of all samples by their likeness to each sample's pattern."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from .base import SetMetric, Value
from .bootstrap import bootstrap_mean_interval


def first_hits(
    similarity: NDArray[np.float64], groups: Sequence[str] | None = None
) -> NDArray[np.float64]:
    """Return for each pattern the chance that its own garment is ranked first.

    Args:
        similarity: (n, n); entry (i, j) of pattern i and garment photo j, higher is closer. Its
            own garment's photo is on the diagonal.
        groups: The garment of each sample; other photos of a pattern's own garment are no rivals.
            None: each is a garment of its own.

    Returns:
        float64 (n,): 1 or 0; between them where others tie with the right one for the first
        place and the order among them is left to chance.
    """
    better, equal = _rivals(similarity, groups)
    return np.where(better == 0, 1 / (1 + equal), 0.0)


def reciprocal_ranks(
    similarity: NDArray[np.float64], groups: Sequence[str] | None = None
) -> NDArray[np.float64]:
    """Return for each pattern one over the rank of its own garment, ties left to chance.

    Args:
        similarity: As in `first_hits`.
        groups: As in `first_hits`.

    Returns:
        float64 (n,), from 1/n to 1.
    """
    better, equal = _rivals(similarity, groups)
    harmonic = np.concatenate([[0.0], np.cumsum(1 / np.arange(1, len(similarity) + 1))])
    return np.asarray((harmonic[better + equal + 1] - harmonic[better]) / (1 + equal))


def _rivals(
    similarity: NDArray[np.float64], groups: Sequence[str] | None
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return how many photos of others are closer than the right one, and how many as close."""
    own = np.diagonal(similarity)[:, None]
    garments = np.arange(len(similarity)) if groups is None else np.asarray(groups, dtype=object)
    rival = garments[:, None] != garments
    better = (rival & (similarity > own)).sum(axis=1)
    equal = (rival & (similarity == own)).sum(axis=1)
    return better, equal


class RetrievalMetric(SetMetric):
    """A metric of retrieval: a subclass says how close a pattern is to a garment.

    The gallery are the garment photos of all samples, each by its `Comparison.cloth`; other photos
    of a pattern's own garment are left out of its ranking.
    """

    higher_is_better = True
    tasks = frozenset({"tpg"})
    range = (0.0, 1.0)
    needs = frozenset({"garment", "mask"})
    uses = ("cloth", "output")
    variants = ("r1", "mrr")
    version = 2
    min_samples = 2

    @abstractmethod
    def similarity(
        self, patterns: NDArray[np.float32], garments: NDArray[np.float32]
    ) -> NDArray[np.float64]:
        """Return how close each pattern (n, d) is to each garment (m, d), (n, m)."""

    def compute(
        self,
        features: Mapping[str, NDArray[np.float32]],
        missing: int,
        context: Mapping[str, str],
        groups: Sequence[str] | None = None,
    ) -> Value:
        """Return the mean over the patterns; its bootstrap interval draws garments."""
        count = len(features["output"])
        garments = count if groups is None else len(set(groups))
        if garments < self.min_samples:
            reason = f"{garments} garments could be used: ranking needs two at least"
            return self.not_computed(reason, missing, context)
        ranked = self.similarity(features["output"], features["cloth"])
        score = reciprocal_ranks if self.variant == "mrr" else first_hits
        scores = score(ranked, groups)
        return Value(
            name=self.key,
            value=math.fsum(scores) / count,  # whatever the samples' order
            interval=bootstrap_mean_interval(scores, groups),
            n=count,
            missing=missing,
            recipe=self.recipe(context),
            higher_is_better=True,
        )
