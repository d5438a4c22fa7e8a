"""KID against its definition and torch-fidelity."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tpgbench.metrics import kid
from tpgbench.metrics.kid import KIDMetric, kernel_distance


def features(count, seed, width=32, shift=0.0):
    return (np.random.default_rng(seed).normal(size=(count, width)) + shift).astype(np.float32)


def by_definition(first, second):
    """The unbiased estimate, a pair at a time."""
    m, n, d = len(first), len(second), first.shape[1]
    x, y = first.astype(np.float64), second.astype(np.float64)

    def k(a, b):
        return (a @ b / d + 1) ** 3

    within_x = sum(k(x[i], x[j]) for i in range(m) for j in range(m) if i != j) / (m * (m - 1))
    within_y = sum(k(y[i], y[j]) for i in range(n) for j in range(n) if i != j) / (n * (n - 1))
    return within_x + within_y - 2 * sum(k(a, b) for a in x for b in y) / (m * n)


@pytest.mark.parametrize("count", [2, 3, 17])
def test_of_whole_sets_is_the_definition_and_has_no_spread(count):
    a, b = features(count, 1), features(count, 2, shift=0.2)
    found = kernel_distance(a, b)
    assert found.mean == pytest.approx(by_definition(a, b), rel=1e-12, abs=1e-14)
    assert found.spread == 0


@pytest.mark.parametrize(("first", "second", "size"), [(60, 60, 20), (50, 80, 50), (40, 30, 10)])
def test_of_subsets_equals_torch_fidelity(first, second, size):
    from torch_fidelity.metric_kid import (
        KEY_METRIC_KID_MEAN,
        KEY_METRIC_KID_STD,
        kid_features_to_metric,
    )

    a, b = features(first, 1), features(second, 2, shift=0.2)
    expected = kid_features_to_metric(
        torch.from_numpy(a).double(),
        torch.from_numpy(b).double(),
        kid_subset_size=size,
        verbose=False,
    )
    found = kernel_distance(a, b, subset_size=size)
    assert found.mean == pytest.approx(expected[KEY_METRIC_KID_MEAN], rel=1e-10)
    assert found.spread == pytest.approx(expected[KEY_METRIC_KID_STD], rel=1e-8)


def test_the_subset_is_a_thousand_images(monkeypatch):
    monkeypatch.setattr(kid, "SUBSETS", 2)
    a, b = features(1_001, 1, width=4), features(1_100, 2, width=4)
    assert kernel_distance(a, b) == kernel_distance(a, b, subset_size=1_000)
    assert kernel_distance(a, b).spread > 0
    assert kernel_distance(a[:1000], b[:1000]).spread == 0


def test_is_unbiased():
    # Of two samples of one distribution the mean is 0 within its error, and half are below it.
    values = [kernel_distance(features(20, s), features(20, 1_000 + s)).mean for s in range(300)]
    assert abs(np.mean(values)) < 4 * np.std(values) / np.sqrt(len(values))
    assert 0.2 < np.mean(np.array(values) < 0) < 0.8


@settings(max_examples=25, deadline=None)
@given(count=st.integers(2, 30), seed=st.integers(0, 1_000))
def test_is_symmetric_and_blind_to_order_within_a_subset(count, seed):
    a, b = features(count, seed), features(count, seed + 5_000, shift=0.3)
    distance = kernel_distance(a, b).mean
    assert kernel_distance(b, a).mean == pytest.approx(distance, rel=1e-9, abs=1e-12)
    assert kernel_distance(a[::-1], b).mean == pytest.approx(distance, rel=1e-9, abs=1e-12)


def test_grows_with_the_noise():
    a, noise = features(50, 1), features(50, 2)
    distances = [kernel_distance(a, a + level * noise).mean for level in (0, 1, 2, 4)]
    assert distances == sorted(distances)


def test_of_one_image_is_not_computed():
    one = KIDMetric().compute({"truth": features(1, 1), "output": features(9, 2)}, 3, {})
    assert one.value is None
    assert one.missing == 3
    assert "at least 2 images in each set, not 1" in one.not_computed


def test_value_carries_the_spread_and_the_subsets():
    value = KIDMetric("pytorch-fid").compute(
        {"truth": features(9, 1), "output": features(8, 2)}, 0, {}
    )
    assert value.name == "kid@pytorch-fid"
    assert value.n == 8
    assert value.spread > 0  # eight of nine true images a subset
    assert value.interval is None
    assert "subsets:100x1000-seed2020" in value.recipe
    assert "protocol:pytorch-fid" in value.recipe
