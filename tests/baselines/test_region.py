from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from tpgbench.baselines.region import interior, largest_rectangle

MASKS = arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=7)).filter(np.any)


def largest_area(mask):
    """By trying all rectangles."""
    height, width = mask.shape
    return max(
        (bottom - top) * (right - left)
        for top in range(height)
        for bottom in range(top + 1, height + 1)
        for left in range(width)
        for right in range(left + 1, width + 1)
        if mask[top:bottom, left:right].all()
    )


@settings(max_examples=150, deadline=None)
@given(MASKS)
def test_no_rectangle_inside_is_larger(mask):
    found = largest_rectangle(mask)
    assert mask[found.top : found.bottom, found.left : found.right].all()
    assert found.area == largest_area(mask)


@settings(max_examples=100, deadline=None)
@given(mask=MASKS, reach=st.integers(0, 2))
def test_interior_has_only_mask_around(mask, reach):
    padded = np.pad(mask, reach)
    height, width = mask.shape
    around = [
        padded[dy : dy + height, dx : dx + width]
        for dy in range(2 * reach + 1)
        for dx in range(2 * reach + 1)
    ]
    expected = np.all(around, axis=0)
    found = interior(mask, margin=reach / height)
    np.testing.assert_array_equal(found, expected if expected.any() else mask)


@pytest.mark.parametrize(("size", "pixels"), [(16, 1), (64, 1), (65, 2), (256, 4)])
def test_the_default_margin_grows_with_the_size(size, pixels):
    inner = interior(np.ones((size, size), bool))
    assert inner.sum() == (size - 2 * pixels) ** 2
