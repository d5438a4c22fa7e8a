"""The repeat of a pattern: its lattice, estimated from its autocorrelation."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray

from ..core.errors import TpgbenchError
from ..core.images import Image, Mask
from .correlation import normalised_correlation
from .inputs import check_image

Vectors = NDArray[np.float64]  # (n, 2), each (x, y) in pixels

MIN_SIDE = 16
SMOOTHING = 0.7  # px; a peak between two pixels is then as high as one on a pixel
MIN_CORRELATION = 0.3  # photos and random textures stay below it
_MIN_OVERLAP = 0.15  # of the pixels that count: fewer correlate by chance
_MIN_PERIOD = 3.0  # px
_STRIPES = 0.003  # second to first eigenvalue of the structure tensor, below which all is stripes
_CANDIDATES = 20
_MIN_SINE = 0.3  # between two candidate vectors
# A finer lattice is preferred as long as it explains about as much as the best: within 5 %, and
# more where even the best explains little.
_TOLERANCE = 0.05
_SLACK = 0.4
_SAME_AREA = 1.1  # of equally fine bases the one that explains most is taken


def estimate_lattice(image: Image, mask: Mask | None = None) -> Vectors:
    """Return the shortest translations under which a pattern repeats.

    The normalised autocorrelation over the overlap peaks at the points of the lattice. Of all
    bases made of the nearer peaks the finest that explains the correlation is taken, fitted to
    all the peaks it predicts, and reduced.

    Args:
        image: uint8 (height, width, 3), each side at least 16 px.
        mask: The pixels that count, bool (height, width); None for all.

    Returns:
        float64 (k, 2), vectors (x, y) in pixels, the shorter first, each from 3 px to half the
        shorter side: k is 2 for a pattern that repeats in two directions, 1 for stripes (their
        normal) and for a pattern seen to repeat in one direction only, 0 if no repeat is found.

    Raises:
        TpgbenchError: Wrong type, shape or size.
    """
    check_image(image, "measured", min_side=MIN_SIDE)
    if mask is not None and mask.shape != image.shape[:2]:
        raise TpgbenchError(
            f"the mask has shape {mask.shape} and the image {image.shape[:2]}: make them equal"
        )
    correlation = _autocorrelation(image, mask)
    normal = _stripe_normal(correlation)
    peaks = _peaks(correlation) if normal is None else _ridges(correlation, normal)
    if len(peaks) == 0:
        return np.zeros((0, 2))
    basis = _finest_basis(correlation, peaks, stripes=normal is not None)
    return reduce_basis(_fit(basis, peaks, correlation.radius))


def reduce_basis(basis: Vectors) -> Vectors:
    """Return the shortest basis of the same lattice, the shorter vector first (Lagrange, Gauss).

    Args:
        basis: float64 (k, 2), k at most 2; two vectors must not be parallel.
    """
    if len(basis) < 2:
        return basis
    short, long = sorted(basis, key=_squared_length)
    while True:
        nearer = long - np.rint(short @ long / _squared_length(short)) * short
        # Only what gets shorter goes on: rounding could trade equally long vectors for ever.
        if not _squared_length(nearer) < _squared_length(long):
            return np.array([short, long])
        short, long = sorted((short, nearer), key=_squared_length)


def _squared_length(vector: NDArray[np.float64]) -> float:
    return float(vector @ vector)


@dataclass(frozen=True)
class _Correlation:
    """A smoothed autocorrelation with the zero shift in the centre.

    Attributes:
        values: float64 (rows, columns).
        spline: Its cubic coefficients.
        radius: The longest shift that counts, in pixels.
    """

    values: NDArray[np.float64]
    spline: NDArray[np.float64]
    radius: float

    @property
    def centre(self) -> tuple[int, int]:
        """The column and the row of no shift."""
        rows, columns = self.values.shape
        return columns // 2, rows // 2

    def at(self, vectors: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the correlation at shifts (x, y), shape (..., 2)."""
        column, row = self.centre
        where = [vectors[..., 1] + row, vectors[..., 0] + column]
        return np.asarray(
            scipy.ndimage.map_coordinates(
                self.spline, where, order=3, mode="nearest", prefilter=False
            )
        )


