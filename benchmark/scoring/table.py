"""`scores.parquet`: one row per sample, one column per metric or named value of a metric."""

from __future__ import annotations

import hashlib
import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ...core.errors import TpgbenchError
from ...core.files import write_atomic
from ..run.results import Result
from ..run.store import RunStore

_INPUTS = "inputs_sha256"
_FACTS = ("sample_id", "garment_id", "error", "meta")


@dataclass(frozen=True)
class ScoredSample:
    """One row of the table.

    Attributes:
        sample_id: The row's id.
        garment_id: Samples of one garment share it; statistics draw garments, not samples.
        error: Why it has no scores, or None.
        meta: What the dataset says about it, as JSON.
        scores: The scores by column; one that is not defined for this sample is left out.
    """

    sample_id: str
    garment_id: str
    error: str | None
    meta: str
    scores: Mapping[str, float]

    def score(self, column: str) -> float:
        """Return the score in a column, NaN where it is not defined."""
        return self.scores.get(column, math.nan)

    @cached_property
    def facts(self) -> Mapping[str, Any]:
        """What the dataset says about the sample; empty if ``meta`` is no JSON object.

        Raises:
            ValueError: ``meta`` is no JSON.
        """
        facts = json.loads(self.meta)
        return facts if isinstance(facts, dict) else {}


def write_scores(
    store: RunStore, rows: Sequence[ScoredSample], metrics: Sequence[str], inputs_sha256: str
) -> str:
    """Write the table and return its SHA-256; equal rows give equal bytes.

    Args:
        store: The run, locked.
        rows: The samples, in the order of the dataset.
        metrics: The columns of scores.
        inputs_sha256: As of `Result`; the table holds it, too.
    """
    columns: dict[str, pa.Array] = {
        "sample_id": pa.array([row.sample_id for row in rows], pa.string()),
        "garment_id": pa.array([row.garment_id for row in rows], pa.string()),
        "error": pa.array([row.error for row in rows], pa.string()),
        "meta": pa.array([row.meta for row in rows], pa.string()),
    }
    for metric in metrics:
        columns[metric] = pa.array([row.scores.get(metric) for row in rows], pa.float64())
    table = pa.table(columns).replace_schema_metadata({_INPUTS: inputs_sha256})
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    write_atomic(store.scores_path, buffer.getvalue())
    return hashlib.sha256(buffer.getvalue()).hexdigest()


def read_scores(store: RunStore) -> list[ScoredSample]:
    """Read the table, in the order of the dataset.

    Raises:
        TpgbenchError: The run was not scored, the file is damaged, or `result.json` is of another
            scoring (its process died between the two).
    """
    result = store.read_result()
    table, digest = _read(store)
    if result.scores_sha256 not in (None, digest):
        raise TpgbenchError(
            f"{store.path}: scores.parquet and result.json are of two scorings; run 'tpgbench "
            f"score {store.path}' again"
        )
    return _rows(table, result, store)


def read_earlier_scores(store: RunStore, result: Result) -> list[ScoredSample]:
    """Read the scores that belong to a result, or to a later scoring of the very same inputs.

    Args:
        store: The run, locked.
        result: Its `result.json`.

    Raises:
        TpgbenchError: The file is damaged, or of other inputs.
    """
    table, _ = _read(store)
    inputs = (table.schema.metadata or {}).get(_INPUTS.encode(), b"").decode()
    if inputs != result.inputs_sha256:
        raise TpgbenchError(f"{store.scores_path}: is of another scoring; score the run again")
    return _rows(table, result, store)


def _read(store: RunStore) -> tuple[pa.Table, str]:
    """Return the table and its SHA-256."""
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
    return table, hashlib.sha256(content).hexdigest()


def _rows(table: pa.Table, result: Result, store: RunStore) -> list[ScoredSample]:
    metrics = [one.name for one in result.metrics if one.name in table.column_names]
    numeric = all(pa.types.is_floating(table.schema.field(name).type) for name in metrics)
    if not numeric or not set(_FACTS) <= set(table.column_names):
        raise TpgbenchError(f"{store.scores_path}: not a table of scores; score the run again")
    return [_scored_sample(row, metrics, store) for row in table.to_pylist()]


def _scored_sample(row: Mapping[str, Any], metrics: Sequence[str], store: RunStore) -> ScoredSample:
    error = row["error"]
    sample = ScoredSample(
        sample_id=str(row["sample_id"]),
        garment_id=str(row["garment_id"]),
        error=error if isinstance(error, str) else None,
        meta=row["meta"] if isinstance(row["meta"], str) else "{}",
        scores={
            name: row[name]
            for name in metrics
            if row[name] is not None and not math.isnan(row[name])
        },
    )
    try:
        _ = sample.facts
    except ValueError as error:
        raise TpgbenchError(
            f"{store.scores_path}: its meta column is no JSON ({error}); score the run again"
        ) from error
    return sample
