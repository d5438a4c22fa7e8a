"""The bias of FID at a number of images, and the sets that it is ranked for."""

from __future__ import annotations

import numpy as np
import pytest
import tpgbench.metrics.fid as module
from tpgbench.metrics import make_metric
from tpgbench.metrics.fid import fid_bias
from tpgbench.metrics.frechet import Gaussian, frechet_distance

WIDTH = 128  # of the features; about as many images, as with 2,032 in 2,048 dimensions


def sets(images, seed):
    rng = np.random.default_rng(seed)
    variances = 100 / WIDTH * np.linspace(1.9, 0.1, WIDTH)
    truth = rng.normal(size=(images, WIDTH)) * np.sqrt(variances)
    output = rng.normal(size=(images, WIDTH)) * np.sqrt(1.3 * variances) + 0.1
    gaps = np.sqrt(variances) - np.sqrt(1.3 * variances)
    return truth.astype("f4"), output.astype("f4"), float(gaps @ gaps + WIDTH * 0.01)


def test_the_bias_is_what_the_distance_has_too_much(monkeypatch):
    monkeypatch.setattr(module, "FEWEST_FOR_BIAS", 2)
    told, true = [], []
    for seed in range(12):
        truth, output, known = sets(2 * WIDTH, seed)
        distance = frechet_distance(Gaussian.of_features(truth), Gaussian.of_features(output))
        true.append(distance - known)
        told.append(fid_bias(truth, output, distance))
    assert np.mean(true) > 5 * known  # or there would be nothing to tell
    assert np.mean(told) == pytest.approx(np.mean(true), rel=0.25)


def test_of_few_images_no_bias_is_told():
    truth, output, _ = sets(100, 0)
    assert fid_bias(truth, output, 1.0) is None


@pytest.mark.parametrize(
    ("published", "images", "bound", "ranked"),
    [
        (None, 2_048, "2048", True),
        (None, 2_032, "2048", False),
        (2_032, 2_032, "published-2032", True),
        (1_990, 2_032, "published-1990", False),
    ],
)
def test_a_complete_published_split_is_ranked(published, images, bound, ranked):
    metric = make_metric("fid")
    metric.published = published
    gaussian = Gaussian.of_features(np.random.default_rng(0).normal(size=(64, 8)).astype("f4"))
    found = metric.measure_moments({"truth": gaussian, "output": gaussian}, images)
    assert (found.unranked is None) == ranked
    assert metric.settings()["bound"] == bound
