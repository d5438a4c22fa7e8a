from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import permutation_test
from tpgbench.benchmark.comparing.significance import holm, paired_permutation_test


def test_exact_for_few_samples_as_scipy_has_it():
    differences = np.random.default_rng(1).normal(0.6, 1, 9)
    oracle = permutation_test(
        (differences,), np.mean, permutation_type="samples", n_resamples=np.inf
    )
    assert paired_permutation_test(differences) == pytest.approx(oracle.pvalue, abs=1e-12)


def test_random_flips_agree_with_the_normal_limit():
    differences = np.random.default_rng(2).normal(0.15, 1, 200)
    z = differences.mean() / (differences.std() / math.sqrt(200))
    normal = math.erfc(abs(z) / math.sqrt(2))
    assert paired_permutation_test(differences) == pytest.approx(normal, abs=0.012)


def test_false_alarms_are_as_rare_as_stated():
    rng = np.random.default_rng(3)
    alarms = np.mean([paired_permutation_test(rng.normal(size=12)) < 0.05 for _ in range(400)])
    assert 0.02 < alarms < 0.085


def test_photos_of_one_garment_are_not_taken_for_independent():
    rng = np.random.default_rng(4)
    alarms = {True: 0, False: 0}
    for _ in range(200):
        differences = np.repeat(rng.normal(size=12), 5) + rng.normal(0, 0.1, 60)
        garments = [str(index // 5) for index in range(60)]
        alarms[True] += paired_permutation_test(differences, garments) < 0.05
        alarms[False] += paired_permutation_test(differences[:20]) < 0.05
    assert alarms[True] / 200 < 0.1
    assert alarms[False] / 200 > 0.2  # the mistake that the groups prevent


def test_never_zero_and_one_without_a_difference():
    assert paired_permutation_test(np.full(100, 3.0)) == pytest.approx(1 / 20_001)
    assert paired_permutation_test(np.zeros(50)) == 1.0
    assert paired_permutation_test(np.zeros(0)) == 1.0


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_holm_never_lowers_a_p_value_and_keeps_their_order(p_values):
    adjusted = holm(p_values)
    assert all(p <= q <= 1 for p, q in zip(p_values, adjusted, strict=True))
    order = np.argsort(p_values, kind="stable")
    assert np.all(np.diff(np.array(adjusted)[order]) >= 0)
