"""`scores.parquet`: one row per sample, one column per metric."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from ...core.errors import TpgbenchError
from ...core.files import write_atomic
from ..run.store import RunStore

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class ScoredSample:
    """One row of the table.

    Attributes:
        sample_id: The row's id.
        garment_id: Samples of one garment share it; statistics draw garments, not samples.
        error: Why it has no scores, or None.
        meta: The dataset's facts on it, as JSON.
        scores: One number per metric; a metric that is not defined here is left out.
    """

    sample_id: str
    garment_id: str
    error: str | None
    meta: str
    scores: Mapping[str, float]


def write_scores(store: RunStore, rows: Sequence[ScoredSample], metrics: Sequence[str]) -> str:
    """Write the table and return its SHA-256; equal rows give equal bytes."""
    columns: dict[str, pa.Array] = {
        "sample_id": pa.array([row.sample_id for row in rows], pa.string()),
        "garment_id": pa.array([row.garment_id for row in rows], pa.string()),
        "error": pa.array([row.error for row in rows], pa.string()),
        "meta": pa.array([row.meta for row in rows], pa.string()),
    }
    for metric in metrics:
        columns[metric] = pa.array([row.scores.get(metric) for row in rows], pa.float64())
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer, compression="zstd")
    write_atomic(store.scores_path, buffer.getvalue())
    return hashlib.sha256(buffer.getvalue()).hexdigest()


def read_scores(store: RunStore) -> pd.DataFrame:
    """Read the table; absent scores are NaN.

    Raises:
        TpgbenchError: The run was not scored, the file is damaged, or `result.json` is of another
            scoring (its process died between the two).
    """
    result = store.read_result()
    try:
        # From bytes: given a path, pyarrow looks for partitions in the names of its folders.
        content = store.scores_path.read_bytes()
        table = pq.read_table(io.BytesIO(content))
    except FileNotFoundError:
        raise TpgbenchError(
            f"{store.path}: not scored yet; run 'tpgbench score {store.path}' first"
        ) from None
    except (OSError, pa.ArrowException) as error:
        raise TpgbenchError(
            f"{store.scores_path}: cannot be read ({error}); score the run again"
        ) from error
    if result.scores_sha256 not in (None, hashlib.sha256(content).hexdigest()):
        raise TpgbenchError(
            f"{store.path}: scores.parquet and result.json are of two scorings; run 'tpgbench "
            f"score {store.path}' again"
        )
    lacking = {"sample_id", "garment_id", "error", "meta"} - set(table.column_names)
    numbers = [
        table.schema.field(one.name).type
        for one in result.metrics
        if one.name in table.column_names
    ]
    if lacking or not all(map(pa.types.is_floating, numbers)):
        raise TpgbenchError(f"{store.scores_path}: not a table of scores; score the run again")
    frame: pd.DataFrame = table.to_pandas()
    return frame
