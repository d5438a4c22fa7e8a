"""Kernel inception distance."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .base import Estimate
from .inception_metric import InceptionMetric

SUBSETS = 100
SUBSET_SIZE = 1_000
SEED = 2020  # torch-fidelity's, whose subsets these are


@dataclass(frozen=True)
class KernelDistance:
    """A kernel distance over subsets.

    Attributes:
        mean: The mean over the subsets.
        spread: Their standard deviation; 0 if every subset is the whole set.
    """

    mean: float
    spread: float


def kernel_distance(
    truth: NDArray[np.float32], output: NDArray[np.float32], subset_size: int = SUBSET_SIZE
) -> KernelDistance:
    """Return the kernel distance of two sets of features; lower is better.

    The unbiased estimate of the squared maximum mean discrepancy under the kernel
    ``(x . y / d + 1)^3``, its mean over 100 seeded pairs of subsets. Unbiased, so it may be below 0
    for sets that are alike.

    Subsets are drawn by position, exactly as torch-fidelity draws them; so where a set has more
    images than a subset, another order of its rows gives other subsets and a slightly different
    mean.

    Args:
        truth: Features of the real images, (n, d), at least 2 rows.
        output: Features of the generated ones, (m, d), at least 2 rows.
        subset_size: Images in a subset, if both sets have as many.
    """
    size = min(subset_size, len(truth), len(output))
    if size == len(truth) == len(output):
        return KernelDistance(_unbiased_mmd(truth, output), 0.0)
    rng = np.random.RandomState(SEED)
    values = []
    for _ in range(SUBSETS):
        some_truth = truth[rng.choice(len(truth), size, replace=False)]
        some_output = output[rng.choice(len(output), size, replace=False)]
        values.append(_unbiased_mmd(some_truth, some_output))
    return KernelDistance(float(np.mean(values)), float(np.std(values)))


def _unbiased_mmd(first: NDArray[np.float32], second: NDArray[np.float32]) -> float:
    """Return the estimate for two sets of one size."""
    size = len(first)
    # The kernel's sums are some thousand times the distance: float32 would leave four digits.
    x, y = first.astype(np.float64), second.astype(np.float64)
    within = sum(float(kernel.sum() - kernel.trace()) for kernel in (_kernel(x, x), _kernel(y, y)))
    between = float(_kernel(x, y).sum())
    return within / (size * (size - 1)) - 2 * between / size**2


def _kernel(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    base = x @ y.T / x.shape[1] + 1
    cube: NDArray[np.float64] = base * base * base
    return cube


class KIDMetric(InceptionMetric):
    """`kernel_distance` of the generated images' features from the real ones'.

    Lower is better; around 0 the sets are not distinguishable. Unlike FID it is unbiased, so values
    of different numbers of images may be compared. Its spread is over subsets of at most 1,000: it
    says how much one subset's value varies, and is not an interval of the mean.

    Pitfalls:
        - With more images than a subset has, their order (of the rows, or of the files' names)
          moves it a little, for it decides which images a seeded subset holds.
        - Some report it times 100 or 1,000; here it is as it is.
        - It sees no pair, and the network knows ImageNet's photos, not textiles, as with FID.
    """

    name = "kid"
    higher_is_better = False
    range = (-math.inf, math.inf)
    min_samples = 2
    statistics = "features"
    source = "Binkowski, Sutherland, Arbel and Gretton, ICLR 2018"

    def settings(self) -> dict[str, str]:
        """Return the backbone, the protocol, the kernel and the subsets."""
        subsets = f"{SUBSETS}x{SUBSET_SIZE}-seed{SEED}"
        return {**super().settings(), "kernel": "poly3", "subsets": subsets}

    def measure(
        self, features: Mapping[str, NDArray[np.float32]], groups: Sequence[str] | None
    ) -> Estimate:
        """Return the distance with its spread; the sets may differ in number."""
        distance = kernel_distance(features["truth"], features["output"])
        return Estimate(distance.mean, spread=distance.spread)
