"""What a metric is: its protocol, its value, and the recipe that the value carries."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from ..core.errors import TpgbenchError, UnknownNameError
from ..core.hub import HubModel
from ..core.images import Image, Mask
from ..core.registry import BUILTIN_METRICS, Registry
from ..core.weights import WeightFile, get_weights
from .bootstrap import bootstrap_mean_interval
from .patches import largest_square


@dataclass(frozen=True)
class Comparison:
    """One generated image beside what it is judged against, all in one frame of one size.

    Attributes:
        sample_id: The row's id.
        output: The generated image, uint8 (size, size, 3).
        truth: The true image, uint8 (size, size, 3), or None where the dataset has none.
        garment: The garment photo in the same frame, or None.
        mask: True on the garment's visible pixels, bool (size, size), or None.
        meta: The row's own facts; a procedural row knows its ``lattice`` (two vectors (x, y) in
            parts of the truth's side).
        caption: What the dataset says of the row, or None.
        determined: Whether the model was given what determines the truth. A caption alone does
            not: the truth is then one of many right images, good for metrics of whole sets only.
    """

    sample_id: str
    output: Image
    truth: Image | None = None
    garment: Image | None = None
    mask: Mask | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)
    caption: str | None = None
    determined: bool = True

    @cached_property
    def cloth(self) -> Image | None:
        """The largest square of the garment photo that lies wholly within the mask, if any."""
        if self.garment is None or self.mask is None or not self.mask.any():
            return None
        box = largest_square(self.mask)
        return self.garment[box.top : box.top + box.side, box.left : box.left + box.side]


class Value(BaseModel):
    """A metric over a set of samples; never a bare float.

    Attributes:
        name: The metric, with its variant if it has one: ``"fid@clean"``.
        value: The aggregate over the ``n`` samples with a finite score; None if there is none.
        interval: Its 95 % confidence interval, or None where none is defined.
        n: How many samples the value rests on.
        missing: How many samples it should rest on but does not (they failed, or lack a truth).
        infinite: How many scores were infinite (PSNR of identical images): counted, not averaged.
        recipe: Everything that must agree before two values may be compared.
        higher_is_better: The direction.
        not_computed: Why there is no value, or None.
        spread: The standard deviation over the subsets or splits of which ``value`` is the mean, or
            None for a metric without them.
        unranked: Why the value is shown but must not be ranked (an FID of few images), or None.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    value: float | None
    interval: tuple[float, float] | None
    n: int
    missing: int
    infinite: int = 0
    recipe: str
    higher_is_better: bool
    not_computed: str | None = None
    spread: float | None = None
    unranked: str | None = None


def format_recipe(name: str, parts: Mapping[str, str]) -> str:
    """Join a metric's settings into one canonical line: ``"ssim|n:200|version:1|..."``.

    Equal settings give equal lines and different ones different lines: a bar within a value
    (a folder's name may hold one) is written ``%7C``.
    """
    quoted = {key: value.replace("%", "%25").replace("|", "%7C") for key, value in parts.items()}
    return "|".join([name, *(f"{key}:{value}" for key, value in sorted(quoted.items()))])


