"""How often a pattern repeats, how it is turned, and where its motifs lie."""

from __future__ import annotations

import numpy as np

from .raster import Floats


def draw_period(rng: np.random.Generator, low: float, high: float) -> float:
    """Draw a period log-uniformly from ``low`` to ``high``, in parts of the garment's box."""
    return float(low * (high / low) ** rng.random())


def draw_rotation(rng: np.random.Generator, angles: tuple[float, ...] = (0.0,)) -> float:
    """Draw one of ``angles`` (degrees) and add what the cutter is off by; return radians."""
    chosen = angles[int(rng.random() * len(angles))]
    return float(np.deg2rad(chosen + 2.5 * rng.standard_normal()))


def scatter(rng: np.random.Generator, count: int, second: tuple[float, float]) -> Floats:
    """Draw well-spread points of a cell; the first is the origin.

    Each next point is the best of some candidates: the one farthest from the points so far and
    all their repeats (Mitchell's best candidate).

    Args:
        rng: The factor's stream.
        count: How many.
        second: The lattice vector b; a is (1, 0).

    Returns:
        float64 (count, 2), in units of a's length.
    """
    basis = np.array([[1.0, second[0]], [0.0, second[1]]])
    points = np.zeros((1, 2))
    for _ in range(count - 1):
        candidates = rng.random((24, 2))
        gaps = candidates[:, None] - points
        distances = np.hypot(*((gaps - np.round(gaps)) @ basis.T).transpose(2, 0, 1))
        points = np.vstack([points, candidates[np.argmax(distances.min(axis=1))]])
    return np.asarray(points @ basis.T)
