"""The engine: one decode per pair, batches, and failures that cost no more than they must."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from toy_plugin import ToyColours, ToyDistance, ToyJudge, ToyMean
from tpgbench.core.errors import TpgbenchError
from tpgbench.metrics import Estimate, Pair, SampleMetric, Score, SetMetric, make_metric
from tpgbench.metrics.engine.measure import measure
from tpgbench.metrics.engine.source import Entry


def picture(seed, side=32):
    return np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)


class Memory:
    """Pairs in memory, which count how often each is read; some cannot be."""

    side = None

    def __init__(self, count, unreadable=()):
        self.ids = [f"s{index}" for index in range(count)]
        self.unreadable = unreadable
        self.reads = [0] * count
        self.lock = threading.Lock()

    def __len__(self):
        return len(self.ids)

    def open(self, index):
        entry = Entry(self.ids[index], self.ids[index], name=f"file {index}")
        return entry, lambda: self.read(index)

    def read(self, index):
        with self.lock:
            self.reads[index] += 1
        if index in self.unreadable:
            raise TpgbenchError(f"{self.ids[index]}: torn")
        mask = np.ones((32, 32), bool)
        return Pair(self.ids[index], picture(index), picture(index + 100), picture(index), mask)


class Fails(ToyMean):
    """Raises on some samples."""

    name = "fails"
    on = frozenset({"s2", "s5"})

    def score(self, pair):
        if pair.sample_id in self.on:
            raise ZeroDivisionError("oh\nno")
        return super().score(pair)


class FailingSet(ToyDistance):
    name = "failing-set"

    def measure(self, features, groups):
        raise MemoryError


class FailingBackbone(ToyColours):
    backbone = "failing"

    def extract(self, images):
        raise RuntimeError("the network is torn")


class OnFailingBackbone(ToyDistance):
    name = "on-failing-backbone"

    def extractor(self):
        return FailingBackbone()


@pytest.fixture(autouse=True)
def judge(monkeypatch):
    monkeypatch.setattr(ToyJudge, "asked", [])
    return ToyJudge()


def test_each_pair_is_read_once_for_all_metrics_and_backbones():
    metrics = [
        make_metric("psnr"),
        make_metric("ssim"),
        ToyDistance(),
        make_metric("retrieval_colour"),
        make_metric("retrieval_colour@mrr"),
        ToyJudge(),
    ]
    source = Memory(20)
    found = measure(metrics, [source], cache=False)
    values = [value for metric in metrics for value in found.result(metric, {}).values]
    assert [value.n for value in values] == [20] * 8
    assert source.reads == [1] * 20


def test_batches_have_the_declared_size_and_their_order_changes_nothing(judge):
    found = measure([judge], [Memory(8)], cache=False)
    assert sorted(map(len, judge.asked)) == [2, 3, 3]
    assert sorted(one for batch in judge.asked for one in batch) == [f"s{i}" for i in range(8)]
    expected = [picture(index).mean() / 255 for index in range(8)]
    np.testing.assert_allclose(found.column(judge), expected)
    red = [picture(index)[..., 0].mean() / 255 for index in range(8)]
    np.testing.assert_allclose(found.column(judge, "red"), red)
    names = [value.name for value in found.result(judge, {"n": "8"}).values]
    assert names == ["toy-judge", "toy-judge:red", "toy-judge:blue"]
    recipes = {value.recipe for value in found.result(judge, {"n": "8"}).values}
    assert recipes == {
        "toy-judge|n:8|version:1",
        "toy-judge|n:8|output:red|version:1",
        "toy-judge|n:8|output:blue|version:1",
    }


def test_a_batch_that_raises_is_asked_again_one_by_one(judge, monkeypatch):
    monkeypatch.setattr(ToyJudge, "broken", frozenset({"s1"}))
    found = measure([judge], [Memory(3)], cache=False)
    assert judge.asked == [("s0", "s1", "s2"), ("s0",), ("s1",), ("s2",)]
    result = found.result(judge, {})
    assert [(value.n, value.missing) for value in result.values] == [(2, 1)] * 3
    assert result.problems == (
        "toy-judge failed on 1 of 3 samples; the first, s1: RuntimeError: the judge broke",
    )


def test_an_unanswered_sample_is_missing_and_told(judge, monkeypatch):
    monkeypatch.setattr(ToyJudge, "refused", frozenset({"s0", "s2"}))
    recorded = {}

    def record(entry, scores):
        recorded.setdefault(entry.sample_id, {}).update(scores)

    found = measure([judge], [Memory(4)], cache=False, on_scores=record)
    result = found.result(judge, {})
    assert (result.values[0].n, result.values[0].missing) == (2, 2)
    assert result.problems == (
        "toy-judge got no answer for 2 of 4 samples; the first, s0: HTTP 429",
    )
    assert sorted(recorded) == ["s1", "s3"]


def test_an_exception_costs_one_sample_of_one_metric():
    metrics = [Fails(), ToyMean()]
    found = measure(metrics, [Memory(8)], cache=False)
    failing, whole = (found.result(metric, {}) for metric in metrics)
    assert (failing.values[0].n, failing.values[0].missing) == (6, 2)
    assert failing.problems == (
        "fails failed on 2 of 8 samples; the first, s2: ZeroDivisionError: oh no",
    )
    assert (whole.values[0].n, whole.problems) == (8, ())


def test_if_all_fail_there_is_no_value_and_the_reason(monkeypatch):
    monkeypatch.setattr(Fails, "on", frozenset({"s0", "s1"}))
    metric = Fails()
    value = measure([metric], [Memory(2)], cache=False).result(metric, {}).values[0]
    assert value.value is None
    assert value.not_computed.startswith("failed on 2 of 2 samples; the first, s0: ZeroDivision")


@pytest.mark.parametrize(
    ("returned", "reason"),
    [
        (None, "TypeError"),
        ("high", "ValueError: could not convert"),
        (Score({"value": 1.0, "green": 2.0}), "green: not among the metric's outputs"),
        (Score({"value": 1.0}, {"when": object()}), "not JSON serializable"),
        (Score({"value": 1.0}, [float("nan")]), "not JSON compliant"),
    ],
)
def test_what_is_no_score_is_a_failure(returned, reason, monkeypatch):
    metric = ToyMean()
    monkeypatch.setattr(ToyMean, "score", lambda *_: returned)
    result = measure([metric], [Memory(2)], cache=False).result(metric, {})
    assert result.values[0].value is None
    assert reason in result.problems[0]


def test_a_batch_of_the_wrong_length_is_a_failure(monkeypatch):
    metric = ToyMean()
    monkeypatch.setattr(ToyMean, "score_batch", lambda self, pairs: [1.0, 2.0])
    result = measure([metric], [Memory(2)], cache=False).result(metric, {})
    assert "2 scores returned for 1 samples" in result.problems[0]


def test_a_set_metric_or_a_backbone_that_raises_costs_no_other():
    metrics = [FailingSet(), OnFailingBackbone(), ToyDistance(), ToyMean()]
    found = measure(metrics, [Memory(9)], cache=False)
    one, two, three, four = (found.result(metric, {}) for metric in metrics)
    assert one.values[0].not_computed == "failed: MemoryError"
    assert one.problems == ("failing-set failed: MemoryError",)
    assert two.values[0].not_computed == "failed: RuntimeError: the network is torn"
    assert three.values[0].value > 0
    assert three.problems == four.problems == ()


def test_a_set_metric_without_a_number_is_not_computed(monkeypatch):
    metric = ToyDistance()
    monkeypatch.setattr(ToyDistance, "measure", lambda *_: Estimate(float("nan")))
    value = measure([metric], [Memory(3)], cache=False).result(metric, {}).values[0]
    assert value.value is None
    assert "not defined for these images" in value.not_computed


def test_a_sample_that_cannot_be_read_is_missing_for_all():
    metrics = [ToyMean(), ToyDistance()]
    found = measure(metrics, [Memory(6, unreadable={4})], cache=False)
    mean, distance = (found.result(metric, {}).values[0] for metric in metrics)
    assert (mean.n, mean.missing) == (5, 1)
    assert (distance.n, distance.missing) == (5, 1)
    assert "|used:5-" in distance.recipe
    assert [sample.error for sample in found.samples if sample.error] == ["s4: torn"]


def test_strict_raises_what_a_user_can_mend_and_notes_defects():
    with pytest.raises(TpgbenchError, match="s4: torn"):
        measure([ToyMean()], [Memory(6, unreadable={4})], cache=False, strict=True)
    metric = Fails()
    found = measure([metric], [Memory(8)], cache=False, strict=True)
    assert found.result(metric, {}).values[0].missing == 2

    class Refuses(ToyMean):
        name = "refuses"

        def score(self, pair):
            raise TpgbenchError("resize it")

    with pytest.raises(TpgbenchError, match="file 0: resize it"):
        measure([Refuses()], [Memory(2)], cache=False, strict=True)


def test_a_set_metric_that_is_asked_what_it_can_use_may_break(monkeypatch):
    class Picky(ToyDistance):
        name = "picky"

        def unavailable(self, pair):
            raise KeyError("lattice")

    metric, other = Picky(), ToyDistance()
    found = measure([metric, other], [Memory(3)], cache=False)
    assert "KeyError" in found.result(metric, {}).values[0].not_computed
    assert found.result(other, {}).values[0].n == 3


@pytest.mark.parametrize("outputs", [("value",), ("a:b",), ("a", "a"), ("",), ("a@b",)])
def test_names_of_outputs_that_cannot_stand_in_a_key_are_refused(outputs):
    with pytest.raises(TypeError, match="are no names of outputs"):
        type("Wrong", (SampleMetric,), {"outputs": outputs})


def test_a_set_metric_is_paired_only_if_it_says_so():
    assert not SetMetric.paired
    assert [make_metric(name).paired for name in ("fid", "kid", "is", "retrieval")] == [
        False,
        False,
        False,
        True,
    ]
