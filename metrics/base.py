"""What a metric is: a formula, what it needs, and the recipe that its values carry.

Subclass `SampleMetric` (a number per sample), one of its short forms `TruthMetric` and
`GarmentMetric`, or `SetMetric` (a number per set), in one file per metric. `engine` computes any of
them, over a run, over folders, and in a training loop.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from ..core.errors import TpgbenchError, UnknownNameError
from ..core.hub import HubModel
from ..core.images import Image, Mask
from ..core.registry import BUILTIN_METRICS, Registry
from ..core.weights import WeightFile, get_weights
from .bootstrap import bootstrap_mean_interval
from .features.extractor import FeatureExtractor
from .inputs import check_pair
from .pair import Pair
from .value import HEADLINE, Estimate, NotAnswered, SampleScore, Score, Value, format_recipe

__all__ = [
    "METRICS",
    "Estimate",
    "FeatureExtractor",
    "GarmentMetric",
    "Metric",
    "NotAnswered",
    "Pair",
    "SampleMetric",
    "SampleScore",
    "Score",
    "SetMetric",
    "TruthMetric",
    "Value",
    "format_recipe",
    "make_metric",
]


_ROUNDING = 1e-5  # relative to 1 or the value: single precision and its sums
_PAIR_FIELDS = frozenset({"output", "truth", "garment", "mask", "meta", "caption", "cloth"})


class Metric(ABC):
    """What all metrics have in common.

    A subclass sets the class variables. Everything that changes the number goes into `settings`,
    so that it is part of the recipe; a change of the numerics raises ``version``.

    Args:
        variant: One of ``variants``; None for the default.
        folder: Where to look for weights first, before the user's folder of weights.
    """

    name: ClassVar[str]
    higher_is_better: ClassVar[bool]
    tasks: ClassVar[frozenset[str]]
    range: ClassVar[tuple[float, float]]
    unit: ClassVar[str] = ""
    version: ClassVar[int] = 1
    needs: frozenset[str] = frozenset({"truth"})  # fields of Pair; a variant may differ
    min_samples: ClassVar[int] = 1
    variants: ClassVar[tuple[str, ...]] = ()  # the first is the default
    # The argument of the torchmetrics class that names the variant; the default is then explicit.
    variant_argument: ClassVar[str | None] = None
    weights: ClassVar[tuple[WeightFile, ...]] = ()
    models: ClassVar[tuple[HubModel, ...]] = ()
    source: ClassVar[str]

    def __init__(self, variant: str | None = None, folder: Path | None = None) -> None:
        if variant is not None and variant not in self.variants:
            raise UnknownNameError(f"variant of {self.name}", variant, self.variants)
        self.variant = variant
        self.folder = folder

    @property
    def key(self) -> str:
        """The name that the user asked for: ``"ssim"`` or ``"lpips@vgg"``."""
        return self.name if self.variant is None else f"{self.name}@{self.variant}"

    def load(self) -> None:
        """Get ready to score.

        Raises:
            TpgbenchError: Weights that it needs are unavailable.
        """
        for weights in self.weights:
            get_weights(weights, self.folder)

    def settings(self) -> dict[str, str]:
        """Return what the number depends on, for the recipe; it is asked once per run.

        What the variant means belongs here and not its name, so that two names of one computation
        (``"lpips"`` and ``"lpips@alex"``) have one recipe.
        """
        return {}

    def check_range(self, value: float) -> float:
        """Return a headline value that lies in the declared ``range``, but for rounding, or is NaN.

        Raises:
            ValueError: It lies outside: the metric, or its declaration, is wrong.
        """
        low, high = self.range
        slack = _ROUNDING * max(1.0, abs(value))
        if not math.isnan(value) and not low - slack <= value <= high + slack:
            raise ValueError(f"{value:g} is outside of the metric's range, {low:g} to {high:g}")
        return value

    def unavailable(self, pair: Pair) -> str | None:
        """Return why this sample cannot be scored (``"no truth"``), or None."""
        lacking = sorted(name for name in self.needs if not pair.has(name))
        return f"no {' and no '.join(lacking)}" if lacking else None

    def recipe(self, context: Mapping[str, str]) -> str:
        """Return the canonical recipe; ``context`` adds what the caller knows (size, split)."""
        known = {**context, "version": str(self.version)}
        # What the caller measured stands, and a setting of the same name beside it.
        own = {f"own-{key}" if key in known else key: one for key, one in self.settings().items()}
        return format_recipe(self.name, {**own, **known})

    def not_computed(self, reason: str, missing: int, context: Mapping[str, str]) -> Value:
        """Return the value of a metric that has none, with the reason."""
        return Value(
            name=self.key,
            value=None,
            interval=None,
            n=0,
            missing=missing,
            recipe=self.recipe(context),
            higher_is_better=self.higher_is_better,
            not_computed=reason,
        )


class SampleMetric(Metric):
    """A number per sample, and their mean: a subclass writes `score`.

    A metric with several values per sample declares the names of the further ones in ``outputs``
    and returns a `Score`; each becomes a `Value` and a column of its own, ``KEY:OUTPUT``. A metric
    that is faster, or cheaper, for several samples at once sets ``batch_size`` and overrides
    `score_batch`. Both methods may be called from several threads at once.

    Attributes:
        outputs: Names of the further values, without ``:`` and ``@``.
        batch_size: How many pairs a call of `score_batch` gets; the last call may get fewer.
    """

    outputs: ClassVar[tuple[str, ...]] = ()
    batch_size: ClassVar[int] = 1

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        wrong = [one for one in cls.outputs if one == HEADLINE or not one or {*":@|"} & {*one}]
        if wrong or len(set(cls.outputs)) < len(cls.outputs):
            raise TypeError(f"{cls.__name__}.outputs: {cls.outputs} are no names of outputs")

    def unavailable(self, pair: Pair) -> str | None:
        """Return why this sample cannot be scored, or None."""
        if "truth" in self.needs and not pair.determined:
            return "the caption alone does not determine the photo (no condition)"
        return super().unavailable(pair)

    @abstractmethod
    def score(self, pair: Pair) -> SampleScore:
        """Return the score of one sample for which `unavailable` is None.

        Returns:
            A number, NaN if it is not defined here; several as a `Score`; or `NotAnswered`.
        """

    def score_batch(self, pairs: Sequence[Pair]) -> Sequence[SampleScore]:
        """Return the score of each pair, in their order.

        If it raises, the engine asks again with one pair at a time.

        Args:
            pairs: Up to ``batch_size`` of them.
        """
        return [self.score(pair) for pair in pairs]

    def aggregate(
        self,
        scores: Sequence[float] | NDArray[np.float64],
        context: Mapping[str, str],
        groups: Sequence[str] | None = None,
        output: str | None = None,
    ) -> Value:
        """Return the mean of the finite scores with its bootstrap interval.

        Args:
            scores: One per sample, in any order; NaN where a sample has none.
            context: What the recipe holds in addition to the metric's own settings.
            groups: The garment of each sample; samples of one are drawn together for the
                interval. None: each is a garment of its own.
            output: Which of ``outputs`` the scores are; None for the headline.
        """
        array = np.asarray(scores, dtype=np.float64)
        infinite = int(np.isinf(array).sum())
        used = np.isfinite(array)
        # Sorted, so that the value does not depend on the samples' order.
        finite = np.sort(array[used])
        drawn = None if groups is None else [g for g, use in zip(groups, used, strict=True) if use]
        enough = finite.size >= self.min_samples
        value = None
        if enough:
            # Rounding may carry the mean of equal scores past them, out of its own interval.
            mean = math.fsum(finite) / finite.size
            value = min(max(mean, float(finite[0])), float(finite[-1]))
        reason = None
        if not enough and not infinite:
            reason = f"{finite.size} of {array.size} samples could be scored"
        return Value(
            name=self.key if output is None else f"{self.key}:{output}",
            value=value,
            interval=bootstrap_mean_interval(array[used], drawn) if enough else None,
            n=int(finite.size),
            missing=int(np.isnan(array).sum()),
            infinite=infinite,
            recipe=self.recipe(context if output is None else {**context, "output": output}),
            higher_is_better=self.higher_is_better,
            not_computed=reason,
        )


class TruthMetric(SampleMetric):
    """A number of an output and its ground truth: a subclass writes `measure`.

    Attributes:
        min_side: The shortest side in pixels, for a metric of two images of one size: all sizes are
            then checked before anything is computed. None: sizes may differ.
    """

    min_side: ClassVar[int | None] = None

    def frame(self, output: Image, truth: Image) -> tuple[Image, Image]:
        """Return both as they are compared; a variant may resize them first."""
        return output, truth

    def check_sizes(self, output: tuple[int, int], truth: tuple[int, int]) -> None:
        """Refuse two images by their widths and heights, before they are decoded.

        Raises:
            TpgbenchError: They cannot be compared.
        """
        if self.min_side is None:
            return
        blank = [np.zeros((height, width, 3), np.uint8) for width, height in (output, truth)]
        check_pair(*self.frame(blank[0], blank[1]), min_side=self.min_side)

    @abstractmethod
    def measure(self, output: Image, truth: Image) -> float:
        """Return the number of two images, uint8 (height, width, 3) each."""

    def score(self, pair: Pair) -> float:
        """Return the number; NaN without a ground truth."""
        return math.nan if pair.truth is None else self.measure(pair.output, pair.truth)


class GarmentMetric(SampleMetric):
    """A number of an output and its garment: a subclass writes `measure`."""

    needs = frozenset({"garment", "mask"})

    @abstractmethod
    def measure(self, output: Image, garment: Image, mask: Mask) -> float:
        """Return the number; NaN if it is not defined.

        Args:
            output: uint8 (height, width, 3).
            garment: The photo, uint8 (height, width, 3), of any size.
            mask: True on the garment's visible pixels, bool, as large as the photo.
        """

    def score(self, pair: Pair) -> float:
        """Return the number; NaN without a garment and its mask."""
        if pair.garment is None or pair.mask is None:
            return math.nan
        return self.measure(pair.output, pair.garment, pair.mask)


class SetMetric(Metric):
    """A number per set of images, from their features: a subclass writes `measure`.

    Attributes:
        uses: Which images of a `Pair` are embedded.
        paired: Whether it matters which output belongs to which sample. Metrics that are not paired
            also take two folders of different numbers of images.
        counted: What ``min_samples`` counts, for messages.
        statistics: What a file of statistics of the real images must hold to replace them:
            ``"moments"`` (mean and covariance), ``"features"``, or None if none can be written.
    """

    uses: ClassVar[tuple[str, ...]] = ("truth", "output")
    paired: ClassVar[bool] = False
    counted: ClassVar[str] = "images"
    statistics: ClassVar[Literal["moments", "features"] | None] = None

    @abstractmethod
    def extractor(self) -> FeatureExtractor:
        """Return the backbone, with its weights loaded.

        Raises:
            TpgbenchError: The weights are unavailable.
        """

    @abstractmethod
    def measure(
        self, features: Mapping[str, NDArray[np.float32]], groups: Sequence[str] | None
    ) -> float | Estimate:
        """Return the number of at least ``min_samples`` samples.

        Args:
            features: For each name in ``uses`` the vectors of the images, shape (n, d). For a
                paired metric row i of each belongs to the same sample.
            groups: The garment of each sample, as in `SampleMetric.aggregate`.
        """

    def count(
        self, features: Mapping[str, NDArray[np.float32]], groups: Sequence[str] | None
    ) -> int:
        """Return what is compared with ``min_samples``: the size of the smallest set."""
        return min(len(features[role]) for role in self.uses)

    def compute(
        self,
        features: Mapping[str, NDArray[np.float32]],
        missing: int,
        context: Mapping[str, str],
        groups: Sequence[str] | None = None,
    ) -> Value:
        """Return the value of `measure`, or why there is none.

        Args:
            features: As in `measure`, of any number of samples.
            missing: How many samples have no features.
            context: What the recipe holds in addition to the metric's own settings.
            groups: As in `measure`.
        """
        count = self.count(features, groups)
        if count < self.min_samples:
            return self.not_computed(self.too_few(count), missing, context)
        found = self.measure(features, groups)
        estimate = found if isinstance(found, Estimate) else Estimate(float(found))
        self.check_range(estimate.value)
        if math.isnan(estimate.value):
            return self.not_computed("it is not defined for these images (NaN)", missing, context)
        return self.make_value(estimate, len(features[self.uses[-1]]), missing, context)

    def too_few(self, count: int) -> str:
        """Return the reason why ``count`` images are not enough."""
        sides = " in each set" if len(self.uses) > 1 and not self.paired else ""
        return f"{self.name} needs at least {self.min_samples} {self.counted}{sides}, not {count}"

    def make_value(
        self, estimate: Estimate, n: int, missing: int, context: Mapping[str, str]
    ) -> Value:
        """Return an estimate as a value."""
        return Value(
            name=self.key,
            value=estimate.value,
            interval=estimate.interval,
            n=n,
            missing=missing,
            recipe=self.recipe(context),
            higher_is_better=self.higher_is_better,
            spread=estimate.spread,
            unranked=estimate.unranked,
            bias=estimate.bias,
        )


METRICS: Registry[Metric] = Registry(
    "metric",
    "tpgbench.metrics",
    Metric,
    BUILTIN_METRICS,
)


def make_metric(text: str, folder: Path | None = None) -> Metric:
    """Return the metric that ``text`` names: ``"ssim"`` or, with a variant, ``"fid@clean"``.

    Args:
        text: The name.
        folder: Where to look for weights first.

    Raises:
        UnknownNameError: No such metric or variant.
    """
    name, at, variant = text.partition("@")
    if at and not variant:
        raise TpgbenchError(f"'{text}' names no variant: write NAME or NAME@VARIANT")
    metric = METRICS.get(name)(variant if at else None, folder)
    unknown = sorted(metric.needs - _PAIR_FIELDS)
    if unknown:
        raise TpgbenchError(
            f"the metric '{name}' needs {', '.join(unknown)}, and a pair has "
            f"{', '.join(sorted(_PAIR_FIELDS))}: correct its `needs`"
        )
    return metric
