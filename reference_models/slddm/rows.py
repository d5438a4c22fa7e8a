"""The rows that SLDDM-TPG trains on: garment, mask and pattern in the frame of comparison."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache

import numpy as np

from ...benchmark.fit import fit_sample, fit_truth
from ...benchmark.model import MODELS, Model
from ...datasets_builders.base import Dataset
from ...datasets_builders.load import open_dataset
from ...errors import TpgbenchError
from ..training.blocks import Array, RowSource


@dataclass(frozen=True)
class TpgRows(RowSource):
    """Rows of a dataset of the task ``tpg``, fitted as the harness fits them.

    Each row holds ``garment`` and ``pattern``, uint8 (3, size, size); ``mask``, uint8
    (1, size, size), 0 or 1; ``labelled``, bool (): without a label the pattern is black. With
    ``filler`` also ``fill``, uint8 (3, size, size): what that model makes of the garment.

    Attributes:
        dataset: A registered name or a folder.
        split: Which of its splits.
        size: Side in pixels.
        fit: As in the harness.
        seed: Of a procedural dataset.
        filler: A weight-free model by its registered name, or None.
    """

    dataset: str
    split: str
    size: int
    fit: str = "box"
    seed: int = 0
    filler: str | None = None

    @property
    def identity(self) -> str:
        """What determines the rows, the versions of the renderer and the filler included."""
        facts = asdict(self) | {"dataset": _open(self).fingerprint}
        if self.filler is not None:
            facts["filler"] = [self.filler, MODELS.get(self.filler).version]
        return json.dumps(facts, sort_keys=True)

    def count(self) -> int | None:
        """Return how many rows there are, or None if there is no end."""
        try:
            return len(_open(self))
        except TpgbenchError:
            return None

    def read(self, index: int) -> Mapping[str, Array]:
        """Return one row; a split that has an end begins again after it.

        Raises:
            TpgbenchError: It cannot be read or fitted.
        """
        count = _count(self)
        row = _open(self)[index if count is None else index % count]
        sample = fit_sample(row, size=self.size, fit=self.fit)
        truth = fit_truth(row, size=self.size, fit=self.fit)
        arrays = {
            "garment": _planes(sample.garment),
            "mask": sample.mask[None].astype(np.uint8),
            "pattern": np.zeros_like(_planes(sample.garment)) if truth is None else _planes(truth),
            "labelled": np.array(truth is not None),
        }
        if self.filler is not None:
            (fill,) = _filler(self.filler).generate([sample], [0])
            arrays["fill"] = _planes(fill)
        return arrays


def _planes(image: Array) -> Array:
    return np.ascontiguousarray(image.transpose(2, 0, 1))


@lru_cache(maxsize=8)
def _open(rows: TpgRows) -> Dataset:
    return open_dataset(rows.dataset, rows.split, size=rows.size, seed=rows.seed)


@lru_cache(maxsize=8)
def _count(rows: TpgRows) -> int | None:
    return rows.count()


@lru_cache(maxsize=1)
def _filler(name: str) -> Model:
    model = MODELS.get(name)
    return model(model.config_type())