def _autocorrelation(image: Image, mask: Mask | None) -> _Correlation:
    height, width = image.shape[:2]
    values = normalised_correlation(
        image,
        image,
        (height // 2 + 1, width // 2 + 1),  # one more, to tell a peak at the rim from a slope
        first_mask=mask,
        second_mask=mask,
        min_overlap=_MIN_OVERLAP,
    )
    values = scipy.ndimage.gaussian_filter(values, SMOOTHING)
    spline = scipy.ndimage.spline_filter(values, order=3, mode="nearest")
    return _Correlation(values, spline, min(height, width) / 2)


def _stripe_normal(correlation: _Correlation) -> NDArray[np.float64] | None:
    """Return the unit normal (x, y) of a pattern that varies along one direction only."""
    # Derivatives of a Gaussian: unlike differences they do not turn the gradient of fine detail.
    slopes = np.stack(
        [
            scipy.ndimage.gaussian_filter(correlation.values, 1.0, order=order)
            for order in ((0, 1), (1, 0))  # across, then down, as vectors have it
        ]
    )
    x, y = _shifts(correlation)
    distance = np.hypot(x, y)
    # White noise is correlated with itself at no shift alone.
    counted = (distance > _MIN_PERIOD) & (distance <= correlation.radius)
    tensor: NDArray[np.float64] = slopes[:, counted] @ slopes[:, counted].T
    spread, axes = np.linalg.eigh(tensor)
    return axes[:, 1] if spread[0] < _STRIPES * spread[1] else None


def _peaks(correlation: _Correlation) -> Vectors:
    """Return the local maxima of one half-plane, to a fraction of a pixel."""
    x, y = _shifts(correlation)
    distance = np.hypot(x, y)
    values = correlation.values
    maxima = values == scipy.ndimage.maximum_filter(values, size=3)
    maxima &= (values >= MIN_CORRELATION) & ((y > 0) | ((y == 0) & (x > 0)))
    maxima &= (distance >= _MIN_PERIOD) & (distance <= correlation.radius)
    rows, columns = np.nonzero(maxima)
    return np.stack(
        [
            x[rows, columns]
            + _vertex(values[rows, columns - 1], values[rows, columns], values[rows, columns + 1]),
            y[rows, columns]
            + _vertex(values[rows - 1, columns], values[rows, columns], values[rows + 1, columns]),
        ],
        axis=-1,
    )


def _ridges(correlation: _Correlation, normal: NDArray[np.float64]) -> Vectors:
    """Return the maxima along the normal of stripes."""
    step = 0.25
    distance = np.arange(0.0, correlation.radius + 2 * step, step)
    profile = correlation.at(distance[:, None] * normal)
    before, here, after = profile[:-2], profile[1:-1], profile[2:]
    maxima = (here >= before) & (here > after) & (here >= MIN_CORRELATION)
    maxima &= distance[1:-1] >= _MIN_PERIOD
    offset = step * _vertex(before[maxima], here[maxima], after[maxima])
    found: Vectors = (distance[1:-1][maxima] + offset)[:, None] * normal
    return found


def _finest_basis(correlation: _Correlation, peaks: Vectors, *, stripes: bool) -> Vectors:
    """Return the smallest basis (k, 2), out of the peaks, that explains the correlation."""
    nearest = peaks[np.argsort(np.hypot(*peaks.T), kind="stable")[:_CANDIDATES]]
    singles = nearest[:, None]
    pairs = nearest[list(itertools.combinations(range(len(nearest)), 2))].reshape(-1, 2, 2)
    lengths = np.hypot(pairs[..., 0], pairs[..., 1]).prod(axis=1)
    areas = np.abs(np.linalg.det(pairs))
    crossing = (areas > _MIN_SINE * lengths) & (not stripes)
    pairs, areas = pairs[crossing], areas[crossing]

    explained_by_pairs = _explained(correlation, pairs)
    explained_by_singles = _explained(correlation, singles)
    best = max(explained_by_pairs.max(initial=0.0), explained_by_singles.max())
    enough = best - max(_TOLERANCE * best, _SLACK * (1 - best))
    areas = np.where(explained_by_pairs >= enough, areas, np.inf)
    if not np.isfinite(areas).any():
        shortest: Vectors = singles[(explained_by_singles >= enough).argmax()]
        return shortest
    smallest = areas <= _SAME_AREA * areas.min()
    finest: Vectors = pairs[np.where(smallest, explained_by_pairs, -1.0).argmax()]
    return finest


def _explained(correlation: _Correlation, bases: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean correlation at each basis's nearer points; bases (n, k, 2) to (n,)."""
    points = _coefficients(3, bases.shape[1]) @ bases
    inside = np.hypot(points[..., 0], points[..., 1]) <= correlation.radius
    total = (correlation.at(points) * inside).sum(axis=1)
    return np.asarray(total / np.maximum(inside.sum(axis=1), 1))


def _fit(basis: Vectors, peaks: Vectors, radius: float) -> Vectors:
    """Fit a basis to the peaks it predicts, near ones first: far ones make it precise."""
    for reach in (1, 2, 4, 8):
        coefficients = _coefficients(reach, len(basis))
        points = coefficients @ basis
        distance = np.hypot(*(points[:, None] - peaks).transpose(2, 0, 1))
        found = distance.argmin(axis=1)
        closeness = min(2.0, 0.2 * float(np.hypot(*basis.T).min()))
        met = (distance.min(axis=1) < closeness) & (np.hypot(*points.T) <= radius + closeness)
        if np.linalg.matrix_rank(coefficients[met]) < len(basis):
            break
        basis = np.linalg.lstsq(coefficients[met], peaks[found[met]], rcond=None)[0]
    return basis


def _coefficients(reach: int, rank: int) -> NDArray[np.float64]:
    """Return the integer combinations up to ``reach`` of one half of a lattice, (n, rank)."""
    combinations = itertools.product(range(-reach, reach + 1), repeat=rank)
    return np.array([c for c in combinations if c > (0,) * rank], dtype=np.float64)


def _shifts(correlation: _Correlation) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return x and y of every entry of the correlation."""
    column, row = correlation.centre
    rows, columns = correlation.values.shape
    x, y = np.meshgrid(np.arange(columns, dtype=np.float64), np.arange(rows, dtype=np.float64))
    return x - column, y - row


def _vertex(
    before: NDArray[np.float64], here: NDArray[np.float64], after: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return where the parabola through three neighbours peaks, from -1/2 to 1/2 steps."""
    curvature = before - 2 * here + after
    offset = np.zeros_like(here)
    np.divide(before - after, 2 * curvature, out=offset, where=curvature < 0)
    return offset
