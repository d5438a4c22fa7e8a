"""The task mannequin under the harness: what models see, what is judged, and reports."""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image as Pillow
from tpgbench.api import runs as api
from tpgbench.benchmark.fit import fit_inputs, fit_mannequin, fit_pair, fit_truth
from tpgbench.benchmark.model import MODELS, Model, ModelCard
from tpgbench.benchmark.sample import MannequinSample
from tpgbench.core.errors import TpgbenchError
from tpgbench.datasets_builders.base import MannequinRow

PAIRED = {"psnr", "ssim", "texture_band", "texture_band@lack", "texture_band@excess"}


class Echo(Model[MannequinSample]):
    """Paints the condition, or grey by the caption's length."""

    name = "echo"
    task = "mannequin"
    card = ModelCard(title="an echo", source="the tests", licence="CC0-1.0")

    def generate(
        self, samples: Sequence[MannequinSample], seeds: Sequence[int]
    ) -> Sequence[np.ndarray]:
        return [
            np.full((one.size, one.size, 3), len(one.caption) % 256, np.uint8)
            if one.condition is None
            else one.condition
            for one in samples
        ]


@pytest.fixture(autouse=True)
def _echo(monkeypatch):
    get = MODELS.get
    monkeypatch.setattr(MODELS, "get", lambda name: Echo if name == "echo" else get(name))


def make_row(height: int = 60, width: int = 40) -> MannequinRow:
    rng = np.random.default_rng(0)
    photo = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    mask = np.zeros((height, width), bool)
    mask[20:40, 10:30] = True
    return MannequinRow("a", "a red dress", photo, mask, photo, "a")


class TestFit:
    def test_pad_keeps_the_whole_photo_and_all_lies_in_one_frame(self):
        row = make_row()
        sample = fit_mannequin(row, size=60)
        truth = fit_truth(row, size=60, fit="pad")
        assert np.array_equal(truth[:, 10:50], row.image)
        assert np.array_equal(truth[:, :10], np.repeat(row.image[:, :1], 10, axis=1))
        assert np.array_equal(sample.condition, truth)
        assert np.array_equal(sample.mask[:, 10:50], row.mask)
        assert not sample.mask[:, :10].any()

    def test_a_caption_alone_gives_no_mask_away(self):
        row = replace(make_row(), condition=None)
        sample = fit_inputs(row, size=32, fit="pad")
        assert sample == MannequinSample("a", 32, "a red dress")
        pair = fit_pair(row, np.zeros((32, 32, 3), np.uint8), size=32, fit="pad")
        assert pair.mask.any()
        assert not pair.determined

    def test_a_mask_of_another_size_is_named(self):
        row = replace(make_row(), mask=np.ones((60, 41), bool))
        with pytest.raises(TpgbenchError, match="41x60 px and the photo 40x60"):
            fit_mannequin(row, size=32)


def values(outcome: api.RunOutcome) -> dict[str, float | None]:
    return {value.name: value.value for value in outcome.result.metrics}


class TestRun:
    def test_the_task_brings_its_dataset_and_a_caption_alone_is_not_judged_by_pixels(
        self, tmp_path
    ):
        outcome = api.run("echo", limit=2, out=tmp_path / "run")
        assert outcome.result.dataset == "mannequin-synth"
        assert outcome.exit_code == 0
        reasons = {value.name: value.not_computed for value in outcome.result.metrics}
        assert all("caption alone" in reasons[name] for name in PAIRED)
        assert outcome.report.is_file()
        assert json.loads((tmp_path / "run/run.json").read_text())["identity"]["fit"] == "pad"

    def test_the_paired_split_is_judged_by_pixels_and_shown(self, tmp_path):
        names = ["psnr", "ssim", "texture_band"]
        outcome = api.run("echo", split="paired", limit=2, metrics=names, out=tmp_path / "run")
        assert outcome.exit_code == 0
        assert all(value is not None for value in values(outcome).values())
        page = outcome.report.read_text(encoding="utf-8")
        assert "condition" in page
        assert "photos cannot be shown" not in page

    def test_the_truths_themselves_score_as_outside_images_and_compare(self, tmp_path):
        from tpgbench.datasets_builders.load import open_dataset

        dataset = open_dataset("mannequin-synth", "paired")
        (tmp_path / "images").mkdir()
        for index in range(2):
            row = dataset[index]
            Pillow.fromarray(row.image).save(tmp_path / "images" / f"{row.sample_id}.png")
        names = ["ssim", "texture_band"]
        outside = api.score_images(
            tmp_path / "images",
            "mannequin-synth",
            split="paired",
            limit=2,
            metrics=names,
            out=tmp_path / "outside",
        )
        assert values(outside) == {"ssim": 1.0, "texture_band": 0.0}
        run = api.run("echo", split="paired", limit=2, metrics=names, out=tmp_path / "run")
        assert values(run)["ssim"] < 1
        comparison = api.compare([run.path, outside.path])
        assert set(comparison.metrics) == set(names)

    def test_other_frames_and_other_tasks_are_refused(self, tmp_path):
        with pytest.raises(TpgbenchError, match="--fit box: .* give pad or stretch"):
            api.run("echo", limit=1, fit="box", out=tmp_path / "run")
        with pytest.raises(TpgbenchError, match="for the task 'tpg', not 'mannequin'"):
            api.run("echo", dataset="ctp-synth", limit=1, out=tmp_path / "run")
        with pytest.raises(TpgbenchError, match="not for the task 'mannequin'"):
            api.run("echo", metrics=["repeat"], limit=1, out=tmp_path / "run")
        with pytest.raises(TpgbenchError, match="for the task 'mannequin', not 'tpg'"):
            api.run("crop", dataset="mannequin-synth", limit=1, out=tmp_path / "run")
        assert not (tmp_path / "run").exists()


def test_a_folder_of_real_photos_runs_end_to_end(tmp_path, shared_dir):
    from tpgbench.api import datasets as api_datasets

    source = shared_dir / "real_samples" / "mannequin_mini"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        api_datasets.build_dataset("fashion-mannequin", source=source, out=tmp_path / "set")
    outcome = api.run("echo", dataset=tmp_path / "set", limit=2, size=64, out=tmp_path / "run")
    assert outcome.result.samples.ok == 2
    assert outcome.exit_code == 0
