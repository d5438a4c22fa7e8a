"""Inputs as files: what a model is given, and nothing of the ground truth."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest
import tpgbench
from pictures import mask, photo, save
from tpgbench.benchmark.fit import fit_inputs
from tpgbench.benchmark.run.identity import sample_seed
from tpgbench.core.errors import TpgbenchError
from tpgbench.core.images import read_image
from tpgbench.core.masks import read_mask


def read_manifest(folder):
    return [json.loads(line) for line in (folder / "manifest.jsonl").read_text().splitlines()]


def test_what_is_written_is_what_a_model_is_given(tmp_path):
    outcome = tpgbench.export_inputs("ctp-synth", tmp_path / "inputs", limit=3, size=64, seed=7)
    assert (outcome.samples, outcome.problems) == (3, ())
    rows = tpgbench.load_dataset("ctp-synth", size=64)
    for index, line in enumerate(read_manifest(outcome.path)):
        sample = fit_inputs(rows[index], size=64, fit=rows.fit)
        assert line["sample_id"] == sample.sample_id
        assert line["name"] == hashlib.sha256(sample.sample_id.encode()).hexdigest()[:16]
        assert line["seed"] == sample_seed(7, sample.sample_id)
        assert (line["caption"], line["track"]) == (sample.caption, "aligned")
        np.testing.assert_array_equal(
            read_image(outcome.path / line["garment"], ""), sample.garment
        )
        np.testing.assert_array_equal(read_mask(outcome.path / line["mask"], ""), sample.mask)


def test_no_pixel_of_the_truth_is_written(tmp_path):
    for index in range(2):
        save(photo(index), tmp_path / "own" / "garment" / f"{index}.png")
        save(mask(), tmp_path / "own" / "mask" / f"{index}.png")
        save(np.full((32, 32, 3), 201, np.uint8), tmp_path / "own" / "pattern" / f"{index}.png")
    outcome = tpgbench.export_inputs(tmp_path / "own", tmp_path / "inputs", size=32)
    for path in outcome.path.rglob("*.png"):
        assert not (read_image(path, "") == 201).all()
    text = (outcome.path / "manifest.jsonl").read_text()
    assert "pattern" not in text
    assert str(tmp_path) not in text


def test_outputs_written_where_the_manifest_says_are_scored(tmp_path):
    folder = tpgbench.export_inputs("ctp-synth", tmp_path / "inputs", limit=2, size=64).path
    for line in read_manifest(folder):
        save(read_image(folder / line["garment"], ""), folder / line["output"])
    scored = tpgbench.score_images(
        folder,
        "ctp-synth",
        manifest=folder / "manifest.jsonl",
        limit=2,
        size=64,
        metrics=["ssim", "mse"],
        out=tmp_path / "scored",
    )
    by_hand = tpgbench.run(
        lambda garment, mask: garment,
        limit=2,
        size=64,
        metrics=["ssim", "mse"],
        out=tmp_path / "run",
    )
    assert scored.problems == ()
    for name in ("ssim", "mse"):
        assert scored.result.metric(name).value == by_hand.result.metric(name).value


def test_a_mannequin_has_a_condition_and_a_caption(tmp_path):
    folder = tpgbench.export_inputs(
        "mannequin-synth", tmp_path / "inputs", split="paired", limit=1, size=64
    ).path
    (line,) = read_manifest(folder)
    assert read_image(folder / line["condition"], "").shape == (64, 64, 3)
    assert line["caption"]


def test_what_is_there_is_not_overwritten(tmp_path):
    (tmp_path / "inputs").mkdir()
    (tmp_path / "inputs" / "mine").write_text("x")
    with pytest.raises(TpgbenchError, match="is there already"):
        tpgbench.export_inputs("ctp-synth", tmp_path / "inputs", limit=1)
    assert [path.name for path in tmp_path.iterdir()] == ["inputs"]
