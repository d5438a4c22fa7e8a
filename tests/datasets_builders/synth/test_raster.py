from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tpgbench.datasets_builders.synth import shapes
from tpgbench.datasets_builders.synth.raster import fill, paint

coordinate = st.floats(-3.0, 17.0, allow_nan=False)


def area(points):
    x, y = points.T
    return 0.5 * abs(float(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1))))


def test_each_pixel_of_a_rectangle_holds_its_exact_overlap():
    patch = fill([shapes.rectangle(1.25, 2.5, 3.75, 4.125)])
    across, down = np.array([0.75, 1.0, 0.75]), np.array([0.5, 1.0, 0.125])
    assert (patch.left, patch.top) == (1, 2)
    np.testing.assert_allclose(patch.coverage, np.outer(down, across), atol=1e-12)


def test_a_diagonal_halves_the_pixels_it_crosses():
    patch = fill([np.array([[0.0, 0.0], [3.0, 3.0], [0.0, 3.0]])])
    expected = np.tril(np.ones((3, 3))) - 0.5 * np.eye(3)
    np.testing.assert_allclose(patch.coverage, expected, atol=1e-12)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(coordinate, coordinate), min_size=3, max_size=3))
def test_the_coverage_of_a_triangle_sums_to_its_area_in_either_orientation(corners):
    triangle = np.array(corners)
    for contour in (triangle, triangle[::-1]):
        coverage = fill([contour]).coverage
        assert coverage.sum() == pytest.approx(area(triangle), abs=1e-6)
        assert coverage.min(initial=0.0) >= -1e-9


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(coordinate, coordinate), min_size=3, max_size=3))
def test_clipping_cuts_and_does_not_change(corners):
    triangle = np.array(corners) * 3.0
    whole = fill([triangle])
    canvas = np.zeros((80, 80))
    height, width = whole.coverage.shape
    top, left = whole.top + 20, whole.left + 20
    canvas[top : top + height, left : left + width] = whole.coverage
    clipped = fill([triangle], (16, 16))
    np.testing.assert_allclose(clipped.on((16, 16)), canvas[20:36, 20:36], atol=1e-6)


def test_contours_unite_whatever_their_orientation():
    first, second = shapes.rectangle(0, 0, 4, 4), shapes.rectangle(2, 1, 6, 3)
    united = fill([first, second[::-1]]).coverage
    assert united.max() == 1.0
    assert united.sum() == pytest.approx(16 + 8 - 4)


def test_what_lies_outside_the_grid_covers_nothing():
    patch = fill([shapes.rectangle(20, 20, 30, 30)], (16, 16))
    image = np.zeros((16, 16, 3))
    paint(image, patch, np.ones(3))
    assert not image.any()


def test_a_flower_has_its_petals_and_a_stroke_its_width():
    flower = shapes.flower(5, 0.5, 1.0)
    radius = np.hypot(*flower.T)
    peaks = (radius > np.roll(radius, 1)) & (radius >= np.roll(radius, -1))
    assert peaks.sum() == 5
    line = shapes.stroke(np.array([[0.0, 0.0], [10.0, 0.0]]), 0.5)
    assert area(line[0]) == pytest.approx(5.0)


def test_a_closed_spline_passes_through_its_points():
    points = np.array([[0.0, 0.0], [2.0, 1.0], [3.0, 4.0], [-1.0, 2.0]])
    curve = shapes.smooth(points, closed=True, steps=6)
    np.testing.assert_allclose(curve[::6], points, atol=1e-12)
