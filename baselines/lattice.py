"""The pattern's repeat, and the unit cell filled from all its occurrences."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy import ndimage

from ..benchmark.model import ModelCard
from ..images import Mask
from .autocorrelation import lag_lengths, masked_autocorrelation
from .base import EDGE, Baseline, BaselineConfig, FloatImage
from .fill import inverse_distance_fill, mean_of_translates
from .region import interior

Vectors = NDArray[np.float64]

_MIN_OVERLAP = 0.12
_LONGEST = 46 / 64  # a repeat must be seen twice
_WINDOW = 2 / 64  # how far around a lag its peak is looked for
_LENGTH_PENALTY = 0.3  # a similarity is worth less, the longer the lag: prefer the shortest repeat
_MIN_SINE = 0.5  # of the angle between the two vectors


class LatticeConfig(BaselineConfig):
    """Options of `Lattice`."""

    min_period: float = Field(
        6 / 64, gt=0.0, le=0.5, description="Shortest repeat, in parts of the side."
    )
    min_similarity: float = Field(
        0.4, ge=0.0, le=1.0, description="Autocorrelation from which a lag counts as a repeat."
    )
    reach: float = Field(
        24 / 64,
        gt=0.0,
        le=100.0,
        description="Distance over which an occurrence's weight falls by e, in parts of the side.",
    )


class Lattice(Baseline):
    """Each pixel is the mean of its occurrences under the repeat; near ones count more."""

    name = "lattice"
    card = ModelCard(
        title="Repeat lattice by masked autocorrelation, unit cell filled in",
        source="After Liu, Collins and Tsin, A computational model for periodic pattern "
        "perception, IEEE TPAMI 2004",
        licence="Apache-2.0",
        limits="One rigid lattice: distorted cloth blurs. Without a repeat it smears the edge.",
    )
    config_type = LatticeConfig
    config: LatticeConfig

    def fill(self, cloth: FloatImage, mask: Mask, rng: np.random.Generator) -> FloatImage:
        """Return the frame filled along the lattice; without one, with the nearest colours."""
        side = mask.shape[0]
        source = interior(mask, self.pixels(EDGE, mask))
        similarity = masked_autocorrelation(cloth, mask, min_overlap=_MIN_OVERLAP)
        vectors = find_lattice(
            similarity,
            side,
            min_period=self.config.min_period,
            min_similarity=self.config.min_similarity,
        )
        ground = inverse_distance_fill(cloth, source)
        if len(vectors) == 0:
            return ground
        lags = lattice_lags(vectors, side)
        weights = np.zeros_like(similarity)
        weights[tuple(lags.T)] = np.exp(-np.hypot(*lags.T) / (self.config.reach * side))
        return mean_of_translates(cloth, source, weights, ground)


def find_lattice(
    similarity: NDArray[np.float32], side: int, *, min_period: float, min_similarity: float
) -> Vectors:
    """Return the vectors that generate a pattern's repeat.

    The first is the best peak of the autocorrelation, the second the best one in another
    direction; both are then fitted to the peaks around, which gives them to part of a pixel.

    Args:
        similarity: The masked autocorrelation, a lag map.
        side: Side of the frame in pixels.
        min_period: Shortest repeat, in parts of the side.
        min_similarity: Autocorrelation from which a lag counts as a repeat, 0 to 1.

    Returns:
        Float64 (k, 2), rows (dy, dx) in pixels. k is 2; 1 for a pattern that repeats in one
        direction only, and 0 where no repeat is found.
    """
    similarity = np.nan_to_num(similarity, nan=-1.0)
    peaks = _repeat_peaks(similarity, side, min_period, min_similarity)
    if len(peaks) == 0:
        return peaks
    across = np.abs(_sine(peaks[0], peaks)) > _MIN_SINE
    chosen = np.concatenate([peaks[:1], peaks[across][:1]])
    fitted = _fit(similarity, chosen, side)
    return fitted if _is_lattice(fitted, min_period * side / 2) else chosen


def lattice_lags(vectors: Vectors, side: int) -> NDArray[np.intp]:
    """Return every lag of a lattice within a frame, rounded to whole pixels.

    Args:
        vectors: Float64 (k, 2) with k 1 or 2, rows (dy, dx) in pixels.
        side: Side of the frame in pixels.

    Returns:
        Integers (n, 2), no lag twice.
    """
    longest = side * np.sqrt(2)
    # The lattice's rows lie this far apart, so that many of them cross the frame.
    if len(vectors) == 2:
        area = abs(np.linalg.det(vectors))
        spacing = area / np.hypot(*vectors[::-1].T)
    else:
        spacing = np.hypot(*vectors.T)
    counts = [int(longest / apart) + 1 for apart in spacing]
    lags = np.rint(_index_grid(counts) @ vectors).astype(np.intp)
    return np.unique(lags[(np.abs(lags) < side).all(axis=1)], axis=0)


def _repeat_peaks(
    similarity: NDArray[np.float32], side: int, min_period: float, min_similarity: float
) -> Vectors:
    """Return the lags that are peaks, float64 (n, 2), the best first; one of each d and -d."""
    length = lag_lengths(similarity.shape) / side
    possible = (length > min_period) & (length < _LONGEST) & (similarity > min_similarity)
    worth = np.where(possible, similarity - _LENGTH_PENALTY * length, -np.inf)
    window = 2 * max(1, round(_WINDOW * side)) + 1
    top = ndimage.maximum_filter(worth, size=window, mode="wrap")
    lags = np.argwhere(possible & (worth == top))
    order = np.argsort(-worth[tuple(lags.T)], kind="stable")
    lags = lags[order]
    shape = np.array(similarity.shape)
    lags = np.where(lags >= shape / 2, lags - shape, lags)
    return lags[(lags[:, 0] > 0) | ((lags[:, 0] == 0) & (lags[:, 1] > 0))].astype(np.float64)


def _fit(similarity: NDArray[np.float32], vectors: Vectors, side: int) -> Vectors:
    """Fit the vectors by least squares to the peaks near their multiples, from near to far."""
    window = max(1, round(_WINDOW * side))
    around = _index_grid([window, window])
    for multiple in (1, 2, 3):
        indices = _index_grid([multiple] * len(vectors))
        indices = indices[indices.any(axis=1)]
        expected = np.rint(indices @ vectors)
        near = np.hypot(*expected.T) < _LONGEST * side
        indices = indices[near]
        candidates = (expected[near][:, None] + around).astype(np.intp)
        values = similarity[candidates[..., 0], candidates[..., 1]]
        best = values.argmax(axis=1)
        rows = np.arange(len(best))
        weight = np.maximum(values[rows, best], 0)[:, None]
        vectors = np.linalg.lstsq(indices * weight, candidates[rows, best] * weight)[0]
    return vectors


def _is_lattice(vectors: Vectors, min_period: float) -> bool:
    long_enough = bool((np.hypot(*vectors.T) > min_period).all())
    return long_enough and (len(vectors) < 2 or abs(_sine(*vectors)) > _MIN_SINE / 2)


def _index_grid(counts: list[int]) -> NDArray[np.intp]:
    """Return all integer tuples from -count to count, (n, len(counts))."""
    axes = [np.arange(-count, count + 1) for count in counts]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(counts))


def _sine(first: Vectors, second: Vectors) -> NDArray[np.float64]:
    """Return the sine of the angle from one vector to another, or to each of several."""
    cross = first[0] * second[..., 1] - first[1] * second[..., 0]
    return cross / (np.hypot(*first) * np.hypot(second[..., 0], second[..., 1]))
