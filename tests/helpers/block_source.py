"""Rows for the tests of blocks, in a module that worker processes can import."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tpgbench.reference_models.training.blocks import Array, RowSource


@dataclass(frozen=True)
class Counted(RowSource):
    """Ten rows, and notes on how often each was made."""

    notes: Path
    deadly: bool = False

    @property
    def identity(self) -> str:
        return "counted"

    def read(self, index: int) -> Mapping[str, Array]:
        if self.deadly:
            os.kill(os.getpid(), signal.SIGKILL)
        if index >= 10:
            raise IndexError(index)
        with (self.notes / str(index)).open("a") as stream:
            stream.write("x")
        return {"picture": np.full((3, 2, 2), index, np.uint8), "even": np.array(index % 2 == 0)}

    def made(self) -> dict[int, int]:
        return {int(path.name): path.stat().st_size for path in self.notes.iterdir()}
