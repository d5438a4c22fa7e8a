"""Identities, recipes and seeds as they were before the house was rebuilt: they may not move.

A digest that moves gives a finished run another folder; a recipe that moves makes old and new
values incomparable. Change `data/pinned.json` only together with a version that says so.
"""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
import tpgbench
from pictures import save
from places import DATA
from tpgbench.benchmark.fit import fit_truth
from tpgbench.benchmark.run.identity import Identity, sample_seed
from tpgbench.benchmark.run.options import GenerateOptions
from tpgbench.benchmark.run.plan import make_plan
from tpgbench.core.options import resolve
from tpgbench.metrics import SSIM, compute_metric

PINNED = json.loads((DATA / "pinned.json").read_text(encoding="utf-8"))


def identity(model: str, **options: object) -> Identity:
    return make_plan(model, resolve(GenerateOptions, options))[0].identity


@pytest.mark.parametrize("run", PINNED["digests"])
def test_the_identity_of_a_default_run_is_what_it_was(run):
    model, dataset = run.split()
    assert (
        identity(model, dataset=None if dataset == "default" else dataset).digest()
        == PINNED["digests"][run]
    )


@pytest.mark.parametrize("model", PINNED["weights"])
def test_the_names_and_hashes_of_shipped_weights_are_what_they_were(model):
    assert identity(model).weights == PINNED["weights"][model]


def test_the_seed_of_a_sample_is_what_it_was():
    assert {sample_id: sample_seed(0, sample_id) for sample_id in PINNED["seeds"]} == (
        PINNED["seeds"]
    )


def same_values(values, pinned):
    for value in values:
        number, interval = pinned[value.name]
        assert value.value == pytest.approx(number, rel=1e-9), value.name
        if interval is None:
            assert value.interval is None
        else:
            # Of three samples the resampled means are few: the last bit of a score, which depends
            # on the processor, moves an end to the next of them.
            assert value.interval == pytest.approx(interval, rel=0.05), value.name


def test_recipes_and_values_of_a_run_are_what_they_were(tmp_path):
    names = list(PINNED["recipes"])
    result = tpgbench.run("crop", limit=3, out=tmp_path / "run", metrics=names).result
    assert {value.name: value.recipe for value in result.metrics} == PINNED["recipes"]
    same_values(result.metrics, PINNED["values"])


def test_recipes_and_values_of_outside_photos_are_what_they_were(tmp_path):
    dataset = tpgbench.load_dataset("mannequin-synth", "paired")
    for index in range(3):
        row = dataset[index]
        truth = fit_truth(row, size=dataset.size, fit=dataset.fit)
        save(255 - truth, tmp_path / "images" / f"{row.sample_id}.png")
    result = tpgbench.score_images(
        tmp_path / "images",
        "mannequin-synth",
        split="paired",
        limit=3,
        out=tmp_path / "run",
        metrics=list(PINNED["mannequin recipes"]),
    ).result
    assert {value.name: value.recipe for value in result.metrics} == PINNED["mannequin recipes"]
    same_values(result.metrics, PINNED["mannequin values"])


@pytest.mark.parametrize("metric", PINNED["folder recipes"])
def test_recipes_over_two_folders_are_what_they_were(metric, tmp_path):
    for index in range(4):
        pixels = np.random.default_rng(index).integers(0, 256, (40, 32, 3), dtype=np.uint8)
        save(pixels, tmp_path / "A" / f"{index}.png")
        save(pixels // 2, tmp_path / "B" / f"{index}.png")
    value = compute_metric(metric, [tmp_path / "A", tmp_path / "B"])
    assert value.recipe == PINNED["folder recipes"][metric]


def test_the_recipe_in_a_training_loop_is_what_it_was():
    images = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    metric = SSIM()
    metric.update(images, images / 2)
    assert metric.value().recipe == PINNED["torch recipe"]["ssim"]
