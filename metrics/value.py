"""What metrics return: the score of one sample, an estimate over sets, and the final value."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, JsonValue

HEADLINE = "value"  # the name of a score's main number


@dataclass(frozen=True)
class Score:
    """The score of one sample: several named values, and what they rest on.

    Attributes:
        values: The headline under ``"value"``, the others under the names in the metric's
            ``outputs``. What is left out or NaN is missing for this sample.
        evidence: What led to the values, as JSON (a judge's answers, say). It is kept with the
            scores and does not change them.
    """

    values: Mapping[str, float]
    evidence: JsonValue = None


@dataclass(frozen=True)
class NotAnswered:
    """No score now: a call was refused or failed. The sample is missing and is asked again.

    Attributes:
        reason: Why, in a few words: ``"HTTP 429"``.
    """

    reason: str


SampleScore = float | Score | NotAnswered


@dataclass(frozen=True)
class Estimate:
    """What a metric of whole sets computes.

    Attributes:
        value: The number.
        interval: Its 95 % confidence interval, or None.
        spread: See `Value.spread`.
        unranked: See `Value.unranked`.
        bias: See `Value.bias`.
    """

    value: float
    interval: tuple[float, float] | None = None
    spread: float | None = None
    unranked: str | None = None
    bias: float | None = None


class Value(BaseModel):
    """A metric over a set of samples; never a bare float.

    Attributes:
        name: The metric, with its variant if it has one: ``"fid@clean"``. A further output of a
            metric follows a colon: ``"judge:colour"``.
        value: The aggregate over the ``n`` samples with a finite score; None if there is none.
        interval: Its 95 % confidence interval, or None where none is defined.
        n: How many samples the value rests on.
        missing: How many samples it should rest on but does not: they failed, lack a ground truth,
            or were not answered.
        infinite: How many scores were infinite (PSNR of identical images): counted, not averaged.
        recipe: Everything that must agree before two values may be compared.
        higher_is_better: The direction.
        not_computed: Why there is no value, or None.
        spread: The standard deviation over the subsets or splits of which ``value`` is the mean, or
            None for a metric without them.
        unranked: Why the value is shown but must not be ranked (an FID of few images), or None.
        bias: About how much the value lies above that of endlessly many images, measured on these
            images; None where it is not measured. It is not subtracted.
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
    bias: float | None = None


def explain_missing(values: Iterable[Value]) -> tuple[str, ...]:
    """Return why values are missing, a line a cause: ``"ssim, psnr were not computed: no truth"``.

    Args:
        values: Any; those that are there are passed over.
    """
    names: dict[str, list[str]] = {}
    for value in values:
        if value.not_computed is not None:
            names.setdefault(value.not_computed, []).append(value.name)
    return tuple(
        f"{', '.join(those)} {'was' if len(those) == 1 else 'were'} not computed: {cause}"
        for cause, those in names.items()
    )


def format_recipe(name: str, parts: Mapping[str, str]) -> str:
    """Join a metric's settings into one canonical line: ``"ssim|n:200|version:1|..."``.

    Equal settings give equal lines and different settings different lines: a bar within a value
    (a folder's name may hold one) is written ``%7C``.
    """
    quoted = {key: value.replace("%", "%25").replace("|", "%7C") for key, value in parts.items()}
    return "|".join([name, *(f"{key}:{value}" for key, value in sorted(quoted.items()))])


def read_recipe(recipe: str) -> dict[str, str]:
    """Return the settings of a recipe that `format_recipe` wrote, by name."""
    parts = (part.partition(":") for part in recipe.split("|")[1:])
    return {key: one.replace("%7C", "|").replace("%25", "%") for key, _, one in parts}


def explain_difference(first: str, second: str) -> str:
    """Return in what two recipes differ: ``"n is 200 and 40; size is 256 and 512"``.

    Args:
        first: A recipe.
        second: Another one of the same metric.
    """
    ours, theirs = read_recipe(first), read_recipe(second)
    return "; ".join(
        f"{key} is {ours.get(key, 'not given')} and {theirs.get(key, 'not given')}"
        for key in sorted(ours.keys() | theirs.keys())
        if ours.get(key) != theirs.get(key)
    )