class Metric(ABC):
    """What all metrics have; subclass `SampleMetric` or `SetMetric`, one file a metric.

    A subclass sets the class variables. Everything that changes the number goes into `settings`,
    so that it stands in the recipe; a change of the numerics raises ``version``.

    Args:
        variant: One of ``variants``; None for the default.
        folder: Where to look for weights first.
    """

    name: ClassVar[str]
    higher_is_better: ClassVar[bool]
    tasks: ClassVar[frozenset[str]]
    range: ClassVar[tuple[float, float]]
    unit: ClassVar[str] = ""
    version: ClassVar[int] = 1
    needs: frozenset[str] = frozenset({"truth"})  # fields of Comparison; a variant may differ
    min_samples: ClassVar[int] = 1
    variants: ClassVar[tuple[str, ...]] = ()  # the first is the default
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
            TpgbenchError: Weights that it needs are not to be had.
        """
        for weights in self.weights:
            get_weights(weights, self.folder)

    def settings(self) -> dict[str, str]:
        """Return what the number depends on, for the recipe; it is asked once a run.

        What the variant means belongs here and not its name, so that two names of one computation
        (``"lpips"`` and ``"lpips@alex"``) have one recipe.
        """
        return {}

    def unavailable(self, comparison: Comparison) -> str | None:
        """Return why this sample cannot be scored (``"no truth"``), or None."""
        lacking = sorted(name for name in self.needs if getattr(comparison, name) is None)
        return f"no {' and no '.join(lacking)}" if lacking else None

    def recipe(self, context: Mapping[str, str]) -> str:
        """Return the canonical recipe; ``context`` adds what the caller knows (size, split)."""
        parts = {**context, **self.settings(), "version": str(self.version)}
        return format_recipe(self.name, parts)

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
    """A number a sample, and their mean: a subclass writes `score`."""

    def unavailable(self, comparison: Comparison) -> str | None:
        """Return why this sample cannot be scored, or None."""
        if "truth" in self.needs and not comparison.determined:
            return "the caption alone does not determine the photo (no condition)"
        return super().unavailable(comparison)

    @abstractmethod
    def score(self, comparison: Comparison) -> float:
        """Return the number of one sample; NaN if it is not defined there."""

    def aggregate(
        self,
        scores: Sequence[float] | NDArray[np.float64],
        context: Mapping[str, str],
        groups: Sequence[str] | None = None,
    ) -> Value:
        """Return the mean of the finite scores with its bootstrap interval.

        Args:
            scores: One a sample, in any order; NaN where a sample has none.
            context: What the recipe holds beside the metric's own settings.
            groups: The garment of each sample; samples of one are drawn together for the
                interval. None: each is a garment of its own.
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
            name=self.key,
            value=value,
            interval=bootstrap_mean_interval(array[used], drawn) if enough else None,
            n=int(finite.size),
            missing=int(np.isnan(array).sum()),
            infinite=infinite,
            recipe=self.recipe(context),
            higher_is_better=self.higher_is_better,
            not_computed=reason,
        )


class FeatureExtractor(ABC):
    """A backbone that turns images into vectors; metrics with an equal one share its pass.

    A subclass writes `extract`. One whose images need work before the network splits it into
    `prepare`, which runs in worker threads while the network computes, and `embed`.

    Attributes:
        backbone: What the vectors depend on beside the code: network, weights' hash, protocol.
        version: Of the code; raise it when equal images get other vectors. It belongs into the
            recipes, too.
        batch_size: How many images a call should get.
    """

    backbone: str
    version: int = 1
    batch_size: int = 16

    @property
    def key(self) -> str:
        """All that the vectors depend on: the cache's key."""
        return f"{self.backbone}|version {self.version}"

    @abstractmethod
    def extract(self, images: Sequence[Image]) -> NDArray[np.float32]:
        """Return one vector an image, shape (n, d).

        Args:
            images: uint8 (height, width, 3) each; their sizes may differ.
        """

    def prepare(self, image: Image) -> NDArray[Any]:
        """Return what `embed` takes of an image; several threads may call it."""
        return image

    def embed(self, prepared: Sequence[NDArray[Any]]) -> NDArray[np.float32]:
        """Return one vector an image, shape (n, d).

        Args:
            prepared: What `prepare` made of each.
        """
        return self.extract(prepared)


class SetMetric(Metric):
    """A number of whole sets of images, from their features.

    Attributes:
        uses: Which images of a `Comparison` are embedded.
    """

    uses: ClassVar[tuple[str, ...]] = ("truth", "output")

    @abstractmethod
    def extractor(self) -> FeatureExtractor:
        """Return the backbone, with its weights loaded.

        Raises:
            TpgbenchError: The weights are not to be had.
        """

    @abstractmethod
    def compute(
        self,
        features: Mapping[str, NDArray[np.float32]],
        missing: int,
        context: Mapping[str, str],
        groups: Sequence[str] | None = None,
    ) -> Value:
        """Return the value.

        Args:
            features: For each name in ``uses`` the vectors of the samples that have all of them,
                shape (n, d); row i of each belongs to the same sample.
            missing: How many samples have not.
            context: What the recipe holds beside the metric's own settings.
            groups: The garment of each sample, as in `SampleMetric.aggregate`.
        """


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
    return METRICS.get(name)(variant if at else None, folder)
