"""The rows that SLDDM-TPG trains on: garment, mask and pattern, fitted to one frame."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from ...benchmark.fit import fit_sample, fit_truth
from ...benchmark.model import MODELS, Model
from ...datasets_builders.base import Track
from ..training.blocks import Array
from ..training.dataset_rows import DatasetRows


@dataclass(frozen=True)
class TpgRows(DatasetRows):
    """Rows of a dataset of the task ``tpg``, fitted as the harness fits them.

    Each row holds ``garment`` and ``pattern``, uint8 (3, size, size); ``mask``, uint8
    (1, size, size), 0 or 1; ``labelled``, bool (): without a label the pattern is black. With
    ``filler`` also ``fill``, uint8 (3, size, size): the output of that model.

    Attributes:
        fit: As in the harness.
        filler: A weight-free model by its registered name, or None.
    """

    task = "tpg"

    fit: str = "box"
    filler: str | None = None

    @property
    def track(self) -> Track:
        """The track of the dataset: which pattern is its ground truth."""
        return self.open().track

    def further_identity(self) -> dict[str, Any]:
        """Return the version of the filler."""
        if self.filler is None:
            return {}
        return {"filler": [self.filler, MODELS.get(self.filler).version]}

    def read(self, index: int) -> Mapping[str, Array]:
        """Return one row.

        Raises:
            TpgbenchError: It cannot be read or fitted.
        """
        row = self.row(index)
        sample = fit_sample(row, size=self.size, fit=self.fit, track=self.track)
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


@lru_cache(maxsize=1)
def _filler(name: str) -> Model:
    model = MODELS.get(name)
    return model(model.config_type())
