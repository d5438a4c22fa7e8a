"""The values of a run, and of a comparison, as tables for the terminal.

They fit into 80 columns and need no colour, so logs and pipes get the same text.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import rich.box
from rich.table import Table
from rich.text import Text

from ..benchmark.comparing.compare import RunComparison
from ..benchmark.comparing.ranking import AT_LEVEL, rank
from ..benchmark.run.results import Result
from ..metrics.base import Value
from .formatting import (
    FEW_SAMPLES,
    format_number,
    format_uncertainty,
    format_value,
    shorten,
    unit_of,
)

_LONGEST_NAME = 40


def result_table(result: Result) -> Table:
    """Return the values of a run, one line per metric; those that were not computed stand below.

    Args:
        result: The run's `result.json`.
    """
    counts = result.samples
    title = f"{result.model} on {result.dataset} ({result.split}), {counts.total:,} samples"
    if counts.failed:
        title += f", {counts.failed:,} FAILED"
    lines = ["↑ higher is better, ↓ lower is better"]
    lacking: dict[str, list[str]] = {}
    table = _table(title, ("metric", "value", "unit", "95 % interval", "n", "notes"))
    for value in result.metrics:
        if value.value is None and value.not_computed:
            lacking.setdefault(value.not_computed, []).append(value.name)
            continue
        table.add_row(
            _metric(value),
            Text(format_value(value)),
            Text(unit_of(value.name)),
            Text(format_uncertainty(value)),
            Text(f"{value.n:,}"),
            Text(_notes(value)),
        )
    lines += [f"not computed: {', '.join(names)}: {reason}" for reason, names in lacking.items()]
    lines += [
        f"{value.name} is not ranked: {value.unranked}"
        for value in result.metrics
        if value.unranked is not None and value.value is not None
    ]
    lines += _spread_note(result.metrics)
    table.caption = _lines(lines)
    return table


def comparison_table(comparison: RunComparison) -> Table:
    """Return runs side by side: a block per metric, a line per run, the best runs marked.

    Args:
        comparison: Two runs or more.
    """
    lines = ["↑ higher is better, ↓ lower is better"]
    title = f"{len(comparison.runs)} runs on {comparison.dataset} ({comparison.split})"
    table = _table(title, ("metric", "value", "unit", "95 % interval", "run", "verdict"))
    tied = False
    for metric in comparison.metrics:
        ranking = rank(comparison, metric)
        if not ranking.best:
            lines.append(f"{metric}: {ranking.verdict}")
        tied |= len(ranking.best) > 1
        table.add_section()
        for run in comparison.runs:
            value = run.result.find(metric)
            if value is None or value.not_computed:
                continue
            table.add_row(
                _metric(value),
                Text(format_value(value)),
                Text(unit_of(metric)),
                Text(format_uncertainty(value)),
                Text(shorten(run.label, _LONGEST_NAME)),
                Text(ranking.mark(run.label)),
            )
    lines += _spread_note([value for run in comparison.runs for value in run.result.metrics])
    if tied:
        lines.append(f"tied: not significantly different from the best mean {AT_LEVEL}")
    table.caption = _lines(lines)
    return table


def _table(title: str, columns: Sequence[str]) -> Table:
    table = Table(
        title=Text(shorten(title, 160), style="bold"),
        title_justify="left",
        caption_justify="left",
        box=rich.box.SIMPLE_HEAD,
        pad_edge=False,
    )
    for name in columns:
        number = name in ("value", "95 % interval", "n")
        justify: Literal["left", "right"] = "right" if number else "left"
        table.add_column(name, justify=justify, no_wrap=number or name == "metric")
    return table


def _spread_note(values: Sequence[Value]) -> list[str]:
    if all(value.spread is None for value in values):
        return []
    return ["sd: standard deviation over subsets or splits, not a confidence interval"]


def _lines(lines: Sequence[str]) -> Text:
    return Text("\n".join(lines), style="dim")


def _metric(value: Value) -> Text:
    arrow = "↑" if value.higher_is_better else "↓"
    return Text(f"{shorten(value.name, _LONGEST_NAME)} {arrow}")


def _notes(value: Value) -> str:
    notes = []
    if value.missing:
        notes.append(f"{value.missing:,} missing")
    if value.infinite:
        notes.append(f"{value.infinite:,} infinite")
    if value.bias is not None:
        notes.append(f"bias about +{format_number(value.bias)}")
    if value.value is not None and value.n < FEW_SAMPLES:
        notes.append("few samples")
    if value.unranked is not None:
        notes.append("not ranked")
    return ", ".join(notes)
