from __future__ import annotations

import re

import pytest
import tpgbench
from tpgbench.core.errors import TpgbenchError


def make(tmp_path, name, *, amount=40, seed=0, metrics=("psnr", "toy-mean"), **given):
    outcome = tpgbench.run(
        given.pop("model", "toy-noise"),
        dataset="toy",
        options={"amount": amount} if "options" not in given else given.pop("options"),
        seed=seed,
        metrics=list(metrics),
        out=tmp_path / name,
        **given,
    )
    return outcome.path


def find(comparison, metric, *labels):
    return next(
        test
        for test in comparison.tests
        if test.metric == metric and {test.a, test.b} == set(labels)
    )


def test_a_real_difference_is_found_and_a_chance_one_is_a_tie(tmp_path):
    a = make(tmp_path, "a", amount=2)
    b = make(tmp_path, "b", amount=2, seed=1)
    c = make(tmp_path, "c", amount=120)
    comparison = tpgbench.compare([a, b, c])
    assert find(comparison, "toy-mean", "a", "b").verdict == "tie"
    worse = find(comparison, "toy-mean", "a", "c")
    assert worse.verdict == "b"  # higher is better, and c is brighter
    assert worse.difference < 0
    assert worse.interval[0] < worse.difference < worse.interval[1]
    assert worse.p_value <= worse.p_holm < 0.05
    assert len(comparison.tests) == 6


def test_different_recipes_are_never_ranked(tmp_path):
    a = make(tmp_path, "a")
    b = make(tmp_path, "b", limit=8)
    test = find(tpgbench.compare([a, b]), "psnr", "a", "b")
    assert test.verdict == "not comparable"
    said = r"the recipes differ: n is \d+ and \d+; split is test-\w+ and test-\w+"
    assert re.fullmatch(said, test.reason)


def test_a_metric_that_one_run_lacks(tmp_path):
    a = make(tmp_path, "a")
    b = make(tmp_path, "b", seed=1, metrics=("psnr",))
    test = find(tpgbench.compare([a, b]), "toy-mean", "a", "b")
    assert test.verdict == "not comparable"
    assert "b was not scored with it" in test.reason


def test_samples_that_failed_in_one_run_are_left_out_of_the_pairs(tmp_path):
    a = make(tmp_path, "a", metrics=("toy-mean",))
    b = make(tmp_path, "b", model="toy-broken", options={}, metrics=("toy-mean",))
    test = find(tpgbench.compare([a, b]), "toy-mean", "toy-noise", "toy-broken")
    assert test.n == 8


def test_refusals(tmp_path):
    a = make(tmp_path, "a")
    with pytest.raises(TpgbenchError, match="two run directories or more"):
        tpgbench.compare([a, a])
    other = make(tmp_path, "other", size=48)
    with pytest.raises(TpgbenchError, match="its size is 48 and that of .* is 32"):
        tpgbench.compare([a, other])
    unscored = tpgbench.generate("toy-noise", dataset="toy", seed=5, out=tmp_path / "u").path
    with pytest.raises(TpgbenchError, match=r"result\.json: no such file"):
        tpgbench.compare([a, unscored])
    with pytest.raises(TpgbenchError, match="is .* a run directory"):
        tpgbench.compare([a, tmp_path])
