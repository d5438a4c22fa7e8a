"""Training SLDDM, all stages: it resumes, it does without patterns, it takes a base model."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from slddm_samples import (
    garments,
    narrow_clip,
    narrow_stable_diffusion,
    photo_folder,
    untrained,
)
from tpgbench.core.errors import TpgbenchError
from tpgbench.reference_models.shared.autoencoder import PatchAutoencoder
from tpgbench.reference_models.shared.shipping import weight_sums, write_checksums
from tpgbench.reference_models.slddm.checkpoint import load_checkpoint
from tpgbench.reference_models.slddm.contexts import label_tracks
from tpgbench.reference_models.slddm.diffusion_objective import DiffusionObjective
from tpgbench.reference_models.slddm.networks import make_autoencoder
from tpgbench.reference_models.slddm.pipeline_folder import PARTS, open_pipeline_folder
from tpgbench.reference_models.slddm.presets import SD15, SMOKE_FILL, adjust_preset
from tpgbench.reference_models.slddm.train import TrainingSpec, train_slddm
from tpgbench.reference_models.training.folder import read_curve

# As SD15's, a hundredth of its size.
NARROW_LDN = {"encoder_widths": (8, 8), "hidden": 16, "features": 24, "predictor": 8}


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return photo_folder(tmp_path_factory.mktemp("data") / "photos", 12, unlabelled=3)


@pytest.fixture(scope="module", autouse=True)
def _cache(tmp_path_factory):
    """Keep the rows out of the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


def spec(folder, photos, preset=SMOKE_FILL, **changes):
    given = {
        "preset": adjust_preset(preset, tracker="tensorboard"),
        "folder": folder,
        "datasets": (str(photos),),
        "stages": preset.stages,
        "split": "test",
        "held_out": "test",
    }
    return TrainingSpec(**{**given, **changes})


