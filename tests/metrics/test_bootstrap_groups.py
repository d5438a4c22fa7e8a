"""The bootstrap interval where samples belong together."""

from __future__ import annotations

import numpy as np
import pytest
from tpgbench.metrics.bootstrap import bootstrap_mean_interval


def clustered(rng, groups=40, each=5):
    values = np.repeat(rng.normal(3.0, 1.0, groups), each) + rng.normal(0, 0.2, groups * each)
    return values, [f"g{index // each}" for index in range(groups * each)]


def test_covers_the_mean_of_clustered_data_where_the_plain_interval_does_not():
    rng = np.random.default_rng(5)
    hits = {"grouped": 0, "plain": 0}
    for _ in range(150):
        values, groups = clustered(rng)
        low, high = bootstrap_mean_interval(values, groups)
        hits["grouped"] += low <= 3.0 <= high
        low, high = bootstrap_mean_interval(values)
        hits["plain"] += low <= 3.0 <= high
    assert hits["grouped"] / 150 > 0.88
    assert hits["plain"] / 150 < 0.75


def test_groups_of_one_are_the_plain_interval():
    values = np.random.default_rng(6).normal(size=50)
    groups = [str(index) for index in range(50)]
    assert bootstrap_mean_interval(values, groups) == bootstrap_mean_interval(values)


def test_neither_order_nor_names_of_groups_matter():
    rng = np.random.default_rng(7)
    values, groups = clustered(rng, 10, 3)
    expected = bootstrap_mean_interval(values, groups)
    order = rng.permutation(values.size)
    renamed = [f"other-{hash(groups[index])}" for index in order]
    assert bootstrap_mean_interval(values[order], renamed) == expected


def test_one_group_tells_nothing():
    assert bootstrap_mean_interval(np.array([1.0, 2.0, 3.0]), ["a"] * 3) is None


def test_uneven_groups_keep_the_mean_inside():
    values, groups = np.array([0.0, 1.0, 1.0, 1.0, 5.0]), list("abbbc")
    low, high = bootstrap_mean_interval(values, groups)
    assert low <= values.mean() <= high


def test_values_equal_but_for_rounding_have_no_width():
    values = 0.1 + np.array([0.0, 1e-17, -1e-17, 1.4e-17])
    low, high = bootstrap_mean_interval(values)
    assert low == pytest.approx(0.1, abs=1e-15)
    assert high == pytest.approx(0.1, abs=1e-15)
