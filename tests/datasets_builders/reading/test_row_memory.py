from __future__ import annotations

import numpy as np
import pytest
import tpgbench
from tpgbench.datasets_builders.base import TpgRow
from tpgbench.datasets_builders.ctp_synth import SynthDataset
from tpgbench.datasets_builders.reading.row_memory import RowMemory


def make_row(side: int = 10) -> TpgRow:
    return TpgRow("a", np.zeros((side, side, 3), np.uint8), np.ones((side, side), bool), None, "a")


def test_each_row_is_made_once_until_the_memory_is_full():
    made = []

    def make() -> TpgRow:
        made.append(1)
        return make_row()  # 400 bytes

    memory = RowMemory(max_bytes=1000)
    for _ in range(3):
        for key in range(4):
            memory.get(key, make)
    assert len(made) == 2 + 3 * 2


def test_shared_arrays_cannot_be_written():
    row = RowMemory(10**6).get("a", make_row)
    with pytest.raises(ValueError, match="read-only"):
        row.garment[0] = 1


def test_a_run_renders_each_row_once(tmp_path, monkeypatch):
    rendered = []
    render = SynthDataset._render

    def counting(self, index):
        rendered.append(index)
        return render(self, index)

    monkeypatch.setattr(SynthDataset, "_render", counting)
    tpgbench.run(
        "crop", split="validation", limit=3, size=65, metrics=["psnr"], out=tmp_path / "run"
    )
    assert sorted(rendered) == [0, 1, 2]


def test_the_endless_split_keeps_nothing(monkeypatch):
    train = tpgbench.load_dataset("ctp-synth", "train", size=64)
    rendered = []
    monkeypatch.setattr(SynthDataset, "_render", lambda self, i: rendered.append(i) or make_row())
    train[0], train[0]
    assert rendered == [0, 0]