@pytest.fixture(scope="module")
def trained(photos, tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    return folder, train_slddm(spec(folder, photos))


def weights(folder):
    files = sorted((folder / "pipeline").glob("*/*.safetensors"))
    return {f"{f.parent.name}/{name}": value for f in files for name, value in load_file(f).items()}


def test_every_stage_trains_and_leaves_its_part(trained):
    folder, summaries = trained

    assert list(summaries) == ["autoencoder", "ldn", "sldm"]
    assert all(summary.finished and summary.samples == 24 for summary in summaries.values())
    assert {"ssim_1", "psnr_1", "ssim_2", "psnr_2"} == set(summaries["sldm"].validation)
    pipeline = load_checkpoint(folder / "pipeline")
    files = open_pipeline_folder(folder / "pipeline").files()
    assert pipeline.config.fill
    assert {name.split("/")[0] for name in files} > set(PARTS)
    for stage in summaries:
        assert [point.step for point in read_curve(folder / stage / "curve.jsonl")] == [1, 2, 3]
        assert any((folder / stage / "logs").rglob("events.*"))
    assert list((folder / "sldm" / "previews").glob("*.png"))


def test_a_finished_training_is_not_done_again(trained, photos):
    folder, _ = trained
    before = weights(folder)

    again = train_slddm(spec(folder, photos))

    assert again["sldm"].finished
    assert all(torch.equal(value, before[name]) for name, value in weights(folder).items())


def test_killed_and_resumed_gives_the_same_weights(trained, photos, tmp_path):
    words = [
        "train",
        "slddm",
        "--preset",
        "smoke-fill",
        "--dataset",
        str(photos),
        "--split",
        "test",
    ]
    words += ["--held-out", "test", "--out", str(tmp_path / "killed")]
    process = subprocess.Popen(
        [sys.executable, "-m", "tpgbench", *words],
        env={**os.environ},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    moment = tmp_path / "killed" / "ldn" / "curve.jsonl"
    while not moment.exists() and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    _, said = process.communicate()
    assert process.returncode == -signal.SIGKILL, said
    assert not (tmp_path / "killed" / "pipeline" / "unet").exists()

    train_slddm(spec(tmp_path / "killed", photos))

    expected = weights(trained[0])
    found = weights(tmp_path / "killed")
    assert found.keys() == expected.keys()
    assert [name for name in found if not torch.equal(found[name], expected[name])] == []


def test_both_tracks_train_together_and_each_is_judged_fairly(tmp_path):
    tracks = ("ctp-synth", "ctp-synth-unaligned")
    given = spec(tmp_path, None, datasets=tracks, split="train", held_out="validation")

    figures = train_slddm(given)["sldm"].validation

    names = {f"{kind}{shift}" for kind in ("ssim", "psnr") for shift in ("", "_shift")}
    assert set(figures) == {f"{name}_{steps}" for name in names for steps in (1, 2)}
    moved = weights(tmp_path)["unet/class_embedding.weight"].any(dim=1)
    assert moved.tolist() == [True, True]


def test_both_tracks_without_telling_are_refused(tmp_path):
    unet = SMOKE_FILL.networks.unet | {"num_class_embeds": None}
    untold = SMOKE_FILL.model_copy(
        update={"networks": SMOKE_FILL.networks.model_copy(update={"unet": unet})}
    )
    tracks = ("ctp-synth", "ctp-synth-unaligned")

    with pytest.raises(TpgbenchError, match="and the U-Net of the preset 'smoke-fill'"):
        train_slddm(spec(tmp_path / "out", None, untold, datasets=tracks, split="train"))
    assert not (tmp_path / "out").exists()


def test_an_unlabelled_row_asks_for_what_it_is_judged_by():
    """Its pattern unknown, it is judged by the garment as worn, whatever its dataset's track."""
    pipeline = untrained(SMOKE_FILL)
    torch.nn.init.normal_(pipeline.unet.class_embedding.weight)
    objective = DiffusionObjective(pipeline, SMOKE_FILL.diffusion)
    images, masks = garments(4)

    def losses(track, *, labelled):
        batch = {"garment": images, "mask": masks, "pattern": images.flip(0), "fill": images}
        batch["labelled"] = torch.full((4,), labelled)
        batch["track_labels"] = label_tracks([track] * 4)
        with torch.no_grad():
            said = objective(batch, torch.Generator().manual_seed(0))
        return {name: float(value) for name, value in said.items()}

    assert losses("unaligned", labelled=False) == losses("aligned", labelled=False)
    assert losses("unaligned", labelled=True) != losses("aligned", labelled=True)


def test_a_network_that_knew_one_track_is_told_of_both(trained, photos, tmp_path):
    unet = {**SMOKE_FILL.networks.unet, "num_class_embeds": None}
    untold = SMOKE_FILL.model_copy(
        update={"networks": SMOKE_FILL.networks.model_copy(update={"unet": unet})}
    )
    start = (trained[0] / "pipeline",)
    one = spec(tmp_path / "one", photos, untold, stages=("sldm",), start=start)
    train_slddm(one)
    assert "unet/class_embedding.weight" not in weights(one.folder)

    both = spec(
        tmp_path / "both", photos, stages=("sldm",), start=(one.pipeline_folder,), warm=True
    )
    train_slddm(both)
    # All rows are of the aligned track: nothing tells it of the other.
    moved = weights(both.folder)["unet/class_embedding.weight"].any(dim=1)
    assert moved.tolist() == [True, False]


def test_a_share_of_labels_changes_what_is_learned(trained, photos, tmp_path):
    folder, _ = trained
    changed = spec(
        tmp_path / "out",
        photos,
        adjust_preset(SMOKE_FILL, labelled=1.0),
        stages=("sldm",),
        start=(folder / "pipeline",),
        held_out=None,
    )
    train_slddm(changed)

    before, after = weights(folder), weights(tmp_path / "out")
    assert torch.equal(before["ldn/scm.projector.0.weight"], after["ldn/scm.projector.0.weight"])
    assert any(
        not torch.equal(value, after[name])
        for name, value in before.items()
        if name.startswith("unet/")
    )


@pytest.fixture(scope="module")
def narrow(tmp_path_factory):
    folder = tmp_path_factory.mktemp("narrow")
    preset = adjust_preset(
        SD15,
        base=str(narrow_stable_diffusion(folder / "base")),
        image_encoder=str(narrow_clip(folder / "clip")),
        size=64,
        steps=2,
        batch_size=4,
        accumulation=1,
        precision="fp32",
        tracker="tensorboard",
        options=["weights.perceptual=0", "cls_kernel_size=8"],  # VGG's weights are not here
    )
    networks = preset.networks.model_copy(update={"ldn": NARROW_LDN})
    return preset.model_copy(update={"networks": networks, "steps": 2})


def test_the_paper_s_preset_trains_from_a_base_model(narrow, photos, tmp_path):
    summaries = train_slddm(spec(tmp_path, photos, narrow))

    assert list(summaries) == ["ldn", "sldm"]
    assert {"noise", "mse", "cls", "std", "std_cross"} == set(summaries["sldm"].losses)
    pipeline = load_checkpoint(tmp_path / "pipeline")
    assert pipeline.config.size == 64
    assert pipeline.ldn.config.latent_size == 8
    assert pipeline.unet.config.in_channels == 9
    # Only the paper's part of the backbone was trained.
    base = load_file(Path(narrow.base) / "unet" / "diffusion_pytorch_model.safetensors")
    now = pipeline.unet.state_dict()
    name = "mid_block.resnets.0.conv1.weight"
    assert torch.equal(now[name], base[name])
    assert any(value.abs().sum() > 0 for key, value in now.items() if ".attn_ldn.to_out.0.w" in key)


def test_std_with_a_batch_of_one_names_the_setting(narrow, photos, tmp_path):
    train_slddm(spec(tmp_path, photos, narrow, stages=("ldn",)))

    alone = adjust_preset(narrow, batch_size=1)
    with pytest.raises(TpgbenchError, match=r"batch of 1: set batch_size to 2"):
        train_slddm(spec(tmp_path, photos, alone, stages=("sldm",), held_out=None))


@pytest.mark.parametrize("part", ["vae", "unet"])
def test_a_base_model_without_a_part_is_refused(narrow, photos, tmp_path, part):
    base = narrow_stable_diffusion(tmp_path / "base")
    (base / part).rename(base / "elsewhere")
    lacking = narrow.model_copy(update={"base": str(base)})
    start = ()
    stages = ("ldn",)
    if part == "unet":
        train_slddm(spec(tmp_path / "out", photos, narrow, stages=("ldn",)))
        stages = ("sldm",)

    with pytest.raises(TpgbenchError, match=rf"the part '{part}' of .*base cannot be loaded") as e:
        train_slddm(spec(tmp_path / "out", photos, lacking, stages=stages, start=start))
    assert "\n" not in str(e.value)


def test_sizes_that_a_latent_cannot_have_are_refused(narrow, photos, tmp_path):
    odd = adjust_preset(narrow, size=60)

    with pytest.raises(TpgbenchError, match="--size 60: give a size divisible by 8"):
        train_slddm(spec(tmp_path, photos, odd))


def test_out_of_memory_names_the_setting_to_lower(photos, tmp_path, monkeypatch):
    from tpgbench.reference_models.slddm.autoencoder_objective import AutoencoderObjective

    def fail(*_):
        raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr(AutoencoderObjective, "forward", fail)

    with pytest.raises(TpgbenchError, match="out of memory: lower batch_size"):
        train_slddm(spec(tmp_path, photos))


def test_stages_need_the_ones_before_them(photos, tmp_path):
    with pytest.raises(TpgbenchError, match="has no 'vae', which --stage ldn needs"):
        train_slddm(spec(tmp_path, photos, stages=("ldn",)))
    with pytest.raises(TpgbenchError, match="has only ldn, sldm"):
        train_slddm(spec(tmp_path, photos, SD15, stages=("autoencoder",)))
    (tmp_path / "empty").mkdir()
    with pytest.raises(TpgbenchError, match="empty: is no pipeline folder"):
        train_slddm(spec(tmp_path, photos, stages=("ldn",), start=(tmp_path / "empty",)))


def test_data_without_patterns_are_refused(tmp_path):
    bare = photo_folder(tmp_path / "bare", 3, unlabelled=3)
    given = spec(tmp_path / "out", bare)

    with pytest.raises(TpgbenchError, match="--held-out test: none of the first 3 rows"):
        train_slddm(given)
    assert not (tmp_path / "out").exists()
    with pytest.raises(TpgbenchError, match="0 labelled rows in a batch of 8"):
        train_slddm(replace(given, held_out=None))


def listing(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def damage(file):
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)


def truncate(file):
    file.write_bytes(file.read_bytes()[:-100])


def remove_config(file):
    (file.parent / "config.json").unlink()


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (damage, "its sha256 begins .* the file is damaged or was changed"),
        (truncate, r"--start .*\.safetensors: is damaged"),
        (Path.unlink, r"--start .*ldn: has no weights"),
        (remove_config, r"ldn: its config\.json cannot be read"),
    ],
)
def test_a_start_that_is_damaged_leaves_nothing(trained, photos, tmp_path, harm, message):
    start = tmp_path / "start"
    shutil.copytree(trained[0] / "pipeline", start)
    sums = {name: one for part in PARTS for name, one in weight_sums(start, part).items()}
    write_checksums(start, sums)
    harm(start / "ldn" / "diffusion_pytorch_model.safetensors")
    given = spec(tmp_path / "out", photos, stages=("sldm",), held_out=None, start=(start,))

    with pytest.raises(TpgbenchError, match=message):
        train_slddm(given)
    assert not (tmp_path / "out").exists()

    # So a good one is not kept out.
    train_slddm(replace(given, start=(trained[0] / "pipeline",)))
    assert (tmp_path / "out" / "pipeline" / "ldn").is_dir()


