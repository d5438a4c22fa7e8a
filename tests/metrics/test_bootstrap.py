"""The bootstrap interval of a mean."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tpgbench.metrics.bootstrap import bootstrap_mean_interval


def test_covers_a_normal_mean_about_95_times_in_100():
    rng = np.random.default_rng(7)
    repeats, truth = 400, 3.0
    hits = 0
    for _ in range(repeats):
        low, high = bootstrap_mean_interval(rng.normal(truth, 2.0, size=60))
        hits += low <= truth <= high
    # Three standard errors of a coverage of 0.95, and what a bootstrap of 60 falls short of it.
    assert 0.915 <= hits / repeats <= 0.985


def test_is_as_wide_as_the_normal_theory_says():
    values = np.random.default_rng(1).normal(size=1000)
    low, high = bootstrap_mean_interval(values)
    assert high - low == pytest.approx(2 * 1.96 * values.std(ddof=1) / 1000**0.5, rel=0.05)


def test_leans_to_the_long_tail():
    values = np.random.default_rng(2).exponential(size=30)
    low, high = bootstrap_mean_interval(values)
    assert high - values.mean() > 1.1 * (values.mean() - low)


def test_repeats_to_the_last_bit():
    values = np.random.default_rng(3).normal(size=50)
    assert bootstrap_mean_interval(values) == bootstrap_mean_interval(values.copy())


@pytest.mark.parametrize("values", [[], [0.5]])
def test_needs_two_values(values):
    assert bootstrap_mean_interval(np.array(values)) is None


def test_equal_values_have_an_interval_without_width():
    assert bootstrap_mean_interval(np.full(9, 0.1)) == (0.1, 0.1)


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 60), st.integers(1, 60))
def test_two_values_many_ties_keep_it_inside_the_data(zeros, ones):
    low, high = bootstrap_mean_interval(np.array([0.0] * zeros + [1.0] * ones))
    assert 0.0 <= low <= ones / (zeros + ones) <= high <= 1.0


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(-1000, 1000), min_size=2, max_size=30, unique=True))
def test_moves_and_scales_with_the_data(values):
    data = np.sort(np.array(values, dtype=np.float64))
    low, high = bootstrap_mean_interval(data)
    assert bootstrap_mean_interval(4 * data + 64) == pytest.approx((4 * low + 64, 4 * high + 64))
