"""The repeat of a garment's pattern, found in its masked autocorrelation.

The baseline `lattice` generates with it. The metric ``repeat`` measures finished patterns with an
estimator of its own, `tpgbench.metrics.lattice`: a model is not judged by the code that made it.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from .autocorrelation import lag_lengths

_LONGEST = 46 / 64  # too little cloth shows a longer repeat
_SEARCH = 2 / 64  # how far from a lag its peak may lie
_LENGTH_PENALTY = 0.3  # a multiple of a repeat is as similar as the repeat: prefer the shorter
_MIN_SINE = 0.5  # of the angle between the two vectors


def find_repeat(
    similarity: NDArray[np.float32], side: int, *, min_period: float, min_similarity: float
) -> NDArray[np.float64]:
    """Return the vectors that generate the lattice of a pattern's repeat.

    The first is the best peak of the autocorrelation, the second the best one in a clearly
    different direction. Both are then fitted to the peaks at their multiples, so that they are
    known to a fraction of a pixel and stay accurate across the frame.

    Args:
        similarity: The garment's masked autocorrelation, a lag map.
        side: Side of the frame, in pixels.
        min_period: Shortest repeat, as a fraction of the side.
        min_similarity: Autocorrelation from which a lag counts as a repeat, 0 to 1.

    Returns:
        Float64 (k, 2), one vector (dy, dx) in pixels per row. k is 2, or 1 where the pattern
        repeats in one direction only, or 0 where it does not.
    """
    similarity = np.nan_to_num(similarity, nan=-1.0)
    peaks = _peaks(similarity, side, min_period, min_similarity)
    if len(peaks) == 0:
        return peaks
    across = [peak for peak in peaks if _sine(peaks[0], peak) > _MIN_SINE]
    chosen = np.stack([peaks[0], *across[:1]])
    fitted = _fit(similarity, side, chosen)
    return fitted if _spans_lattice(fitted, min_period * side / 2) else chosen


def repeat_lags(vectors: NDArray[np.float64], side: int) -> NDArray[np.intp]:
    """Return all lags of a lattice between two pixels of one frame.

    Args:
        vectors: The one or two that generate it, float64 (k, 2), rows (dy, dx) in pixels.
        side: Side of the frame, in pixels.

    Returns:
        Rounded to whole pixels, (n, 2), without duplicates.
    """
    diagonal = math.sqrt(2) * side
    # The lattice's lines parallel to one vector lie as far apart as the other reaches across.
    sine = _sine(vectors[0], vectors[1]) if len(vectors) == 2 else 1.0
    counts = [int(diagonal / (math.hypot(*vector) * sine)) + 1 for vector in vectors]
    lags = np.rint(_multiples(counts) @ vectors).astype(np.intp)
    return np.unique(lags[(np.abs(lags) < side).all(axis=1)], axis=0)


def _peaks(
    similarity: NDArray[np.float32], side: int, min_period: float, min_similarity: float
) -> NDArray[np.float64]:
    """Return the lags that may be repeats, float64 (n, 2), best first."""
    height, width = similarity.shape
    length = lag_lengths((height, width)) / side
    possible = (length > min_period) & (length < _LONGEST) & (similarity > min_similarity)
    worth = np.where(possible, similarity - _LENGTH_PENALTY * length, -np.inf)
    best_around = ndimage.maximum_filter(worth, size=2 * _search_radius(side) + 1, mode="wrap")
    rows, columns = np.nonzero(possible & (worth == best_around))
    order = np.argsort(-worth[rows, columns], kind="stable")
    lags = np.stack([rows[order], columns[order]], axis=1).astype(np.float64)
    return lags - np.where(lags >= np.array([height, width]) / 2, [height, width], 0)


def _fit(
    similarity: NDArray[np.float32], side: int, vectors: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Fit the vectors by least squares to the peaks near their multiples, near ones first."""
    radius = _search_radius(side)
    around = _multiples([radius, radius])
    for count in (1, 2, 3):
        multiples = _multiples([count] * len(vectors))
        expected = np.rint(multiples @ vectors).astype(np.intp)
        near = expected.any(axis=1) & (np.hypot(*expected.T) < _LONGEST * side)
        candidates = expected[near, None] + around
        values = similarity[candidates[..., 0], candidates[..., 1]]
        best = values.argmax(axis=1)[:, None]
        found = np.take_along_axis(candidates, best[..., None], axis=1)[:, 0]
        weight = np.maximum(np.take_along_axis(values, best, axis=1), 0)
        vectors = np.linalg.lstsq(multiples[near] * weight, found * weight, rcond=None)[0]
    return vectors


def _spans_lattice(vectors: NDArray[np.float64], shortest: float) -> bool:
    """Whether fitted vectors are still long enough and, if there are two, not parallel."""
    if min(math.hypot(*vector) for vector in vectors) < shortest:
        return False
    return len(vectors) == 1 or _sine(vectors[0], vectors[1]) > _MIN_SINE / 2


def _search_radius(side: int) -> int:
    return max(1, round(_SEARCH * side))


def _multiples(counts: list[int]) -> NDArray[np.intp]:
    """Return all tuples of whole numbers from -count to count, (n, len(counts))."""
    axes = [np.arange(-count, count + 1) for count in counts]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(counts))


def _sine(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Return the sine of the angle between the lines along two vectors, 0 to 1."""
    cross = first[0] * second[1] - first[1] * second[0]
    return float(abs(cross) / (math.hypot(*first) * math.hypot(*second)))