def test_a_start_that_lacks_a_listed_file_is_refused(trained, photos, tmp_path):
    start = tmp_path / "start"
    shutil.copytree(trained[0] / "pipeline", start)
    write_checksums(start, {"ldn/other.safetensors": "0"})

    with pytest.raises(TpgbenchError, match=r"has no 'ldn/other\.safetensors', which checksums"):
        train_slddm(spec(tmp_path / "out", photos, stages=("sldm",), start=(start,)))
    assert not (tmp_path / "out").exists()


def test_the_held_out_split_is_looked_at_before_the_first_stage(photos, tmp_path):
    wrong = spec(tmp_path / "out", photos, held_out="validation")

    with pytest.raises(TpgbenchError, match="--held-out validation: "):
        train_slddm(wrong)
    assert not (tmp_path / "out").exists()
    train_slddm(replace(wrong, stages=("autoencoder",)))  # which has no held-out figures


@pytest.mark.parametrize("change", [{"learning_rate": 0.5}, {"tracker": "tensorbord"}])
def test_a_refused_command_is_no_session(trained, photos, tmp_path, change):
    folder = tmp_path / "out"
    shutil.copytree(trained[0], folder)
    before = listing(folder)
    sessions = (folder / "sessions.jsonl").read_text()

    with pytest.raises(TpgbenchError):
        train_slddm(replace(spec(folder, photos), preset=adjust_preset(SMOKE_FILL, **change)))

    assert listing(folder) == before
    assert (folder / "sessions.jsonl").read_text() == sessions
    assert sessions.count("\n") == 1


