"""Plug-ins that break: what it costs, and what is said."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import tpgbench
from toy_plugin import ToyDistance, ToyJudge, ToyMean
from tpgbench.core.images import read_image


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A generated run that is not scored yet; nothing was asked."""
    monkeypatch.setattr(ToyJudge, "asked", [])
    return tpgbench.generate("toy-noise", dataset="toy", out=tmp_path / "run").run.store


def test_sys_exit_in_a_metric_or_a_backbone_costs_its_scores_alone(run, monkeypatch):
    def leave(*_):
        sys.exit(3)

    monkeypatch.setattr(ToyMean, "score", leave)
    monkeypatch.setattr(ToyDistance, "extractor", leave)
    outcome = tpgbench.score(run.path, metrics=["psnr", "toy-mean", "toy-distance"])
    assert outcome.result.metric("psnr").n == 12
    assert outcome.problems == (
        "toy-mean failed on 12 of 12 samples; the first, toy-000: SystemExit: 3",
        "toy-distance failed: SystemExit: 3",
    )


def test_a_score_outside_of_the_declared_range_is_no_score(run, monkeypatch):
    monkeypatch.setattr(ToyMean, "range", (0.0, 0.001))
    outcome = tpgbench.score(run.path, metrics=["toy-mean"])
    assert outcome.result.metric("toy-mean").value is None
    assert "is outside of the metric's range, 0 to 0.001" in outcome.problems[0]


def test_an_output_whose_mean_cannot_be_taken_keeps_its_name(run, monkeypatch):
    aggregate = ToyJudge.aggregate

    def broken(self, scores, context, groups=None, output=None):
        if output == "red":
            raise RuntimeError("no red")
        return aggregate(self, scores, context, groups, output)

    monkeypatch.setattr(ToyJudge, "aggregate", broken)
    outcome = tpgbench.score(run.path, metrics=["toy-judge"])
    assert [one.name for one in outcome.result.metrics] == [
        "toy-judge",
        "toy-judge:red",
        "toy-judge:blue",
    ]
    assert outcome.problems == ("toy-judge:red failed: RuntimeError: no red",)


def test_an_image_that_a_backbone_refuses_costs_its_sample_alone(run, monkeypatch):
    extractor = ToyDistance(None).extractor()
    prepare, odd = type(extractor).prepare, read_image(run.image_path("toy-000"), "")

    def picky(self, image):
        if np.array_equal(image, odd):
            raise ValueError("too odd")
        return prepare(self, image)

    monkeypatch.setattr(type(extractor), "prepare", picky)
    outcome = tpgbench.score(run.path, metrics=["toy-distance"])
    value = outcome.result.metric("toy-distance")
    assert (value.n, value.missing) == (11, 1)
    assert "|used:11-" in value.recipe
    assert outcome.problems == (
        "toy-distance left out 1 of 12 samples; the first, toy-000: ValueError: too odd",
    )


def test_a_finished_batch_is_journaled_before_the_next_sample(run, monkeypatch):
    """So that a process that is killed loses only what it was asking."""
    judge = ToyJudge.score_batch

    def slow(self, pairs):
        if len(self.asked) >= 2:
            raise KeyboardInterrupt
        return judge(self, pairs)

    monkeypatch.setattr(ToyJudge, "score_batch", slow)
    with pytest.raises(KeyboardInterrupt):
        tpgbench.score(run.path, metrics=["toy-judge"])
    assert len(run.journal_path.read_text().splitlines()) == 1 + 2 * ToyJudge.batch_size
