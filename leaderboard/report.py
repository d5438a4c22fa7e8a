"""A run's page: one self-contained file that shows the numbers and the samples behind them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..benchmark.run.identity import RunRecord
from ..benchmark.run.store import RunStore
from ..core.files import write_atomic
from ..core.pages import render_page
from ..datasets_builders.base import Dataset
from ..metrics.base import Value
from .cards import make_grid
from .charts import ChartFigure, dot_plot, histogram, trend
from .formatting import (
    FEW_SAMPLES,
    format_interval,
    format_number,
    format_range,
    format_value,
    unit_of,
)
from .groups import Breakdown, find_breakdowns
from .manifest import manifest, reproduce_command
from .samples import ScoredRow, read_rows
from .thumbnails import PhotoAlbum


@dataclass(frozen=True)
class MetricLine:
    """One line of the headline table: a metric's value, its texts ready to show."""

    value: Value
    unit: str
    number: str
    interval: str
    few: bool

    @property
    def axis(self) -> str:
        """The metric's name with its unit, for an axis."""
        return f"{self.value.name} ({self.unit})" if self.unit else self.value.name


@dataclass(frozen=True)
class BreakdownSection:
    """A breakdown's charts, and the same numbers as a table.

    Attributes:
        title: What divides the samples.
        figures: One a metric.
        header: The metrics.
        table: Group, its size, and one mean with interval a metric.
    """

    title: str
    figures: tuple[ChartFigure, ...]
    header: tuple[str, ...]
    table: tuple[tuple[str, int, tuple[tuple[str, str], ...]], ...]


def write_report(
    store: RunStore,
    dataset: Dataset | None,
    *,
    max_samples: int = 200,
    image_paths: Mapping[str, Path] | None = None,
) -> Path:
    """Write `report.html` of a scored run; equal runs give equal bytes.

    Args:
        store: The run directory.
        dataset: Gives the samples' garments, masks and truths; None if it is not at hand, and
            then the page shows the generated images alone.
        max_samples: How many scored samples the page shows at most, the worst by the first
            metric; and how many failed ones.
        image_paths: The generated image by sample id, for images made elsewhere.

    Returns:
        The page's path.

    Raises:
        TpgbenchError: The run was not scored, or cannot be read or written.
    """
    record, result = store.read_record(), store.read_result()
    rows = read_rows(store, [value.name for value in result.metrics])

    def image_path(sample_id: str) -> Path | None:
        if image_paths is None:
            return store.image_path(sample_id)
        return image_paths.get(sample_id)

    photo_notice = _photo_notice(dataset, record)
    album = PhotoAlbum(None if photo_notice else dataset, record, len(rows))
    lines = [_line(value) for value in result.metrics]
    context = {
        "record": record,
        "result": result,
        "lines": lines,
        "few_samples": FEW_SAMPLES,
        "command": reproduce_command(record, result),
        "histograms": [_histogram(line, rows, column) for column, line in _drawn(lines, rows)],
        "breakdowns": [_breakdown(b, lines, rows) for b in find_breakdowns(rows)],
        "grid": make_grid(rows, result.metrics, album, image_path, max_samples=max_samples),
        "photo_notice": photo_notice,
        "manifest": manifest(record),
    }
    write_atomic(store.report_path, render_page(__package__, "report.html", context))
    return store.report_path


def _photo_notice(dataset: Dataset | None, record: RunRecord) -> str | None:
    """Return why the page shows no photos, or None if it does."""
    if dataset is None:
        return (
            "The dataset's photos were not at hand when this page was made, so it shows the "
            "generated images only."
        )
    if dataset.fingerprint != record.identity.dataset_fingerprint:
        return (
            "The dataset at hand is not the one of this run (its fingerprint differs), so the "
            "page shows the generated images only."
        )
    return None


def _line(value: Value) -> MetricLine:
    return MetricLine(
        value=value,
        unit=unit_of(value.name),
        number=format_value(value),
        interval=format_interval(value),
        few=value.value is not None and value.n < FEW_SAMPLES,
    )


def _drawn(lines: Sequence[MetricLine], rows: Sequence[ScoredRow]) -> list[tuple[int, MetricLine]]:
    """Return the metrics that have a value and scores to draw, each with its column.

    A metric of whole sets has no scores.
    """
    return [
        (column, line)
        for column, line in enumerate(lines)
        if line.value.value is not None and not all(math.isnan(row.scores[column]) for row in rows)
    ]


def _histogram(line: MetricLine, rows: Sequence[ScoredRow], column: int) -> ChartFigure:
    scores = [row.scores[column] for row in rows]
    finite = [score for score in scores if math.isfinite(score)]
    value = line.value
    caption = f"{len(finite):,} samples, mean {line.number} {line.unit}".strip()
    if value.interval is not None:
        caption += f" (band: 95 % interval, {line.interval})"
    if finite:
        caption += ", from " + " to ".join(
            format_number(end, value.interval) for end in (min(finite), max(finite))
        )
    if value.infinite:
        caption += f"; {value.infinite:,} infinite, not drawn"
    svg = histogram(
        finite,
        axis=line.axis,
        mean=value.value,
        interval=value.interval,
        name=f"histogram-{column}",
    )
    return ChartFigure(svg, value.name, f"{caption}.")


def _breakdown(
    breakdown: Breakdown, lines: Sequence[MetricLine], rows: Sequence[ScoredRow]
) -> BreakdownSection:
    computed = _drawn(lines, rows)
    means = [breakdown.means(rows, column) for column, _ in computed]
    figures = []
    for (column, line), groups in zip(computed, means, strict=True):
        name = f"{breakdown.title}-{column}"
        if breakdown.ordered:
            svg = trend(groups, axis=breakdown.title, metric=line.axis, name=name)
        else:
            svg = dot_plot(groups, axis=line.axis, name=name)
        better = "higher" if line.value.higher_is_better else "lower"
        caption = f"Mean by {breakdown.title} with 95 % intervals; {better} is better."
        figures.append(ChartFigure(svg, line.value.name, caption))
    table = tuple(
        (
            label,
            len(members),
            tuple(
                (
                    format_number(groups[position].mean, groups[position].interval),
                    format_range(groups[position].interval),
                )
                for groups in means
            ),
        )
        for position, (label, members) in enumerate(breakdown.groups)
    )
    header = tuple(line.axis for _, line in computed)
    return BreakdownSection(breakdown.title, tuple(figures), header, table)
