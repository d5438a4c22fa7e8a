"""Paired tests between runs on the same samples."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ...metrics.bootstrap import group_sums

PERMUTATIONS = 20_000
_SEED = 20260102


def paired_permutation_test(
    differences: NDArray[np.float64], groups: Sequence[str] | None = None
) -> float:
    """Return the two-sided p-value of a paired sign-flip permutation test of a zero mean.

    Args:
        differences: One finite number per sample, shape (n,).
        groups: The garment of each sample; the signs of one garment's samples flip together,
            because they are not independent. None: one garment per sample.

    Returns:
        A p-value in (0, 1]; exact up to 14 garments, else of seeded random flips, where it counts
        the observed arrangement (Phipson and Smyth, 2010) and so is never zero.
    """
    sums, _ = group_sums(differences, groups)
    n = sums.size
    if n == 0 or not np.any(sums):
        return 1.0
    observed = abs(math.fsum(sums))
    # Sums that are equal in exact arithmetic may differ in the last bits.
    threshold = observed * (1 - 1e-12)
    if n <= 14:
        codes = np.arange(2**n)[:, None] >> np.arange(n) & 1
        sums = np.abs((1 - 2 * codes) @ sums)
        return float(np.mean(sums >= threshold))
    rng = np.random.default_rng(_SEED)
    extreme = 0
    rows = max(1, 2_000_000 // n)
    for start in range(0, PERMUTATIONS, rows):
        signs = rng.integers(0, 2, (min(rows, PERMUTATIONS - start), n), dtype=np.int8) * 2 - 1
        extreme += int(np.count_nonzero(np.abs(signs @ sums) >= threshold))
    return (extreme + 1) / (PERMUTATIONS + 1)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return Holm's step-down adjusted p-values, in the order given (Holm, 1979)."""
    count = len(p_values)
    adjusted = [0.0] * count
    running = 0.0
    for rank, index in enumerate(sorted(range(count), key=lambda i: p_values[i])):
        running = max(running, (count - rank) * p_values[index])
        adjusted[index] = min(1.0, running)
    return adjusted