def test_only_a_training_s_records_are_taken_along(trained, photos, tmp_path):
    lone = tmp_path / "lone" / "pipeline"
    shutil.copytree(trained[0] / "pipeline", lone)
    for name in ("data/metadata.jsonl", "data/curve.jsonl", "other/sessions.jsonl"):
        path = lone.parent / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("garbage\n")
    further = spec(tmp_path / "out", photos, stages=("sldm",), held_out=None, warm=True)

    train_slddm(replace(further, start=(lone,)))
    assert not (tmp_path / "out" / "earlier").exists()

    whole = tmp_path / "whole"
    shutil.copytree(trained[0], whole)
    (whole / "runs" / "a").mkdir(parents=True)
    (whole / "runs" / "a" / "sessions.jsonl").write_text("garbage\n")
    (whole / "list.jsonl").write_text("garbage\n")
    out = tmp_path / "second"
    train_slddm(replace(further, folder=out, start=(whole / "pipeline",)))
    stages = [f"{stage}{end}" for stage in SMOKE_FILL.stages for end in ("", "/curve.jsonl")]
    assert listing(out / "earlier" / "000") == sorted([*stages, "sessions.jsonl"])

    third = tmp_path / "third"
    train_slddm(replace(further, folder=third, start=(out / "pipeline",)))
    assert sorted(one.name for one in (third / "earlier").iterdir()) == ["000", "001"]
    assert listing(third / "earlier" / "000") == listing(out / "earlier" / "000")
    assert (third / "earlier" / "001" / "sldm" / "curve.jsonl").is_file()


def test_a_base_model_of_another_kind_is_refused(narrow, photos, tmp_path, capfd):
    base = narrow_stable_diffusion(tmp_path / "base")
    shutil.rmtree(base / "vae")
    PatchAutoencoder(width=32).save_pretrained(base / "vae")
    other = narrow.model_copy(update={"base": str(base)})

    with pytest.raises(TpgbenchError, match="as AutoencoderKL: it is of the class PatchAutoenc"):
        train_slddm(spec(tmp_path / "out", photos, other))
    assert not (tmp_path / "out").exists()
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("lacking", "message"),
    [("file", "no file named diffusion_pytorch_model.safetensors"), ("weight", "has no weight '")],
)
def test_missing_weights_are_one_line(narrow, tmp_path, capfd, lacking, message):
    base = narrow_stable_diffusion(tmp_path / "base")
    file = base / "vae" / "diffusion_pytorch_model.safetensors"
    tensors = load_file(file)
    file.unlink()
    if lacking == "file":
        torch.save(tensors, file.with_suffix(".bin"))  # which may run code
    else:
        save_file({name: one for name, one in tensors.items() if "conv_in" not in name}, file)
    other = narrow.model_copy(update={"base": str(base)})

    with pytest.raises(TpgbenchError, match=message):
        make_autoencoder(other, tmp_path / "out")
    assert capfd.readouterr().err == ""
