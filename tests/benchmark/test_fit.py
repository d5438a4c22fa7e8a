from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tpgbench.benchmark.fit import check_fit, fit_sample, fit_truth
from tpgbench.benchmark.tasks import get_task
from tpgbench.core.errors import TpgbenchError, UnknownNameError
from tpgbench.core.images import Box, square_box
from tpgbench.datasets_builders.base import TpgRow


def make_row(height=60, width=40, window=(10, 30, 5, 25)) -> TpgRow:
    rng = np.random.default_rng(0)
    mask = np.zeros((height, width), bool)
    top, bottom, left, right = window
    mask[top:bottom, left:right] = True
    photo = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    pattern = rng.integers(0, 256, (50, 30, 3), dtype=np.uint8)
    return TpgRow("a", photo, mask, pattern, "a")


def test_box_is_exactly_the_masks_square():
    row = make_row()
    sample = fit_sample(row, size=20)
    assert np.array_equal(sample.garment, row.garment[10:30, 5:25])
    assert sample.mask.all()


def test_box_of_a_wide_mask_at_the_edge_repeats_the_edge_and_marks_it_outside():
    row = make_row(window=(0, 10, 0, 40))
    assert square_box(row.mask) == Box(left=0, top=-15, side=40)
    sample = fit_sample(row, size=40)
    assert np.array_equal(sample.garment[15:], row.garment[:25])
    assert np.array_equal(sample.garment[0], row.garment[0])
    assert sample.mask[15:25].all()
    assert not sample.mask[:15].any()
    assert not sample.mask[25:].any()


def test_pad_keeps_the_aspect_and_stretch_does_not():
    row = make_row()
    pad = fit_sample(row, size=60, fit="pad")
    assert np.array_equal(pad.garment[:, 10:50], row.garment)
    stretch = fit_sample(row, size=60, fit="stretch")
    assert stretch.mask.sum() == pytest.approx(20 / 60 * 20 / 40 * 60 * 60, rel=0.05)


def test_truth_is_the_central_square_but_all_of_it_when_stretched():
    row = make_row()
    assert np.array_equal(fit_truth(row, size=30), row.pattern[10:40])
    assert fit_truth(row, size=30, fit="stretch").shape == (30, 30, 3)
    assert fit_truth(replace(row, pattern=None), size=30) is None


def test_shrinking_averages():
    row = make_row(400, 400, (0, 400, 0, 400))
    photo = np.zeros((400, 400, 3), np.uint8)
    photo[::2] = 255
    small = fit_sample(replace(row, garment=photo), size=100).garment
    assert np.abs(small[5:-5].astype(int) - 127).max() <= 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mask": np.zeros((60, 40), bool)}, "mask is empty"),
        ({"mask": np.ones((60, 41), bool)}, "the mask is 41x60 px and the photo 40x60"),
        ({"garment": np.zeros((1, 1, 3), np.uint8)}, "1x1 px; each side"),
        ({"garment": np.zeros((20, 40_000, 3), np.uint8)}, "40000x20 px; each side"),
    ],
)
def test_impossible_rows_are_refused_in_one_line(change, message):
    with pytest.raises(TpgbenchError, match=message):
        fit_sample(replace(make_row(), **change), size=32)


def test_unknown_fit_and_size():
    with pytest.raises(UnknownNameError, match="did you mean 'box'"):
        check_fit("bos", 64, get_task("tpg"))
    with pytest.raises(TpgbenchError, match="--size 4"):
        check_fit("box", 4, get_task("tpg"))
