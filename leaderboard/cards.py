"""The grid of samples: which are shown, what each card shows, and the data of the filters."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..benchmark.scoring.table import ScoredSample
from ..metrics.base import Value
from .breakdowns import number_in
from .formatting import format_number, shorten
from .thumbnails import PhotoAlbum, Picture, output_picture

_LONGEST = 200  # characters of any text from the data that a card shows


@dataclass(frozen=True)
class SampleCard:
    """One sample as the grid shows it.

    Attributes:
        sample_id: The row's id, shortened.
        caption: The dataset's description, shortened, or None.
        error: Why it failed, or None.
        note: What went wrong with its photos, or None.
        pictures: Garment, mask, ground truth and output, as far as they are available.
        scores: Metric and score, as text.
        facts: The simple values among the dataset's facts, as text.
        severity: How distorted the photo is, as text; ``""`` if unknown.
        search: The text that the filter searches, in lower case.
    """

    sample_id: str
    caption: str | None
    error: str | None
    note: str | None
    pictures: tuple[Picture, ...]
    scores: tuple[tuple[str, str], ...]
    facts: tuple[tuple[str, str], ...]
    severity: str
    search: str


@dataclass(frozen=True)
class SampleGrid:
    """The grid and its filter.

    Attributes:
        cards: Worst first by the first metric.
        notice: How many samples are left out, or None if none are.
        severities: The options of the severity filter, lowest first.
        sorts: The names of the sort orders.
        data: For the page's script: ``orders`` holds the cards' positions for each of ``sorts``,
            ``samples`` what the filters look at, for each card.
    """

    cards: tuple[SampleCard, ...]
    notice: str | None
    severities: tuple[str, ...]
    sorts: tuple[str, ...]
    data: Mapping[str, Any]


def make_grid(
    rows: Sequence[ScoredSample],
    values: Sequence[Value],
    album: PhotoAlbum,
    image_path: Callable[[str], Path | None],
    *,
    max_samples: int,
) -> SampleGrid:
    """Choose the samples to show and gather what their cards say.

    Args:
        rows: All samples of the run, in the dataset's order.
        values: The run's metrics; the first with scores per sample decides which samples are worst.
        album: The photos.
        image_path: Where a sample's generated image is; None where it has none.
        max_samples: How many scored samples to show at most, and how many failed ones.
    """
    scored = [
        value
        for value in values
        if not value.not_computed and any(value.name in row.scores for row in rows)
    ]
    kept = _choose(rows, scored, max_samples)
    shown = [rows[index] for index in kept]
    cards = tuple(_card(row, scored, album, image_path(row.sample_id)) for row in shown)
    orders = [
        worst_first(shown, value.name, higher_is_better=value.higher_is_better) for value in scored
    ]
    in_dataset = sorted(range(len(kept)), key=kept.__getitem__)
    severities = {
        severity for row in shown if (severity := number_in(row.facts, "severity")) is not None
    }
    return SampleGrid(
        cards=cards,
        notice=_notice(rows, shown, scored),
        severities=tuple(f"{severity:g}" for severity in sorted(severities)),
        sorts=(*(f"worst {value.name}" for value in scored), "dataset order"),
        data={
            "orders": [*orders, in_dataset],
            "samples": [
                {
                    "search": card.search,
                    "severity": card.severity,
                    "status": "ok" if card.error is None else "failed",
                }
                for card in cards
            ],
        },
    )


def _choose(rows: Sequence[ScoredSample], scored: Sequence[Value], limit: int) -> list[int]:
    """Return the indices of the rows to show: failed ones, then the worst of the others."""
    order = list(range(len(rows)))
    if scored:
        order = worst_first(rows, scored[0].name, higher_is_better=scored[0].higher_is_better)
    failed = [index for index in order if rows[index].error is not None]
    others = [index for index in order if rows[index].error is None]
    return failed[:limit] + others[:limit]


def _notice(
    rows: Sequence[ScoredSample], shown: Sequence[ScoredSample], scored: Sequence[Value]
) -> str | None:
    if len(shown) == len(rows):
        return None
    failed = sum(row.error is not None for row in rows)
    shown_failed = sum(row.error is not None for row in shown)
    worst = f"worst by {scored[0].name}" if scored else "first"
    parts = [f"the {len(shown) - shown_failed:,} {worst} of {len(rows) - failed:,} samples"]
    if failed:
        parts.append(f"{shown_failed:,} of {failed:,} that failed")
    return f"To keep the page small, it shows {' and '.join(parts)}."


def _card(
    row: ScoredSample, scored: Sequence[Value], album: PhotoAlbum, path: Path | None
) -> SampleCard:
    photo = album.look_up(row.sample_id)
    facts = tuple(
        (shorten(str(key), 40), shorten(_fact(value), _LONGEST))
        for key, value in row.facts.items()
        if isinstance(value, str | int | float)
    )
    severity = number_in(row.facts, "severity")
    caption = shorten(photo.caption or "", _LONGEST) or None
    sample_id = shorten(row.sample_id, _LONGEST)
    error = None if row.error is None else shorten(row.error, 2 * _LONGEST) or "no reason given"
    return SampleCard(
        sample_id=sample_id,
        caption=caption,
        error=error,
        note=photo.problem,
        pictures=(*photo.pictures, output_picture(path)),
        scores=tuple(
            (value.name, format_number(row.score(value.name), value.interval)) for value in scored
        ),
        facts=facts,
        severity="" if severity is None else f"{severity:g}",
        search=" ".join([sample_id, caption or "", *(text for _, text in facts)]).lower(),
    )


def worst_first(rows: Sequence[ScoredSample], metric: str, *, higher_is_better: bool) -> list[int]:
    """Return the indices of the rows: failed ones, then worst to best, then those without score.

    Args:
        rows: The samples.
        metric: The metric to sort by.
        higher_is_better: The metric's direction.
    """

    def key(index: int) -> tuple[int, float]:
        row = rows[index]
        score = row.score(metric)
        if row.error is not None:
            return 0, 0.0
        if math.isnan(score):
            return 2, 0.0
        return 1, score if higher_is_better else -score

    return sorted(range(len(rows)), key=key)


def _fact(value: str | float) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.3g}" if isinstance(value, float) else str(value)
