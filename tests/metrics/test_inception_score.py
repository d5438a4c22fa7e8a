"""The inception score against closed forms and torch-fidelity."""

import numpy as np
import pytest
import torch
from tpgbench.metrics.inception_score import InceptionScoreMetric, inception_score


def test_of_equal_images_is_one():
    same = np.tile(np.random.default_rng(0).normal(size=50), (40, 1))
    assert inception_score(same).mean == pytest.approx(1, abs=1e-12)


def test_of_sure_images_of_all_classes_is_the_number_of_classes():
    classes = 4
    sure = np.full((4_000, classes), -500.0)
    sure[np.arange(4_000), np.arange(4_000) % classes] = 500.0
    # A shuffled split of 400 does not hold each class just 100 times: hence the tolerance.
    assert inception_score(sure).mean == pytest.approx(classes, rel=0.01)
    assert inception_score(sure).mean <= classes


@pytest.mark.parametrize("count", [10, 11, 64, 299])
def test_equals_torch_fidelity(count):
    from torch_fidelity.metric_isc import (
        KEY_METRIC_ISC_MEAN,
        KEY_METRIC_ISC_STD,
        isc_features_to_metric,
    )

    logits = np.random.default_rng(count).normal(size=(count, 1008)).astype(np.float32) * 5
    expected = isc_features_to_metric(torch.from_numpy(logits))
    found = inception_score(logits)
    assert found.mean == pytest.approx(expected[KEY_METRIC_ISC_MEAN], rel=1e-12)
    assert found.spread == pytest.approx(expected[KEY_METRIC_ISC_STD], rel=1e-9, abs=1e-12)


def test_of_fewer_images_than_splits_is_not_computed():
    value = InceptionScoreMetric().compute({"output": np.zeros((9, 2048), np.float32)}, 0, {})
    assert value.value is None
    assert "at least 10 images, not 9" in value.not_computed
