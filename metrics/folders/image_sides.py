"""The two sides of unpaired sets: images, or a file of statistics in their place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...core.errors import TpgbenchError
from ...core.files import known_sha256
from ...core.images import READING
from ..base import SetMetric, Value
from ..features.statistics import Statistics, read_statistics
from ..frechet import Gaussian
from ..moments import MomentMetric
from .file_pairs import ImageSet
from .image_source import read_images

Features = NDArray[np.float32]


@dataclass(frozen=True)
class Side:
    """One side.

    Attributes:
        path: Where it is.
        images: Its images, or None for a file of statistics.
    """

    path: Path
    images: ImageSet | None


def open_side(path: Path, *, track: bool) -> Side:
    """Open a folder, a zip file or a ``.npz`` file of statistics.

    Args:
        path: Where it is.
        track: As for `ImageSet`.

    Raises:
        TpgbenchError: As `read_images`.
    """
    if path.suffix.lower() == ".npz":
        return Side(path, None)
    return Side(path, ImageSet(read_images(path), track=track))


@dataclass(frozen=True)
class SetInputs:
    """What an unpaired metric computes from.

    Attributes:
        metric: The metric.
        sides: For each name in its ``uses`` the side.
        features: The features that the engine gathered of the sides that are images.
    """

    metric: SetMetric
    sides: Mapping[str, Side]
    features: Mapping[str, Features]

    @property
    def has_statistics(self) -> bool:
        """Whether a file of statistics stands for a side."""
        return any(side.images is None for side in self.sides.values())

    def compute(self, context: Mapping[str, str]) -> Value:
        """Return the value where a file of statistics stands for a side.

        Args:
            context: What the recipe holds in addition to the metric's own settings.

        Raises:
            TpgbenchError: A file of statistics does not hold what the metric needs.
        """
        metric = self.metric
        all_known = all(self._features(role) is not None for role in metric.uses)
        if isinstance(metric, MomentMetric) and not all_known:
            counts = {role: self._count(role) for role in metric.uses}
            moments = {role: self._moments(role) for role in metric.uses}
            return metric.compute_moments(moments, counts, context)
        features = {role: self.needed(role, metric.name) for role in metric.uses}
        return metric.compute(features, 0, context)

    def interval(self) -> tuple[float, float] | None:
        """Return the interval of a metric of moments; None for another metric.

        Raises:
            TpgbenchError: Too few images, or none.
        """
        metric = self.metric
        if not isinstance(metric, MomentMetric):
            return None
        output, truth = self.needed("output", "an interval"), self._features("truth")
        ends = metric.interval(
            {"output": output, "truth": self._moments("truth") if truth is None else truth}
        )
        if ends is None:
            where = " and ".join(str(self.sides[role].path) for role in metric.uses)
            raise TpgbenchError(
                f"{metric.name} of {where}: an interval needs {metric.min_for_interval} images in "
                "each set: give more, or leave out --interval"
            )
        return ends

    def bias(self, value: float) -> float | None:
        """Return about how much too high a value of moments is; None where it cannot be told."""
        features = {role: self._features(role) for role in self.metric.uses}
        known = {role: one for role, one in features.items() if one is not None}
        if not isinstance(self.metric, MomentMetric) or len(known) < len(features):
            return None
        return self.metric.bias(known, value)

    def needed(self, role: str, purpose: str) -> Features:
        """Return the features of a side.

        Raises:
            TpgbenchError: Only its moments are known.
        """
        features = self._features(role)
        if features is None:
            raise TpgbenchError(
                f"{self.sides[role].path}: holds mu and sigma only, and {purpose} needs the "
                "images, or their features (feats)"
            )
        return features

    def context(self) -> dict[str, str]:
        """Return what the recipe holds in addition to the metric's own settings."""
        context: dict[str, str] = {}
        for role, ending in (("output", ""), ("truth", "-real")):
            if role not in self.sides:
                continue
            images, count = self.sides[role].images, self._count(role)
            context |= {
                f"n{ending}": "unknown" if count is None else str(count),
                f"format{ending}": "npz" if images is None else images.images.formats,
                f"size{ending}": "unknown" if images is None else images.size,
            }
        if any(side.images is not None for side in self.sides.values()):
            context["read"] = READING
        if "truth" in self.sides:
            found, images = self._statistics("truth"), self.sides["truth"].images
            label = f"npz-{found.digest}" if found is not None else ""
            context |= {"real": label if images is None else images.label, "pairs": "none"}
        return context

    def _statistics(self, role: str) -> Statistics | None:
        side = self.sides[role]
        if side.images is not None:
            return None
        return _read(side.path, self.metric.extractor().key)

    def _features(self, role: str) -> Features | None:
        found = self._statistics(role)
        return self.features[role] if found is None else found.features

    def _count(self, role: str) -> int | None:
        images, found = self.sides[role].images, self._statistics(role)
        if images is not None:
            return len(images)
        return None if found is None else found.count

    def _moments(self, role: str) -> Gaussian:
        found = self._statistics(role)
        return Gaussian.of_features(self.features[role]) if found is None else found.gaussian


@lru_cache(maxsize=2)
def _read_version(path: Path, extractor_key: str, _sha256: str) -> Statistics:
    return read_statistics(path, extractor_key)


def _read(path: Path, extractor_key: str) -> Statistics:
    """Read a file of statistics; a factor of 2,048 dimensions is worth keeping."""
    try:
        version = known_sha256(path)
    except OSError as error:
        raise TpgbenchError(f"{path}: cannot be read as statistics ({error})") from error
    return _read_version(path, extractor_key, version)
