"""Frechet inception distance."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from .base import Estimate
from .frechet import Gaussian, frechet_distance
from .inception_metric import InceptionMetric
from .moments import MomentMetric

FEW_IMAGES = 2_048  # with fewer than it has dimensions, a covariance is singular

_GROUPS = 20
FEWEST_FOR_INTERVAL = 2 * _GROUPS
_SEED = 20260101

FEWEST_FOR_BIAS = 1_900  # of fewer it comes out too low: of 1,500 by a fifth
MOST_AT_ONCE = 4_096  # of more it takes longer than the distance, and only --interval asks for it
_PARTS = (2, 3, 4)


class FIDMetric(InceptionMetric, MomentMetric):
    """Distance of the generated images' features from the real ones', as two Gaussians.

    Lower is better. It is biased upwards, the more so the fewer the images, so it says nothing
    without their number. It is ranked for 2,048 images or more, and for a complete published test
    split, where everyone has the same number (VITON-HD's 2,032, or 1,990 without its repeats); the
    recipe says which of the two holds (``bound``). Fewer are shown and not ranked. `fid_bias`
    measures the bias for 1,900 images or more (of more than 4,096 with ``--interval``), and it is
    shown beside the value. KID has no such bias.

    Pitfalls:
        - FIDs of different numbers of images, protocols or file formats are not comparable: the
          recipe holds all three.
        - Files are read as everywhere here, turned upright by their EXIF tag and with transparency
          laid on white. The libraries do neither; of such files their values differ.
        - It sees no pair: a model that gives every garment another garment's pattern may have a
          good one.
        - The network knows ImageNet's photos, not textiles; a difference that people see may move
          it little.
    """

    name = "fid"
    higher_is_better = False
    range = (0.0, math.inf)
    min_samples = 2
    min_for_interval = FEWEST_FOR_INTERVAL
    source = "Heusel, Ramsauer, Unterthiner, Nessler and Hochreiter, NeurIPS 2017"

    def settings(self) -> dict[str, str]:
        """Return the backbone, the protocol, and of how many images a value is ranked."""
        bound = str(FEW_IMAGES) if self.published is None else f"published-{self.published}"
        return {**super().settings(), "bound": bound}

    def measure(
        self, features: Mapping[str, NDArray[np.float32]], groups: Sequence[str] | None
    ) -> Estimate:
        """Return the distance, with its bias where that takes no longer than itself."""
        estimate = super().measure(features, groups)
        if max(map(len, features.values())) > MOST_AT_ONCE:
            return estimate
        return replace(estimate, bias=self.bias(features, estimate.value))

    def measure_moments(self, moments: Mapping[str, Gaussian], fewest: int | None) -> Estimate:
        """Return the distance of the two Gaussians."""
        unranked = None
        if fewest is None:
            unranked = "number of images unknown: the statistics file does not hold it"
        elif fewest < FEW_IMAGES and fewest != self.published:
            unranked = f"{fewest} images: an FID of fewer than {FEW_IMAGES:,} is too biased to rank"
            if self.published is not None:
                unranked += f", but for the published test split's {self.published:,}"
        distance = frechet_distance(moments["truth"], moments["output"])
        return Estimate(distance, unranked=unranked)

    def bias(self, features: Mapping[str, NDArray[np.float32]], value: float) -> float | None:
        """Return what `fid_bias` does."""
        return fid_bias(features["truth"], features["output"], value)

    def interval(
        self, sides: Mapping[str, NDArray[np.float32] | Gaussian]
    ) -> tuple[float, float] | None:
        """Return the 95 % jackknife interval of `fid_interval`."""
        output = sides["output"]
        return None if isinstance(output, Gaussian) else fid_interval(sides["truth"], output)


def fid_interval(
    truth: NDArray[np.float32] | Gaussian, output: NDArray[np.float32]
) -> tuple[float, float] | None:
    """Return the 95 % jackknife interval of the FID at this number of images.

    The images are dealt into 20 groups, seeded, and the FID is taken without each in turn; its
    standard error is that of the delete-a-group jackknife, the interval Student's. It is about the
    FID's own expectation at this N, bias included. (A bootstrap would not be: images drawn twice
    make the sets smaller, and the FID larger.)

    Args:
        truth: Features of the real images (n, d), dealt too; or a fixed distribution, which is not.
        output: Features of the generated ones, (m, d).

    Returns:
        Lower and upper end, or None for fewer than 40 images on a side that is dealt.

    Source: Kott, Journal of Official Statistics 17(4), 2001.
    """
    sides = [output] if isinstance(truth, Gaussian) else [truth, output]
    if min(len(side) for side in sides) < FEWEST_FOR_INTERVAL:
        return None
    from scipy.stats import t

    # Equal numbers get equal groups: pairs of images about the same garment go together.
    groups = [
        np.random.default_rng(_SEED).permutation(np.arange(len(side)) % _GROUPS) for side in sides
    ]

    def left_out(group: int) -> float:
        kept = [Gaussian.of_features(s[g != group]) for s, g in zip(sides, groups, strict=True)]
        return frechet_distance(truth if isinstance(truth, Gaussian) else kept[0], kept[-1])

    replicates = np.array([left_out(group) for group in range(_GROUPS)])
    deviations = replicates - replicates.mean()
    error = math.sqrt((_GROUPS - 1) / _GROUPS * float(deviations @ deviations))
    reference = truth if isinstance(truth, Gaussian) else Gaussian.of_features(truth)
    distance = frechet_distance(reference, Gaussian.of_features(output))
    half = float(t.ppf(0.975, _GROUPS - 1)) * error
    return max(distance - half, 0.0), distance + half


def fid_bias(
    truth: NDArray[np.float32], output: NDArray[np.float32], distance: float
) -> float | None:
    """Return about how far the FID of these sets lies above the FID of endlessly many images.

    Both sets are dealt, seeded, into 2, 3 and 4 parts, and the FID is taken of each pair of parts.
    A parabola through FID against the number of parts is followed to 0 parts, which stands for
    endlessly many images. (Chong and Forsyth lay a straight line; with about as many images as
    dimensions the relation is bent, and a line finds a fifth too little.) On Gaussians of a known
    FID it is right within a tenth or so at 2,032 images in 2,048 dimensions.

    Args:
        truth: Features of the real images, (n, d).
        output: Features of the generated ones, (m, d).
        distance: Their FID.

    Returns:
        The bias, at least 0; None for fewer than 1,900 images in a set.

    Source: Chong and Forsyth, CVPR 2020, "Effectively Unbiased FID and Inception Score".
    """
    sides = (truth, output)
    if min(map(len, sides)) < FEWEST_FOR_BIAS:
        return None
    # Equal numbers get equal parts: pairs of images about the same garment stay together.
    orders = [np.random.default_rng(_SEED).permutation(len(side)) for side in sides]
    distances = {1: distance}
    for parts in _PARTS:
        dealt = [
            [side[order[part::parts]] for side, order in zip(sides, orders, strict=True)]
            for part in range(parts)
        ]
        distances[parts] = math.fsum(_distance(*pair) for pair in dealt) / parts
    parabola = np.polynomial.Polynomial.fit(list(distances), list(distances.values()), 2)
    return max(distance - float(parabola(0)), 0.0)


def _distance(truth: NDArray[np.float32], output: NDArray[np.float32]) -> float:
    return frechet_distance(Gaussian.of_features(truth), Gaussian.of_features(output))
