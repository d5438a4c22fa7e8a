"""The page of a run: one self-contained file with its values and its samples."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..benchmark.run.identity import RunRecord
from ..benchmark.run.store import RunStore
from ..benchmark.scoring.table import ScoredSample, read_scores
from ..core.files import write_atomic
from ..core.pages import render_page
from ..datasets_builders.base import Dataset
from ..metrics.base import Value
from .breakdowns import Breakdown, find_breakdowns
from .cards import make_grid
from .charts import ChartFigure, dot_plot, histogram, trend
from .formatting import (
    FEW_SAMPLES,
    explain_values,
    format_number,
    format_range,
    format_uncertainty,
    format_value,
    unit_of,
)
from .provenance import provenance, reproduce_command
from .thumbnails import PhotoAlbum


@dataclass(frozen=True)
class MetricLine:
    """One line of the table of results.

    Attributes:
        value: The metric's value.
        unit: Its unit, or ``""``.
        number: The value as text.
        uncertainty: Its interval, its spread, both or a dash.
        few: Whether it rests on fewer than `FEW_SAMPLES` samples.
    """

    value: Value
    unit: str
    number: str
    uncertainty: str
    few: bool

    @property
    def axis(self) -> str:
        """The metric's name with its unit, for an axis."""
        return f"{self.value.name} ({self.unit})" if self.unit else self.value.name


@dataclass(frozen=True)
class BreakdownSection:
    """The charts of a breakdown, and the same numbers as a table.

    Attributes:
        title: What the samples are grouped by.
        figures: One per metric.
        header: The metrics.
        table: Per group its label, its size, and one mean with interval per metric.
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
        dataset: Source of the garments, masks and ground truths; None if unavailable: the page
            then shows only the generated images.
        max_samples: At most so many scored samples are shown, the worst by the first metric, and
            at most so many failed ones.
        image_paths: The images by sample id, for external images.

    Returns:
        The page's path.

    Raises:
        TpgbenchError: The run was not scored, or cannot be read or written.
    """
    record, result = store.read_record(), store.read_result()
    rows = read_scores(store)

    def image_path(sample_id: str) -> Path | None:
        if image_paths is None:
            return store.image_path(sample_id)
        return image_paths.get(sample_id)

    photo_notice = _photo_notice(dataset, record)
    album = PhotoAlbum(None if photo_notice else dataset, record, len(rows))
    lines = [_line(value) for value in result.metrics]
    drawn = _drawn(lines, rows)
    context = {
        "record": record,
        "result": result,
        "lines": lines,
        "few_samples": FEW_SAMPLES,
        "command": reproduce_command(record, result),
        "explanations": explain_values(result.metrics, {line.value.name for _, line in drawn}),
        "histograms": [_histogram(line, rows, position) for position, line in drawn],
        "breakdowns": [_breakdown(b, drawn, rows) for b in find_breakdowns(rows)],
        "grid": make_grid(rows, result.metrics, album, image_path, max_samples=max_samples),
        "photo_notice": photo_notice,
        "provenance": provenance(record),
    }
    write_atomic(store.report_path, render_page(__package__, "report.html", context))
    return store.report_path


def _photo_notice(dataset: Dataset | None, record: RunRecord) -> str | None:
    """Return why the page shows no photos, or None if it does."""
    if dataset is None:
        return (
            "The dataset was unavailable when this page was made, so the page shows only the "
            "generated images."
        )
    if dataset.fingerprint != record.identity.dataset_fingerprint:
        return (
            "The dataset found is not the one of this run (its fingerprint differs), so the page "
            "shows only the generated images."
        )
    return None


def _line(value: Value) -> MetricLine:
    return MetricLine(
        value=value,
        unit=unit_of(value.name),
        number=format_value(value),
        uncertainty=format_uncertainty(value),
        few=value.value is not None and value.n < FEW_SAMPLES,
    )


def _drawn(
    lines: Sequence[MetricLine], rows: Sequence[ScoredSample]
) -> list[tuple[int, MetricLine]]:
    """Return the metrics that have a value and scores per sample, each with its position.

    A metric of whole sets has no scores per sample.
    """
    return [
        (position, line)
        for position, line in enumerate(lines)
        if line.value.value is not None and any(line.value.name in row.scores for row in rows)
    ]


def _histogram(line: MetricLine, rows: Sequence[ScoredSample], position: int) -> ChartFigure:
    scores = [row.score(line.value.name) for row in rows]
    finite = [score for score in scores if math.isfinite(score)]
    value = line.value
    caption = f"{len(finite):,} samples, mean {line.number} {line.unit}".strip()
    if value.interval is not None:
        caption += f" (band: 95 % interval, {format_range(value.interval)})"
    if finite:
        caption += ", range " + " to ".join(
            format_number(end, value.interval) for end in (min(finite), max(finite))
        )
    if value.infinite:
        caption += f"; {value.infinite:,} infinite, not drawn"
    svg = histogram(
        finite,
        axis=line.axis,
        mean=value.value,
        interval=value.interval,
        name=f"histogram-{position}",
    )
    return ChartFigure(svg, value.name, f"{caption}.")


def _breakdown(
    breakdown: Breakdown, drawn: Sequence[tuple[int, MetricLine]], rows: Sequence[ScoredSample]
) -> BreakdownSection:
    means = [breakdown.means(rows, line.value.name) for _, line in drawn]
    figures = []
    for (position, line), groups in zip(drawn, means, strict=True):
        name = f"{breakdown.title}-{position}"
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
                    format_number(groups[index].mean, groups[index].interval),
                    format_range(groups[index].interval),
                )
                for groups in means
            ),
        )
        for index, (label, members) in enumerate(breakdown.groups)
    )
    header = tuple(line.axis for _, line in drawn)
    return BreakdownSection(breakdown.title, tuple(figures), header, table)
