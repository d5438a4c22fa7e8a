"""Where patches are cut."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from tpgbench.metrics.base import Pair
from tpgbench.metrics.patches import garment_patches, largest_square, pattern_patches


def coordinates(side):
    """An image whose pixels say where they are."""
    rows, columns = np.mgrid[:side, :side]
    return np.stack([rows, columns, np.zeros_like(rows)], axis=-1).astype(np.uint8)


def disc(side, radius):
    rows, columns = np.mgrid[:side, :side] - side // 2
    return rows**2 + columns**2 <= radius**2


@pytest.mark.parametrize(
    ("radius", "side", "count"),
    [(90, 50, 16), (40, 33, 16), (35, 33, 16), (16, 12, 16), (13, 12, 4)],
)
def test_garment_patches_lie_wholly_within_the_mask_away_from_its_rim(radius, side, count):
    mask = disc(200, radius)
    found = garment_patches(coordinates(200), mask)
    assert len(found) == count
    for patch in found:
        assert patch.shape == (side, side, 3)
        (top, left, _), (bottom, right, _) = patch[0, 0], patch[-1, -1]
        assert (bottom - top, right - left) == (side - 1, side - 1)
        assert mask[top - 3 : bottom + 4, left - 3 : right + 4].all()  # 200 // 64 px of rim


def test_no_patch_fits_into_a_thread():
    mask = np.zeros((128, 128), bool)
    mask[:, 60:66] = True
    assert garment_patches(coordinates(128), mask) == []


def test_patches_are_the_same_each_time_and_others_for_another_photo():
    mask = disc(200, 90)
    one, again = garment_patches(coordinates(200), mask), garment_patches(coordinates(200), mask)
    assert all(np.array_equal(a, b) for a, b in zip(one, again, strict=True))
    other = garment_patches(coordinates(200)[::-1].copy(), mask)
    assert not all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_pattern_patches_reach_every_corner_at_every_scale():
    found = pattern_patches(coordinates(100))
    sides = [patch.shape[0] for patch in found]
    assert {side: sides.count(side) for side in set(sides)} == {
        100: 1,
        70: 4,
        50: 9,
        35: 16,
        25: 16,
    }
    for side in set(sides):
        corners = {(int(p[0, 0, 0]), int(p[0, 0, 1])) for p in found if len(p) == side}
        ends = {0, 100 - side}
        assert {(top, left) for top in ends for left in ends} <= corners


@settings(max_examples=60, deadline=None)
@given(arrays(bool, st.tuples(st.integers(1, 9), st.integers(1, 9))).filter(np.any))
def test_the_largest_square_is_that_of_a_search(mask):
    box = largest_square(mask)
    assert mask[box.top : box.top + box.side, box.left : box.left + box.side].all()
    height, width = mask.shape
    larger = box.side + 1
    assert not any(
        mask[top : top + larger, left : left + larger].all()
        for top in range(height - larger + 1)
        for left in range(width - larger + 1)
    )


def test_of_several_largest_squares_the_central_one_is_taken():
    box = largest_square(np.ones((10, 30), bool))
    assert (box.left, box.top, box.side) == (10, 0, 10)


def test_cloth_is_the_garment_in_that_square():
    cloth = Pair(
        "a", coordinates(50), garment=coordinates(50), mask=np.pad(np.ones((20, 20), bool), 15)
    ).cloth
    assert np.array_equal(cloth, coordinates(50)[15:35, 15:35])
    assert Pair("a", coordinates(50)).cloth is None
