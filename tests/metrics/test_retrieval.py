"""Retrieval: ranks with ties, chance, collapse, and the colour reference in the harness."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tpgbench.metrics.base import make_metric
from tpgbench.metrics.retrieval_colour import colour_statistics
from tpgbench.metrics.retrieval_ranks import BLOCK, count_rivals, first_hits, reciprocal_ranks


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 5), st.integers(0, 2**32))
def test_ties_are_left_to_chance(count, seed):
    similarity = np.random.default_rng(seed).integers(0, 3, (count, count)).astype(float)
    hits, ranks = [], []
    for own, row in enumerate(similarity):
        orders = list(itertools.permutations(range(count)))
        places = [
            1 + sorted(order, key=lambda one: -row[one]).index(own) for order in orders
        ]  # sorting is stable: each order breaks the ties in its own way
        hits.append(np.mean([place == 1 for place in places]))
        ranks.append(np.mean([1 / place for place in places]))
    rivals = count_rivals(similarity.__getitem__, count)
    np.testing.assert_allclose(first_hits(*rivals), hits)
    np.testing.assert_allclose(reciprocal_ranks(*rivals), ranks)


def test_blocks_of_rows_give_what_the_whole_matrix_gives():
    count = 2 * BLOCK + 7
    similarity = np.random.default_rng(0).integers(0, 40, (count, count)).astype(float)
    garments = np.random.default_rng(1).integers(0, count // 3, count)
    sizes = []

    def rows(part):
        sizes.append(part.stop - part.start)
        return similarity[part]

    better, equal = count_rivals(rows, count, [str(one) for one in garments])
    assert sizes == [BLOCK, BLOCK, 7]
    own = np.diagonal(similarity)[:, None]
    rival = garments[:, None] != garments
    np.testing.assert_array_equal(better, (rival & (similarity > own)).sum(axis=1))
    np.testing.assert_array_equal(equal, (rival & (similarity == own)).sum(axis=1))


def features(count, seed=0, noise=0.0):
    rng = np.random.default_rng(seed)
    cloth = rng.normal(size=(count, 6)).astype(np.float32)
    output = cloth + noise * rng.normal(size=cloth.shape).astype(np.float32)
    return {"cloth": cloth, "output": output}


def test_perfect_patterns_are_always_found():
    value = make_metric("retrieval_colour").compute(features(20), 3, {})
    assert (value.value, value.n, value.missing, value.interval) == (1.0, 20, 3, (1.0, 1.0))


def test_patterns_of_nothing_are_found_by_chance():
    rng = np.random.default_rng(0)
    found = {"cloth": rng.normal(size=(400, 6)), "output": rng.normal(size=(400, 6))}
    low, high = make_metric("retrieval_colour").compute(found, 0, {}).interval
    assert low <= 1 / 400 <= high
    harmonic = np.sum(1 / np.arange(1, 401)) / 400
    low, high = make_metric("retrieval_colour@mrr").compute(found, 0, {}).interval
    assert low <= harmonic <= high


@pytest.mark.parametrize("variant", ["r1", "mrr"])
def test_one_pattern_for_all_scores_by_chance(variant):
    found = features(50)
    found["output"] = np.repeat(found["cloth"][:1], 50, axis=0)
    expected = {"r1": 1 / 50, "mrr": np.mean(1 / np.arange(1, 51))}[variant]
    value = make_metric(f"retrieval_colour@{variant}").compute(found, 0, {})
    assert value.value == pytest.approx(expected)


def test_order_changes_nothing():
    found = features(30, noise=0.8)
    order = np.random.default_rng(1).permutation(30)
    shuffled = {name: rows[order] for name, rows in found.items()}
    for name in ("retrieval_colour", "retrieval_colour@mrr"):
        one = make_metric(name).compute(found, 0, {})
        assert make_metric(name).compute(shuffled, 0, {}) == one
        assert 0 < one.value < 1


def test_falls_as_noise_grows():
    values = [
        make_metric("retrieval_colour@mrr").compute(features(60, noise=noise), 0, {}).value
        for noise in (0, 0.3, 1, 4)
    ]
    assert values == sorted(values, reverse=True)
    assert len(set(values)) == 4


def test_one_sample_cannot_be_ranked():
    value = make_metric("retrieval_colour").compute(features(1), 0, {})
    assert value.value is None
    assert "at least 2 garments, not 1" in value.not_computed


def test_colour_statistics_are_cielab():
    white = np.full((8, 8, 3), 255, np.uint8)
    np.testing.assert_allclose(colour_statistics(white), [100, 0, 0, 0, 0, 0], atol=0.02)
    half = white.copy()
    half[:4] = 0
    np.testing.assert_allclose(colour_statistics(half), [50, 0, 0, 50, 0, 0], atol=0.02)


def test_runs_in_the_harness_without_weights_and_finds_the_crops_own_garments(tmp_path):
    import tpgbench

    outcome = tpgbench.run(
        "crop", limit=8, size=96, metrics=["retrieval_colour"], out=tmp_path / "run"
    )
    value = outcome.result.metric("retrieval_colour")
    assert value.n == 8
    assert value.value > 0.5
