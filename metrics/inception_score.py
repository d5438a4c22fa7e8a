"""Inception score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .base import Estimate
from .inception_metric import InceptionMetric

SPLITS = 10
SEED = 2020  # torch-fidelity's, whose shuffle this is
CLASSES = 1_008


@dataclass(frozen=True)
class SplitScore:
    """An inception score over splits.

    Attributes:
        mean: The mean over the splits.
        spread: Their standard deviation.
    """

    mean: float
    spread: float


def inception_score(logits: NDArray[np.floating]) -> SplitScore:
    """Return the inception score of images by their class logits; higher is better.

    The exponential of the mean divergence of an image's class distribution from that of its split;
    the images are shuffled, seeded, and dealt into 10 splits.

    Args:
        logits: (n, classes), n at least 10.

    Returns:
        From 1 to the number of classes or of images in a split, whichever is less.
    """
    from scipy.special import log_softmax

    order = np.random.RandomState(SEED).permutation(len(logits))
    log_p = log_softmax(logits[order].astype(np.float64), axis=1)
    scores = []
    for split in range(SPLITS):
        part = log_p[split * len(logits) // SPLITS : (split + 1) * len(logits) // SPLITS]
        p = np.exp(part)
        divergence = (p * (part - np.log(p.mean(axis=0)))).sum(axis=1).mean()
        scores.append(float(np.exp(divergence)))
    return SplitScore(float(np.mean(scores)), float(np.std(scores)))


class InceptionScoreMetric(InceptionMetric):
    """`inception_score` of the generated images; it needs no ground truth.

    Higher is better: each image is of one class for sure, and the classes are many. The classes are
    ImageNet's, so of patterns it says little; it is here because papers report it. Its spread is
    over the 10 splits.

    Pitfalls:
        - Sharp pictures of the wrong things score well: it is never compared with any ground truth.
        - It depends on the number of images and of splits: compare equal ones.
    """

    name = "is"
    higher_is_better = True
    range = (1.0, float(CLASSES))
    needs = frozenset()
    uses = ("output",)
    min_samples = SPLITS
    source = "Salimans, Goodfellow, Zaremba, Cheung, Radford and Chen, NeurIPS 2016"

    def settings(self) -> dict[str, str]:
        """Return the backbone, the protocol, the logits and the splits."""
        splits = f"{SPLITS}-seed{SEED}"
        return {**super().settings(), "logits": "without-bias", "splits": splits}

    def measure(
        self, features: Mapping[str, NDArray[np.float32]], groups: Sequence[str] | None
    ) -> Estimate:
        """Return the score with its spread."""
        score = inception_score(self.extractor().logits(features["output"]))
        return Estimate(score.mean, spread=score.spread)
