"""The values of a run, and of a comparison, as tables for the terminal.

The tables fit into 80 columns and need no colour, so logs and pipes get the same text. Each note
below a table is one line, however long: a path or an address that is broken into two lines can be
neither copied nor found by grep.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

import rich.box
from rich.console import Group, RenderableType
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
_LONGEST_TITLE = 160


def result_table(result: Result) -> RenderableType:
    """Return the values of a run, one line per metric.

    Below stand the metrics that were not computed or are not ranked, one line per cause. Where no
    metric has a value there is no table, only these lines.

    Args:
        result: The run's `result.json`.
    """
    counts = result.samples
    title = f"{result.model} on {result.dataset} ({result.split}), {counts.total:,} sample"
    title += "" if counts.total == 1 else "s"
    if counts.failed:
        title += f", {counts.failed:,} FAILED"
    table = _table(("metric", "value", "unit", "95 % interval", "n", "notes"))
    for value in result.metrics:
        if value.value is None and value.not_computed:
            continue
        table.add_row(
            _metric(value),
            Text(format_value(value)),
            Text(unit_of(value.name)),
            Text(format_uncertainty(value)),
            Text(f"{value.n:,}"),
            Text(_notes(value)),
        )
    lines = [
        *_by_cause("not computed", _lacking(result)),
        *_by_cause(
            "not ranked",
            ((value.name, value.unranked) for value in result.metrics if value.value is not None),
        ),
    ]
    return _with_notes(table, title, [*lines, *_spread_note(result.metrics)])


def comparison_table(comparison: RunComparison) -> RenderableType:
    """Return runs side by side: a block per metric, a line per run, the best runs marked.

    Below stand the metrics that are not ranked or were not computed, one line per cause. Where no
    run has a value there is no table, only these lines.

    Args:
        comparison: Two runs or more.
    """
    title = f"{len(comparison.runs)} runs on {comparison.dataset} ({comparison.split})"
    table = _table(("metric", "value", "unit", "95 % interval", "run", "verdict"))
    tied = False
    unranked: list[tuple[str, str | None]] = []
    for metric in comparison.metrics:
        ranking = rank(comparison, metric)
        unranked.append((metric, ranking.reason))
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
    lines = _by_cause("not ranked", unranked)
    causes: dict[str, list[str]] = {}  # several runs often lack the same metrics
    for run in comparison.runs:
        for line in _by_cause("not computed", _lacking(run.result)):
            causes.setdefault(line, []).append(shorten(run.label, _LONGEST_NAME))
    lines += [f"{', '.join(labels)}: {line}" for line, labels in causes.items()]
    lines += _spread_note([value for run in comparison.runs for value in run.result.metrics])
    if tied:
        lines.append(f"tied: not significantly different from the best mean {AT_LEVEL}")
    return _with_notes(table, title, lines)


def _table(columns: Sequence[str]) -> Table:
    table = Table(
        title_justify="left",
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


def _lacking(result: Result) -> list[tuple[str, str | None]]:
    """Return the name and the cause of each metric that was not computed."""
    return [(value.name, value.not_computed) for value in result.metrics if value.value is None]


def _by_cause(what: str, causes: Iterable[tuple[str, str | None]]) -> list[str]:
    """Return one line per cause, with all metrics it concerns; those without a cause are fine."""
    names: dict[str, list[str]] = {}
    for name, cause in causes:
        if cause:
            names.setdefault(cause, []).append(shorten(name, _LONGEST_NAME))
    return [f"{what}: {', '.join(those)}: {cause}" for cause, those in names.items()]


def _with_notes(table: Table, title: str, lines: Sequence[str]) -> RenderableType:
    """Return a table with its notes below, or the notes alone if it has no line."""
    heading = Text(shorten(title, _LONGEST_TITLE), style="bold")
    if not table.row_count:
        return Group(heading, _unbroken(lines))
    table.title = heading
    return Group(table, _unbroken(["↑ higher is better, ↓ lower is better", *lines]))


def _unbroken(lines: Sequence[str]) -> Text:
    """Return lines that are not wrapped; the console must not crop them."""
    return Text("\n".join(lines), style="dim", no_wrap=True, overflow="ignore")


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
