"""The scored samples of a run, and which of them are worst."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..benchmark.run.store import RunStore
from ..benchmark.scoring.table import read_scores
from ..core.errors import TpgbenchError

_FACTS = ("sample_id", "garment_id", "error", "meta")


@dataclass(frozen=True)
class ScoredRow:
    """One sample of a run.

    Attributes:
        sample_id: The row's id.
        garment_id: Rows of one garment share it.
        error: Why it failed, or None.
        meta: The dataset's own facts.
        scores: One number a metric, in the order asked for; NaN where it is not defined.
    """

    sample_id: str
    garment_id: str
    error: str | None
    meta: Mapping[str, Any]
    scores: tuple[float, ...]


def read_rows(store: RunStore, metrics: Sequence[str]) -> list[ScoredRow]:
    """Read the scores of a run, in the order of the dataset.

    Raises:
        TpgbenchError: The run was not scored, or its table is damaged.
    """
    table = read_scores(store)
    if not set(_FACTS) <= set(table.columns):
        raise TpgbenchError(f"{store.scores_path}: not a table of scores; score the run again")
    columns = [
        table[name].astype(float).tolist() if name in table else [math.nan] * len(table)
        for name in metrics
    ]
    return [
        ScoredRow(
            sample_id=str(sample_id),
            garment_id=str(garment_id),
            error=error if isinstance(error, str) else None,
            meta=_read_meta(meta, store),
            scores=tuple(column[index] for column in columns),
        )
        for index, (sample_id, garment_id, error, meta) in enumerate(
            zip(*(table[name] for name in _FACTS), strict=True)
        )
    ]


def worst_first(rows: Sequence[ScoredRow], column: int, *, higher_is_better: bool) -> list[int]:
    """Return the indices of the rows: failed ones, then worst to best, then those without score.

    Args:
        rows: The samples.
        column: Which of their scores to sort by.
        higher_is_better: The metric's direction.
    """

    def key(index: int) -> tuple[int, float]:
        row = rows[index]
        score = row.scores[column]
        if row.error is not None:
            return 0, 0.0
        if math.isnan(score):
            return 2, 0.0
        return 1, score if higher_is_better else -score

    return sorted(range(len(rows)), key=key)


def _read_meta(text: object, store: RunStore) -> Mapping[str, Any]:
    if not isinstance(text, str):
        return {}
    try:
        meta = json.loads(text)
    except ValueError as error:
        raise TpgbenchError(
            f"{store.scores_path}: its meta column is no JSON ({error}); score the run again"
        ) from error
    return meta if isinstance(meta, dict) else {}
