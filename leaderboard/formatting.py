"""Numbers as people read them: no digit that the interval does not support."""

from __future__ import annotations

import math

from ..core.errors import TpgbenchError
from ..metrics.base import Value, make_metric

FEW_SAMPLES = 30  # below this a value is marked: its interval is itself uncertain
NOTHING = "-"
_MAX_DECIMALS = 6


def unit_of(metric: str) -> str:
    """Return a metric's unit (``"dB"``), or ``""`` if it has none or is not installed here."""
    try:
        return make_metric(metric).unit
    except TpgbenchError:
        return ""  # the run may come from a machine with more packages


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
    """Return printable text of at most ``length`` characters, in one line."""
    printable = "".join(c if c.isprintable() else " " for c in text[: 4 * length])
    line = " ".join(printable.split())
    return line if len(line) <= length else line[: length - 1] + "…"
