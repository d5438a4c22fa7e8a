"""Confidence intervals over samples."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 4_000
CONFIDENCE = 0.95
_SEED = 20260101
_ROUNDING = 1e-12  # values that differ by less, relatively, are equal


def bootstrap_mean_interval(
    values: NDArray[np.float64], groups: Sequence[str] | None = None
) -> tuple[float, float] | None:
    """Return the 95 % bias-corrected bootstrap interval of a mean; seeded, so it repeats.

    Args:
        values: Finite numbers, shape (n,), in any order.
        groups: What each value belongs to. Values of one group (photos of one garment, say) are
            not independent, so groups are drawn and not values (cluster bootstrap; Davison and
            Hinkley, 1997, section 3.8). None: each value is a group of its own.

    Returns:
        Lower and upper end, or None for fewer than two groups.
    """
    sums, counts = group_sums(values, groups)
    if sums.size < 2:
        return None
    low, high = float(values.min()), float(values.max())
    if high - low <= _ROUNDING * max(abs(low), abs(high)):
        return low, high
    from scipy.stats import bootstrap

    result = bootstrap(
        (sums, counts),
        lambda total, count, axis: total.sum(axis) / count.sum(axis),
        paired=True,
        vectorized=True,
        n_resamples=RESAMPLES,
        confidence_level=CONFIDENCE,
        method="BCa",
        batch=max(1, 2_000_000 // sums.size),
        rng=np.random.default_rng(_SEED),
    )
    # Rounding may carry the mean of equal values past them.
    ends = np.clip(result.confidence_interval, low, high)
    return (float(ends[0]), float(ends[1])) if np.isfinite(ends).all() else None


def group_sums(
    values: NDArray[np.float64], groups: Sequence[str] | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return each group's sum and size, to the last bit the same whatever the values' order."""
    if groups is None:
        return np.sort(values), np.ones(values.size)
    labels = np.unique(np.asarray(groups, dtype=object), return_inverse=True)[1]
    order = np.lexsort((values, labels))
    sums = np.bincount(labels[order], weights=values[order]).astype(np.float64)
    counts = np.bincount(labels).astype(np.float64)
    by_size = np.lexsort((counts, sums))  # a group's name must not matter either
    return sums[by_size], counts[by_size]
