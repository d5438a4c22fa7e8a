"""Metrics of whole sets that need no more of a set than its mean and covariance."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from .base import Estimate, SetMetric, Value
from .frechet import Gaussian


class MomentMetric(SetMetric):
    """A metric of Gaussians: a subclass writes `measure_moments` and `interval`.

    A file of statistics with mean and covariance can stand for a folder of images.

    Attributes:
        min_for_interval: How many images each set needs for an interval.
        published: How many images the complete published test split has, where the sets are said
            to be one. Whoever computes the metric sets it; the recipe holds it.
    """

    statistics = "moments"
    min_for_interval: ClassVar[int]
    published: int | None = None

    @abstractmethod
    def measure_moments(self, moments: Mapping[str, Gaussian], fewest: int | None) -> Estimate:
        """Return the number.

        Args:
            moments: The distribution of the features for each name in ``uses``.
            fewest: How many images the smaller set has, or None if a statistics file does not say.
        """

    @abstractmethod
    def interval(
        self, sides: Mapping[str, NDArray[np.float32] | Gaussian]
    ) -> tuple[float, float] | None:
        """Return a 95 % confidence interval, which takes many times the number's own time.

        Args:
            sides: For each name in ``uses`` the features, shape (n, d), or for the ground truth a
                fixed distribution.

        Returns:
            Lower and upper end, or None for fewer than ``min_for_interval`` images.
        """

    def bias(self, features: Mapping[str, NDArray[np.float32]], value: float) -> float | None:
        """Return about how much too high the number is for its number of images.

        Args:
            features: As in `measure`.
            value: The number.

        Returns:
            None where it cannot be told, or the metric has no such bias.
        """
        return None

    def measure(
        self, features: Mapping[str, NDArray[np.float32]], groups: Sequence[str] | None
    ) -> Estimate:
        """Return the number; the sets may differ in size."""
        moments = {role: Gaussian.of_features(features[role]) for role in self.uses}
        return self.measure_moments(moments, self.count(features, groups))

    def compute_moments(
        self,
        moments: Mapping[str, Gaussian],
        counts: Mapping[str, int | None],
        context: Mapping[str, str],
    ) -> Value:
        """Return the value where one or both sets are known by their moments.

        Args:
            moments: As in `measure_moments`.
            counts: How many images each set has, or None if a statistics file does not say.
            context: What the recipe holds in addition to the metric's own settings.
        """
        known = [count for count in counts.values() if count is not None]
        fewest = min(known) if len(known) == len(counts) else None
        estimate = self.measure_moments(moments, fewest)
        return self.make_value(estimate, counts[self.uses[-1]] or 0, 0, context)
