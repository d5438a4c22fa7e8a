"""Error of a pattern's repeat."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.errors import TpgbenchError
from ..core.images import Image
from .base import Pair, TruthMetric
from .inputs import check_pair
from .lattice import (
    MIN_CORRELATION,
    MIN_SIDE,
    SMOOTHING,
    Vectors,
    estimate_lattice,
    reduce_basis,
)

__all__ = ["RepeatMetric", "estimate_lattice", "lattice_error", "repeat"]


def lattice_error(first: Vectors, second: Vectors) -> float:
    """Return how far two lattices are apart, whatever bases describe them; lower is better.

    Each vector of the one reduced basis is compared with the nearest point of the other
    lattice; the distance is taken relative to the vector's length and averaged over the basis.
    The larger of both directions counts, so a multiple of the period and a part of it are
    errors alike. Up to first order a period that is off by 5 % gives 0.05.

    Args:
        first: Basis (k, 2), k from 0 to 2, vectors (x, y) in any unit.
        second: Basis in the same unit; its k may differ.

    Returns:
        From 0 for equal lattices to 1; 1 too if only one of them has a vector.
    """
    if len(first) == 0 or len(second) == 0:
        return float(len(first) != len(second))
    one, two = reduce_basis(first), reduce_basis(second)
    return max(_distance(one, two), _distance(two, one))


def _distance(vectors: Vectors, basis: Vectors) -> float:
    """Return the mean relative distance of vectors from the lattice of a reduced basis."""
    position = vectors @ np.linalg.pinv(basis)
    # In a reduced basis the nearest lattice point is a corner of the cell that one is in.
    corners = np.array(list(itertools.product((0.0, 1.0), repeat=len(basis))))
    points = (np.floor(position)[:, None] + corners) @ basis
    nearest = np.linalg.norm(vectors[:, None] - points, axis=-1).min(axis=1)
    relative = nearest / np.linalg.norm(vectors, axis=1)
    return float(np.minimum(relative, 1.0).mean())


def repeat(output: Image, truth: Image, known: Vectors | None = None) -> float:
    """Return the error of the output's repeat; lower is better.

    The output's estimated lattice is compared by `lattice_error` with the known one and with
    that estimated from the ground truth, and the smaller error counts: the cell that a pattern was
    drawn with need not be its smallest.

    Args:
        output: uint8 (height, width, 3), each side at least 16 px.
        truth: The same shape.
        known: The ground truth's lattice, vectors (x, y) in pixels, shape (1, 2) or (2, 2); or
            None.

    Returns:
        From 0 to 1; 1 if the output has no repeat. NaN if the ground truth shows none either: its
        period is longer than half the shorter side, or it has none.

    Raises:
        TpgbenchError: Wrong type or shape, two sizes, or a side below 16 px.
    """
    check_pair(output, truth, min_side=MIN_SIDE)
    references = [estimate_lattice(truth)]
    if known is not None:
        basis = reduce_basis(known)
        references.append(basis[np.linalg.norm(basis, axis=1) <= min(truth.shape[:2]) / 2])
    visible = [reference for reference in references if len(reference)]
    if not visible:
        return math.nan
    found = estimate_lattice(output)
    return min(lattice_error(found, reference) for reference in visible)


class RepeatMetric(TruthMetric):
    """`repeat` of the output, against the row's ``lattice`` where its ``meta`` has one.

    Pitfalls:
        - It says nothing of what is repeated.
        - Patterns whose period is longer than half the side have no measurable repeat; those
          samples are missing.
    """

    name = "repeat"
    higher_is_better = False
    tasks = frozenset({"tpg"})
    range = (0.0, 1.0)
    unit = "of the period"
    min_side = MIN_SIDE
    source = (
        "tpgbench; lattice by autocorrelation after Lin, Wang and Yang, Pattern Recognition "
        "Letters 18(5), 1997"
    )

    def settings(self) -> dict[str, str]:
        """Return the estimator, its reach, and what counts as a repeat."""
        return {
            "lattice": "autocorrelation",
            "reach": "1/2",
            "smoothing": str(SMOOTHING),
            "correlation": str(MIN_CORRELATION),
            "reference": "known+truth",
        }

    def measure(self, output: Image, truth: Image) -> float:
        """Return the error; NaN where the ground truth shows no repeat."""
        return repeat(output, truth)

    def score(self, pair: Pair) -> float:
        """Return the error; NaN without ground truth or where the ground truth shows no repeat.

        Raises:
            TpgbenchError: ``meta["lattice"]`` is no lattice.
        """
        if pair.truth is None or "lattice" not in pair.meta:
            return super().score(pair)
        parts = _parse_lattice(pair.meta["lattice"], pair.sample_id)
        return repeat(pair.output, pair.truth, parts * min(pair.truth.shape[:2]))


def _parse_lattice(value: Sequence[Any], sample_id: str) -> NDArray[np.float64]:
    try:
        basis = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        basis = np.zeros((0, 2))
    well_formed = basis.shape in {(1, 2), (2, 2)} and bool(np.isfinite(basis).all())
    if not well_formed or np.linalg.matrix_rank(basis) < len(basis):
        raise TpgbenchError(
            f"{sample_id}: the lattice in meta is {value!r}: give one or two independent "
            "vectors [x, y] in parts of the pattern's side"
        )
    return basis
