"""Metrics of whole sets in a run: one pass for all, and none the second time."""

import shutil

import numpy as np
import PIL.Image
import pytest
import tpgbench
from tpgbench.core.errors import TpgbenchError
from tpgbench.metrics.features.cache import cache_folder
from tpgbench.metrics.features.inception import InceptionFeatures
from tpgbench.metrics.fid import FIDMetric
from tpgbench.metrics.inception_score import inception_score
from tpgbench.metrics.kid import kernel_distance

METRICS = ["fid", "kid", "is", "fid@torch-fidelity", "psnr"]


@pytest.fixture
def run(tmp_path):
    return tpgbench.generate("toy-noise", dataset="toy", out=tmp_path / "run").run.store


@pytest.fixture
def embedded(inception_weights, monkeypatch):
    """How many images pass the network, call by call; colour statistics stand in its place."""
    calls = []

    def embed(self, prepared):
        calls.append(len(prepared))
        planes = np.stack(prepared).reshape(len(prepared), 3, -1)
        return np.concatenate([planes.mean(2), planes.std(2)], axis=1).astype(np.float32)

    monkeypatch.setattr(InceptionFeatures, "embed", embed)
    monkeypatch.setattr(InceptionFeatures, "logits", lambda self, features: features * 10)
    return calls


def test_values_are_those_of_the_features_and_the_second_time_needs_no_network(run, embedded):
    first = tpgbench.score(run.path, metrics=METRICS).result
    # Two sets of twelve images by two protocols; the three metrics of one share its features.
    assert sum(embedded) == 48

    rows = list(tpgbench.load_dataset("toy"))
    extractor = InceptionFeatures("clean")
    truth = extractor.extract([row.pattern for row in rows])
    output = extractor.extract(
        [np.asarray(PIL.Image.open(run.image_path(row.sample_id))) for row in rows]
    )
    expected = FIDMetric().compute({"truth": truth, "output": output}, 0, {}).value
    assert first.metric("fid").value == pytest.approx(expected, rel=1e-4)
    assert first.metric("fid").n == 12
    assert first.metric("fid").unranked is not None
    kid = kernel_distance(truth, output).mean
    assert first.metric("kid").value == pytest.approx(kid, rel=1e-4)
    score = inception_score(extractor.logits(output))
    assert first.metric("is").value == pytest.approx(score.mean, rel=1e-4)
    assert first.metric("is").spread == pytest.approx(score.spread, rel=1e-2)
    assert first.metric("fid@torch-fidelity").value != first.metric("fid").value
    for part in ("protocol:clean", "weights:", "size:32", "split:", "n:12"):
        assert part in first.metric("fid").recipe

    embedded.clear()
    assert tpgbench.score(run.path, metrics=METRICS).result == first
    assert embedded == []


def test_a_sample_without_an_image_is_missing(tmp_path, embedded):
    outcome = tpgbench.run(
        "toy-broken",
        dataset="toy",
        options={"how": "raise", "every": 3},
        metrics=["fid", "kid"],
        out=tmp_path / "run",
    )
    value = outcome.result.metric("fid")
    assert value.missing == outcome.result.samples.failed > 0
    assert value.n == outcome.result.samples.ok


def test_asked_for_by_name_without_weights_it_is_an_error_with_the_way_out(run):
    with pytest.raises(TpgbenchError, match=r"is not here.*download https://"):
        tpgbench.score(run.path, metrics=["fid"])
    assert not run.result_path.exists()


def test_an_image_that_changes_passes_the_network_again(run, embedded):
    tpgbench.score(run.path, metrics=["fid"])
    before = sum(embedded)
    first = next(iter(tpgbench.load_dataset("toy"))).sample_id
    PIL.Image.new("RGB", (32, 32), "red").save(run.image_path(first))
    tpgbench.score(run.path, metrics=["fid"])
    assert sum(embedded) == before + 1


def test_a_deleted_cache_costs_time_only(run, embedded):
    value = tpgbench.score(run.path, metrics=["kid"]).result
    before = sum(embedded)
    shutil.rmtree(cache_folder())
    assert tpgbench.score(run.path, metrics=["kid"]).result == value
    assert sum(embedded) == 2 * before
