"""Numbers as text, with no more digits than their interval supports."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

from ..core.errors import TpgbenchError
from ..metrics.base import Value, make_metric

FEW_SAMPLES = 30  # values of fewer samples are marked: their interval is itself uncertain
NOTHING = "-"
_MAX_DECIMALS = 6


def unit_of(metric: str) -> str:
    """Return a metric's unit (``"dB"``), or ``""`` if it has none or is not installed here."""
    try:
        return make_metric(metric).unit
    except TpgbenchError:
        return ""  # a plug-in's metric that is not installed here, or one of several named values


def format_number(number: float | None, interval: tuple[float, float] | None = None) -> str:
    """Return a number with sensible digits.

    Args:
        number: Any float; None and NaN become a dash.
        interval: How uncertain it is. Two significant digits of its half-width are kept;
            without one, four significant digits of the number.
    """
    if number is None or math.isnan(number):
        return NOTHING
    if math.isinf(number):
        return "inf" if number > 0 else "-inf"
    half_width = (interval[1] - interval[0]) / 2 if interval is not None else 0.0
    scale, digits = (half_width, 2) if half_width > 0 else (abs(number), 4)
    if scale == 0.0 or not math.isfinite(scale):
        return f"{number:.3f}"
    decimals = digits - 1 - math.floor(math.log10(scale))
    if decimals > _MAX_DECIMALS:
        return f"{number:.3g}"
    return f"{number:.{max(decimals, 0)}f}"


def format_value(value: Value) -> str:
    """Return a metric's value, without its unit."""
    return format_number(value.value, value.interval)


def format_interval(value: Value) -> str:
    """Return a metric's interval as ``"0.493 to 0.531"``, with the digits of its value."""
    return format_range(value.interval)


def format_uncertainty(value: Value) -> str:
    """Return a metric's interval, its spread as ``"sd 0.0012"``, both, or a dash for neither."""
    texts = [format_range(value.interval)] if value.interval is not None else []
    if value.spread is not None:
        texts.append(f"sd {format_number(value.spread, (-value.spread, value.spread))}")
    return ", ".join(texts) or NOTHING


def explain_values(values: Sequence[Value], per_sample: Collection[str]) -> tuple[str, ...]:
    """Return sentences that say what the values are: means, values of whole sets, their spread.

    Args:
        values: All values of a table; those without a number are left out.
        per_sample: The names of those with a score per sample.
    """
    shown = [value for value in values if value.value is not None]
    means = [value for value in shown if value.name in per_sample]
    whole = [value for value in shown if value.name not in per_sample]
    lines = []
    if means:
        each = f"Each value of {_names(means)}" if whole else "Each value"
        lines.append(
            f"{each} is the mean over the n samples with a finite score; the interval is the 95 % "
            "bootstrap interval of that mean."
        )
    if bare := [value for value in means if value.interval is None]:
        lines.append(f"Too few samples for an interval: {_names(bare)}.")
    if bare := [value for value in whole if value.interval is None]:
        lines.append(f"Computed from the whole set of n samples, no interval: {_names(bare)}.")
    if ranged := [value for value in whole if value.interval is not None]:
        lines.append(
            "Computed from the whole set of n samples, with a 95 % bootstrap interval: "
            f"{_names(ranged)}."
        )
    spread = explain_spread(shown)
    return (*lines, spread) if spread else tuple(lines)


def explain_spread(values: Sequence[Value]) -> str:
    """Return a sentence that says what the spread of some values is; ``""`` if none has one."""
    spread = [value for value in values if value.spread is not None]
    if not spread:
        return ""
    return (
        f"sd ({_names(spread)}): the standard deviation over the subsets or splits whose mean the "
        "value is. It is not a confidence interval."
    )


def _names(values: Sequence[Value]) -> str:
    names = list(dict.fromkeys(value.name for value in values))
    return ", ".join([*names[:-2], " and ".join(names[-2:])])


def format_range(interval: tuple[float, float] | None) -> str:
    """Return an interval as ``"0.493 to 0.531"``, or a dash."""
    if interval is None:
        return NOTHING
    return " to ".join(format_number(end, interval) for end in interval)


def format_difference(difference: float | None, interval: tuple[float, float] | None) -> str:
    """Return a difference with its sign."""
    text = format_number(difference, interval)
    return f"+{text}" if difference is not None and difference > 0 else text


def format_p(p_value: float | None) -> str:
    """Return a p-value to three decimals; a smaller one as ``"< 0.001"``."""
    if p_value is None:
        return NOTHING
    return "< 0.001" if p_value < 0.001 else f"{p_value:.3f}"


def shorten(text: str, length: int) -> str:
    """Return printable text of at most ``length`` characters, on one line."""
    printable = "".join(c if c.isprintable() else " " for c in text[: 4 * length])
    line = " ".join(printable.split())
    return line if len(line) <= length else line[: length - 1] + "…"
