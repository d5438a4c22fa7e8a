"""The values of an earlier scoring, which stay if they are of the very same images and data."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from ...core.errors import TpgbenchError
from ...metrics.base import Value
from ...metrics.engine.measurement import MeasuredSample
from ..run.store import RunStore
from .pairs import RunEntry
from .table import ScoredSample, read_earlier_scores


@dataclass(frozen=True)
class Earlier:
    """What an earlier scoring left.

    Attributes:
        inputs_sha256: Of what it scored: see `digest_inputs`; None where it does not say so.
        values: Its values.
        rows: Its scores by sample.
    """

    inputs_sha256: str | None = None
    values: tuple[Value, ...] = ()
    rows: tuple[ScoredSample, ...] = field(default=(), repr=False)

    @classmethod
    def read(cls, store: RunStore) -> Earlier:
        """Read what is there; nothing where there is nothing sound."""
        if not store.result_path.exists():
            return cls()
        try:
            result = store.read_result()
            rows = read_earlier_scores(store, result)
            return cls(result.inputs_sha256, result.metrics, tuple(rows))
        except TpgbenchError:
            return cls()

    def without(self, names: Collection[str]) -> Earlier:
        """Return it without the values of some names."""
        values = tuple(value for value in self.values if value.name not in names)
        return dataclasses.replace(self, values=values)

    def merge_values(self, values: Sequence[Value]) -> tuple[Value, ...]:
        """Return the values of both: new ones in the place of old ones, others after them."""
        fresh = {value.name: value for value in values}
        merged = {value.name: fresh.get(value.name, value) for value in self.values}
        return tuple((merged | fresh).values())

    def merge_rows(self, rows: Sequence[ScoredSample]) -> list[ScoredSample]:
        """Return the scores of both, by sample; the samples are the same."""
        if not self.values:
            return list(rows)
        return [
            dataclasses.replace(row, scores={**old.scores, **row.scores})
            for old, row in zip(self.rows, rows, strict=True)
        ]


def digest_inputs(context: str, samples: Sequence[MeasuredSample]) -> str:
    """Return what tells the inputs of a scoring from others.

    Args:
        context: What the scores of all samples depend on: the data and the frame.
        samples: The samples.
    """
    images = [
        (sample.entry.sample_id, entry.digest if isinstance(entry, RunEntry) else "", sample.error)
        for sample in samples
        for entry in [sample.entry]
    ]
    return hashlib.sha256(json.dumps([context, images]).encode()).hexdigest()
