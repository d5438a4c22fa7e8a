"""The page of a comparison: runs side by side, with the best runs marked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..benchmark.comparing.compare import PairTest, RunComparison
from ..benchmark.comparing.ranking import AT_LEVEL, Ranking, rank
from ..core.files import write_atomic
from ..core.pages import render_page
from ..metrics.base import Value
from .breakdowns import LABEL_LENGTH, GroupMean
from .charts import ChartFigure, dot_plot
from .formatting import (
    explain_spread,
    format_difference,
    format_p,
    format_range,
    format_uncertainty,
    format_value,
    shorten,
    unit_of,
)


@dataclass(frozen=True)
class Cell:
    """A run's value of a metric, formatted.

    Attributes:
        value: None if the run was not scored with the metric.
        number: The value as text.
        uncertainty: Its interval, its spread, both or a dash.
        mark: ``"best"``, ``"tied for best"`` or ``""``.
    """

    value: Value | None
    number: str
    uncertainty: str
    mark: str


@dataclass(frozen=True)
class PairLine:
    """A paired test, formatted."""

    test: PairTest
    difference: str
    interval: str
    p_value: str
    p_holm: str
    verdict: str


@dataclass(frozen=True)
class MetricColumn:
    """One metric of a comparison.

    Attributes:
        name: The metric.
        unit: Its unit, or ``""``.
        higher_is_better: Its direction.
        verdict: Which run is best, in a sentence.
        cells: One per run.
        pairs: Its paired tests.
        recipes: The different recipes among the runs.
    """

    name: str
    unit: str
    higher_is_better: bool
    verdict: str
    cells: tuple[Cell, ...]
    pairs: tuple[PairLine, ...]
    recipes: tuple[str, ...]


def write_comparison(comparison: RunComparison, path: Path) -> Path:
    """Write the page of a comparison; equal comparisons give equal bytes.

    Args:
        comparison: Two runs or more.
        path: The HTML file to write.

    Raises:
        TpgbenchError: It cannot be written.
    """
    columns = [_column(comparison, metric) for metric in comparison.metrics]
    context = {
        "comparison": comparison,
        "columns": columns,
        "figures": [
            figure
            for position, column in enumerate(columns)
            if (figure := _figure(comparison, column, position)) is not None
        ],
        "at_level": AT_LEVEL,
        "spread": explain_spread(
            [value for run in comparison.runs for value in run.result.metrics]
        ),
    }
    write_atomic(path, render_page(__package__, "comparison.html", context))
    return path


def _column(comparison: RunComparison, metric: str) -> MetricColumn:
    ranking = rank(comparison, metric)
    values = [run.result.find(metric) for run in comparison.runs]
    known = [value for value in values if value is not None]
    return MetricColumn(
        name=metric,
        unit=unit_of(metric),
        higher_is_better=known[0].higher_is_better,
        verdict=ranking.verdict,
        cells=tuple(
            _cell(value, run.label, ranking)
            for value, run in zip(values, comparison.runs, strict=True)
        ),
        pairs=tuple(_pair(test) for test in comparison.tests if test.metric == metric),
        recipes=tuple(dict.fromkeys(value.recipe for value in known)),
    )


def _cell(value: Value | None, label: str, ranking: Ranking) -> Cell:
    if value is None:
        return Cell(None, "", "", "")
    mark = "tied for best" if ranking.mark(label) == "tied" else ranking.mark(label)
    return Cell(value, format_value(value), format_uncertainty(value), mark)


def _pair(test: PairTest) -> PairLine:
    verdicts = {
        "a": f"{test.a} is better",
        "b": f"{test.b} is better",
        "tie": "no significant difference",
        "not comparable": f"not comparable: {test.reason}",
    }
    return PairLine(
        test=test,
        difference=format_difference(test.difference, test.interval),
        interval=format_range(test.interval),
        p_value=format_p(test.p_value),
        p_holm=format_p(test.p_holm),
        verdict=verdicts[test.verdict],
    )


def _figure(comparison: RunComparison, column: MetricColumn, position: int) -> ChartFigure | None:
    """Return the runs' values as a chart, or None if there are none or the recipes differ."""
    computed = [cell for cell in column.cells if cell.value and cell.value.value is not None]
    if len(column.recipes) > 1 or not computed:
        return None
    groups = [
        GroupMean(
            label=shorten(run.label, LABEL_LENGTH),
            n=cell.value.n,
            mean=cell.value.value,
            interval=cell.value.interval,
        )
        for run, cell in zip(comparison.runs, column.cells, strict=True)
        if cell.value is not None
    ]
    axis = f"{column.name} ({column.unit})" if column.unit else column.name
    ranged = any(group.interval is not None for group in groups)
    what = "Mean with 95 % interval" if ranged else "Value, without an interval"
    better = "higher" if column.higher_is_better else "lower"
    return ChartFigure(
        svg=dot_plot(groups, axis=axis, name=f"runs-{position}"),
        title=column.name,
        caption=f"{what}; {better} is better.",
    )
