"""Recipes: equal for equal computations, different for all others, and cheap to ask for."""

from __future__ import annotations

import shutil
import threading

import numpy as np
import pytest
import torch
import tpgbench
from tpgbench.core import files
from tpgbench.core.files import known_sha256, sha256_file
from tpgbench.core.hub import HubModel, get_hub_model, hub_label
from tpgbench.core.registry import BUILTIN_METRICS
from tpgbench.metrics.base import make_metric
from tpgbench.metrics.features.backbones import BACKBONES, heads_file
from tpgbench.metrics.features.device import float32_inference, has_float64
from tpgbench.metrics.fid import FIDMetric
from tpgbench.metrics.frechet import Gaussian
from tpgbench.metrics.psnr import PSNRMetric
from tpgbench.metrics.retrieval_colour import ColourExtractor


@pytest.mark.parametrize("name", BUILTIN_METRICS)
def test_names_of_one_computation_have_one_recipe_and_others_have_not(name):
    variants = make_metric(name).variants
    recipes = [make_metric(f"{name}@{variant}").recipe({}) for variant in variants]
    assert len(set(recipes)) == len(variants)
    assert make_metric(name).recipe({}) in (recipes[:1] or [make_metric(name).recipe({})])
    if variants:
        assert make_metric(f"{name}@{variants[0]}").key == f"{name}@{variants[0]}"


def test_the_heads_of_lpips_stand_in_the_recipe():
    for net in BACKBONES:
        digest = sha256_file(heads_file(net))[:8]
        assert f"|heads:0.1-{digest}|" in make_metric(f"lpips@{net}").recipe({})


def test_another_version_of_the_code_has_other_features(monkeypatch):
    key, recipe = ColourExtractor().key, make_metric("retrieval_colour").recipe({})
    monkeypatch.setattr(ColourExtractor, "version", 99)
    assert ColourExtractor().key != key
    assert make_metric("retrieval_colour").recipe({}) != recipe


def test_values_over_different_samples_have_different_recipes(tmp_path):
    def recipe(every):
        outcome = tpgbench.run(
            "toy-broken",
            dataset="toy",
            options={"how": "raise", "every": every},
            metrics=["retrieval_colour"],
            out=tmp_path / str(every),
        )
        return outcome.result.metric("retrieval_colour").recipe

    whole = tpgbench.run(
        "toy-noise", dataset="toy", metrics=["retrieval_colour"], out=tmp_path / "all"
    )
    recipes = [recipe(3), recipe(4), whole.result.metric("retrieval_colour").recipe]
    assert len(set(recipes)) == 3
    assert ["|used:" in one for one in recipes] == [True, True, False]


def test_recipes_are_asked_for_once_a_run_and_not_once_a_sample(tmp_path, monkeypatch):
    asked = []
    settings = PSNRMetric.settings
    monkeypatch.setattr(PSNRMetric, "settings", lambda self: asked.append(1) or settings(self))
    tpgbench.run("toy-noise", dataset="toy", metrics=["psnr"], out=tmp_path / "run")
    assert len(asked) < 6  # the toy has twelve samples


def test_a_file_is_read_again_only_if_it_changed(tmp_path, monkeypatch):
    path = tmp_path / "weights"
    path.write_bytes(b"one")
    read = []
    monkeypatch.setattr(files, "sha256_file", lambda path: read.append(path) or sha256_file(path))
    assert known_sha256(path) == known_sha256(path) == sha256_file(path)
    assert len(read) == 1
    path.write_bytes(b"another")
    assert known_sha256(path) == sha256_file(path)
    assert len(read) == 2


MODEL = HubModel(
    name="tiny",
    repository="someone/tiny",
    revision="0" * 40,
    variable="TPGBENCH_TINY",
    files=("config.json", "vocab.json"),
    licence="MIT",
)


@pytest.fixture
def model(tmp_path, monkeypatch):
    folder = tmp_path / "model"
    folder.mkdir()
    for name in ("config.json", "vocab.json", "model.safetensors"):
        (folder / name).write_text(name)
    monkeypatch.setenv(MODEL.variable, str(folder))
    return folder


@pytest.mark.parametrize("name", ["config.json", "vocab.json", "model.safetensors"])
def test_every_file_of_a_model_is_in_its_label(model, name):
    before = hub_label(MODEL)
    (model / name).write_text("something else")
    assert hub_label(MODEL) != before


def test_where_a_model_lies_is_not_in_its_label(model, tmp_path, monkeypatch):
    before = hub_label(MODEL)
    monkeypatch.setenv(MODEL.variable, str(shutil.copytree(model, tmp_path / "elsewhere")))
    assert hub_label(MODEL) == before


def test_the_hub_is_asked_once_and_for_the_pinned_commit_of_the_known_model(model, monkeypatch):
    asked = []

    def snapshot_download(repository, *, revision, **_):
        asked.append((repository, revision))
        return str(model)

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot_download)
    monkeypatch.delenv(MODEL.variable)
    for _ in range(3):
        assert get_hub_model(MODEL) == model
    monkeypatch.setenv(MODEL.variable, "someone/other")
    get_hub_model(MODEL)
    assert asked == [("someone/tiny", "0" * 40), ("someone/other", None)]


def test_products_are_float32_whatever_is_around_and_the_switch_goes_back():
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        inside, leave = threading.Event(), threading.Event()

        def other():
            with float32_inference("cpu"):
                inside.set()
                leave.wait(10)

        thread = threading.Thread(target=other)
        with float32_inference("cpu"):
            thread.start()
            assert inside.wait(10)
            assert torch.get_float32_matmul_precision() == "highest"
        # The other thread still computes.
        assert torch.get_float32_matmul_precision() == "highest"
        leave.set()
        thread.join()
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision(before)


def test_apples_device_is_known_to_have_no_float64():
    assert [has_float64(device) for device in ("cpu", "cuda:1", "mps", "mps:0")] == [
        True,
        True,
        False,
        False,
    ]


def test_an_fid_of_an_unknown_number_of_images_is_not_ranked():
    moments = Gaussian.of_features(np.eye(3, dtype=np.float32))
    sides = {"truth": moments, "output": moments}
    value = FIDMetric().compute_moments(sides, {"truth": 5, "output": None}, {})
    assert value.n == 0
    assert value.unranked.startswith("number of images unknown")


def test_other_photos_of_a_garment_are_no_rivals_and_garments_are_drawn():
    rng = np.random.default_rng(0)
    cloth = np.repeat(rng.normal(size=(10, 6)), 3, axis=0)
    found = {"cloth": cloth, "output": cloth + 0.3 * rng.normal(size=cloth.shape)}
    groups = [f"g{index // 3}" for index in range(30)]
    metric = make_metric("retrieval_colour")
    alone = metric.compute({**found, "output": cloth}, 0, {})
    assert alone.value == pytest.approx(1 / 3)  # equal photos tie
    assert metric.compute({**found, "output": cloth}, 0, {}, groups).value == 1
    fixed = {**found, "output": np.repeat(cloth[::3][::-1], 3, axis=0)}
    fixed["output"][:15] = cloth[:15]
    drawn = metric.compute(fixed, 0, {}, groups).interval
    singles = metric.compute(fixed, 0, {}, [str(index) for index in range(30)]).interval
    assert drawn[1] - drawn[0] > singles[1] - singles[0]
    one = metric.compute(found, 0, {}, ["g"] * 30)
    assert one.value is None
    assert "at least 2 garments, not 1" in one.not_computed
