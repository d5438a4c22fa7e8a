"""The Frechet distance between two Gaussians, without a matrix square root."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.errors import TpgbenchError

_MIN_BLOCK_ROWS = 2_048  # a QR of fewer rows would spend its time on the triangle above them


@dataclass(frozen=True)
class Gaussian:
    """A normal distribution, its covariance held as a factor.

    The factor is what makes the distance exact: a covariance squares the condition of the
    features, and half of the digits of its small eigenvalues are gone before any root is taken.

    Attributes:
        mean: float64 (d,).
        factor: float64 (k, d) with k <= d; the covariance is ``factor.T @ factor``.
    """

    mean: NDArray[np.float64]
    factor: NDArray[np.float64]

    @classmethod
    def of_features(cls, features: NDArray[np.floating[Any]]) -> Gaussian:
        """Return the mean and the unbiased covariance of feature vectors.

        Beyond the features it takes the memory of a few (d, d) matrices, whatever their number.

        Args:
            features: One row per image, (n, d), n at least 2.

        Raises:
            TpgbenchError: Fewer than two rows, or a number that is not finite.
        """
        count, width = features.shape
        if count < 2:
            raise TpgbenchError(
                f"a covariance needs at least 2 images, and here is {count}: give more images"
            )
        mean = features.mean(axis=0, dtype=np.float64)
        if not np.isfinite(mean).all():
            raise TpgbenchError("a feature is not finite: an image holds NaN, or the weights do")
        scale = np.sqrt(count - 1)
        if count <= width:
            return cls(mean, np.subtract(features, mean, dtype=np.float64) / scale)
        from scipy.linalg import qr

        triangle = np.empty((0, width))
        rows = max(width, _MIN_BLOCK_ROWS)
        for start in range(0, count, rows):
            stacked = np.vstack([triangle, features[start : start + rows] - mean])
            (triangle,) = qr(stacked, mode="r", overwrite_a=True, check_finite=False)
            triangle = triangle[:width]
        return cls(mean, triangle / scale)

    @classmethod
    def of_moments(
        cls, mean: NDArray[np.floating[Any]], cov: NDArray[np.floating[Any]]
    ) -> Gaussian:
        """Return a distribution by its moments, as statistics files hold them.

        The covariance may have any rank; directions whose variance is below rounding are left out.

        Args:
            mean: (d,).
            cov: Symmetric, (d, d).

        Raises:
            TpgbenchError: The shapes do not fit, a number is not finite, or the matrix is not
                symmetric.
        """
        centre, matrix = np.asarray(mean, np.float64), np.asarray(cov, np.float64)
        if centre.ndim != 1 or matrix.shape != (centre.size, centre.size):
            raise TpgbenchError(
                f"a mean of shape {centre.shape} and a covariance of shape {matrix.shape} are not "
                "of one distribution"
            )
        if not (np.isfinite(centre).all() and np.isfinite(matrix).all()):
            raise TpgbenchError("the mean or the covariance is not finite")
        if not np.allclose(matrix, matrix.T, rtol=0, atol=1e-6 * np.abs(matrix).max(initial=0.0)):
            raise TpgbenchError("the covariance is not symmetric")
        from scipy.linalg.lapack import dpstrf

        # Cholesky with pivoting stops by itself where nothing but rounding is left.
        packed, pivots, rank, _ = dpstrf((matrix + matrix.T) / 2)
        factor = np.zeros((int(rank), centre.size))
        factor[:, pivots - 1] = np.triu(packed)[:rank]
        return cls(centre, factor)

    @property
    def trace(self) -> float:
        """The trace of the covariance."""
        return float(np.vdot(self.factor, self.factor))


def frechet_distance(first: Gaussian, second: Gaussian) -> float:
    """Return the squared Frechet (2-Wasserstein) distance of two Gaussians; lower is better.

    ``|m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2))``. The trace of the root is the sum of the
    singular values of ``F1 F2'``, where ``C = F'F``: of a matrix no larger than the number of
    images or of dimensions, whichever is less. No root of a near-singular matrix is taken, so
    there are no imaginary parts to drop and no offset to add.

    Args:
        first: A distribution.
        second: Another of as many dimensions.

    Returns:
        At least 0; 0 only for equal distributions, up to rounding.

    Raises:
        TpgbenchError: Their dimensions differ.

    Source: Dowson and Landau, Journal of Multivariate Analysis 12(3), 1982.
    """
    if first.mean.size != second.mean.size:
        raise TpgbenchError(
            f"one distribution has {first.mean.size} dimensions and the other "
            f"{second.mean.size}: they come from two different networks"
        )
    from scipy.linalg import svdvals

    gap = first.mean - second.mean
    overlap = float(svdvals(first.factor @ second.factor.T, check_finite=False).sum())
    distance = float(gap @ gap) + first.trace + second.trace - 2 * overlap
    return max(distance, 0.0)  # rounding may carry equal distributions below
