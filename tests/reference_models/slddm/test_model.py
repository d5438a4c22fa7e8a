"""SLDDM under the harness."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch
from slddm_samples import (
    NOWHERE,
    SMOKE_FILL,
    narrow_clip,
    narrow_stable_diffusion,
    photo_folder,
    save_checkpoint,
    untrained,
)
from tpgbench.api import runs as api
from tpgbench.benchmark import catalogue
from tpgbench.benchmark.sample import Sample
from tpgbench.core.errors import TpgbenchError
from tpgbench.reference_models.slddm import model as model_module
from tpgbench.reference_models.slddm.model import SLDDM, SLDDMFill
from tpgbench.reference_models.slddm.networks import make_pipeline
from tpgbench.reference_models.slddm.pipeline_folder import PARTS
from tpgbench.reference_models.slddm.presets import TINY, TINY_FILL


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return str(save_checkpoint(untrained(), tmp_path_factory.mktemp("small") / "slddm"))


@pytest.fixture(scope="module")
def fill_weights(tmp_path_factory):
    return str(
        save_checkpoint(untrained(SMOKE_FILL), tmp_path_factory.mktemp("fill") / "slddm-fill")
    )


def loaded(kind, weights, **options):
    model = kind(kind.config_type(**options))
    model.load("cpu", "fp32", weights)
    return model


def samples(count, size=64):
    rng = np.random.default_rng(0)
    mask = np.zeros((size, size), dtype=bool)
    mask[8:-8, 8:-8] = True
    return [
        Sample(str(index), size, rng.integers(0, 256, (size, size, 3), dtype=np.uint8), mask)
        for index in range(count)
    ]


@pytest.mark.parametrize(("kind", "preset"), [(SLDDM, TINY), (SLDDMFill, TINY_FILL)])
def test_the_card_counts_the_parameters_of_the_preset(kind, preset):
    pipeline = make_pipeline(preset, NOWHERE)

    counted = sum(p.numel() for part in PARTS for p in getattr(pipeline, part).parameters())

    assert kind.card.parameters == counted
    assert kind.preset == preset.name


def test_both_are_listed_without_their_weights(monkeypatch, tmp_path):
    monkeypatch.setattr(model_module, "_CHECKPOINTS", tmp_path)

    entries = {entry.name: entry for entry in catalogue.list_models()}

    assert entries["slddm"].licence == entries["slddm-fill"].licence == "Apache-2.0"
    assert set(entries["slddm"].options) == {"steps", "guidance", "strength", "track"}
    assert not [line for line in catalogue.diagnose().broken if "slddm" in line]


@pytest.mark.parametrize(("kind", "preset"), [(SLDDM, "tiny"), (SLDDMFill, "tiny-fill")])
def test_without_a_checkpoint_it_says_how_to_train_one(monkeypatch, tmp_path, kind, preset):
    monkeypatch.setattr(model_module, "_CHECKPOINTS", tmp_path)

    with pytest.raises(TpgbenchError, match=f"tpgbench train slddm --preset {preset} --out DIR"):
        loaded(kind, None)


def test_a_checkpoint_of_the_other_model_is_refused(weights, fill_weights):
    with pytest.raises(TpgbenchError, match="run --model slddm-fill"):
        loaded(SLDDM, fill_weights)
    with pytest.raises(TpgbenchError, match="run --model slddm$"):
        loaded(SLDDMFill, weights)


@pytest.mark.parametrize("kind", [SLDDM, SLDDMFill])
def test_a_batch_is_the_sum_of_its_samples(kind, weights, fill_weights):
    model = loaded(kind, fill_weights if kind is SLDDMFill else weights)
    given = samples(3)

    together = model.generate(given, [5, 6, 7])
    alone = [model.generate([one], [seed])[0] for one, seed in zip(given, [5, 6, 7], strict=True)]

    assert all(image.shape == (64, 64, 3) and image.dtype == np.uint8 for image in together)
    assert max(np.abs(a.astype(int) - b).max() for a, b in zip(together, alone, strict=True)) <= 1
    (other,) = model.generate(given[:1], [99])
    assert np.abs(other.astype(int) - together[0]).max() > 1


@pytest.fixture(scope="module")
def told_weights(tmp_path_factory):
    pipeline = untrained()
    torch.nn.init.normal_(pipeline.unet.class_embedding.weight)
    return str(save_checkpoint(pipeline, tmp_path_factory.mktemp("told") / "slddm"))


def test_the_wanted_pattern_is_the_sample_s_or_the_option_s(told_weights):
    plain, told = loaded(SLDDM, told_weights), loaded(SLDDM, told_weights, track="unaligned")
    given = samples(2)
    seeds = [1, 2]
    aligned = plain.generate(given, seeds)
    unaligned = plain.generate([replace(one, track="unaligned") for one in given], seeds)

    assert np.abs(np.float64(aligned) - np.float64(unaligned)).mean() > 1
    np.testing.assert_array_equal(told.generate(given, seeds), unaligned)
    # Each garment of a batch is told for itself.
    mixed = plain.generate([given[0], replace(given[1], track="unaligned")], seeds)
    assert np.abs(np.int16(mixed[0]) - np.int16(aligned[0])).max() <= 1
    assert np.abs(np.int16(mixed[1]) - np.int16(unaligned[1])).max() <= 1


def test_a_track_is_not_asked_of_weights_that_know_one(tmp_path):
    pipeline = untrained()
    untold = {**pipeline.unet.config, "num_class_embeds": None}
    pipeline.register_modules(unet=type(pipeline.unet).from_config(untold))
    weights = str(save_checkpoint(pipeline, tmp_path / "untold"))

    with pytest.raises(TpgbenchError, match=r"-o track=unaligned: .*untold knows one kind"):
        loaded(SLDDM, weights, track="unaligned")
    # A dataset may be of either: such weights were trained on its like, or they were not.
    given = [replace(one, track="unaligned") for one in samples(1)]
    assert len(loaded(SLDDM, weights).generate(given, [1])) == 1


def test_the_dataset_says_which_pattern_is_wanted(told_weights, tmp_path):
    def run(dataset, name, **options):
        given = {"size": 64, "limit": 2, "options": {"steps": 1, **options}}
        api.generate("slddm", dataset=dataset, weights=told_weights, out=tmp_path / name, **given)
        files = sorted((tmp_path / name / "generations").glob("*.png"))
        assert len(files) == 2
        return [file.read_bytes() for file in files]

    unaligned = run("ctp-synth-unaligned", "unaligned")
    assert unaligned == run("ctp-synth", "asked", track="unaligned")
    assert unaligned != run("ctp-synth", "aligned")
    assert unaligned != run("ctp-synth-unaligned", "overruled", track="aligned")


def test_other_sizes_are_brought_to_the_networks_own(weights):
    (image,) = loaded(SLDDM, weights).generate(samples(1, size=100), [0])

    assert image.shape == (100, 100, 3)


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("CUDA out of memory. Tried to"),
        MemoryError(),
        RuntimeError("can't allocate memory"),
    ],
)
def test_short_memory_names_the_setting_to_lower(weights, monkeypatch, error):
    model = loaded(SLDDM, weights)

    def fail(*_, **__):
        raise error

    monkeypatch.setattr(model, "pipeline", fail)
    fail.config = type("Config", (), {"size": 64})

    with pytest.raises(TpgbenchError, match="out of memory with 2 garments at once: lower --batch"):
        model.generate(samples(2), [0, 1])
    with pytest.raises(TpgbenchError, match="--precision bf16"):
        model.generate(samples(1), [0])


def test_other_failures_are_not_called_that(weights, monkeypatch):
    model = loaded(SLDDM, weights)
    monkeypatch.setattr(
        model.pipeline.unet, "forward", lambda *_, **__: torch.zeros(3) @ torch.zeros(4)
    )

    with pytest.raises(RuntimeError, match="size"):
        model.generate(samples(1), [0])


def test_photos_without_masks_are_taken_whole_with_a_warning(weights, tmp_path):
    folder = photo_folder(tmp_path / "photos", 3, masks=False, unlabelled=0)

    with pytest.warns(UserWarning, match="the whole photo counts as garment"):
        outcome = api.run(
            model="slddm",
            dataset=folder,
            weights=weights,
            size=64,
            metrics=["ssim"],
            out=tmp_path / "run",
        )

    assert outcome.exit_code == 0
    assert outcome.result.samples.ok == 3


def test_the_paper_s_backbone_runs_under_the_harness(tmp_path):
    from tpgbench.reference_models.slddm.presets import SD15

    networks = SD15.networks.model_copy(
        update={"ldn": {"encoder_widths": (8, 8), "hidden": 16, "features": 24, "predictor": 8}}
    )
    preset = SD15.model_copy(
        update={
            "base": str(narrow_stable_diffusion(tmp_path / "base")),
            "image_encoder": str(narrow_clip(tmp_path / "clip")),
            "size": 64,
            "networks": networks,
        }
    )
    pipeline = make_pipeline(preset, NOWHERE)
    pipeline.save_pretrained(tmp_path / "pipeline")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", ".*has no checksums.json")  # nobody shipped it
        model = loaded(SLDDM, str(tmp_path / "pipeline"), steps=2, guidance=2.0)

    (image,) = model.generate(samples(1), [0])

    assert image.shape == (64, 64, 3)
