"""Checkpoints: what is written comes back, and what is damaged is refused in one line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from slddm_samples import SMALL, SMOKE_FILL, save_checkpoint, untrained
from tpgbench.core.errors import TpgbenchError
from tpgbench.core.files import sha256_file
from tpgbench.reference_models.shared.shipping import CHECKSUMS
from tpgbench.reference_models.slddm.checkpoint import load_checkpoint
from tpgbench.reference_models.slddm.export import export_training
from tpgbench.reference_models.slddm.model import _CHECKPOINTS
from tpgbench.reference_models.slddm.pipeline_folder import PARTS, open_pipeline_folder
from tpgbench.reference_models.slddm.presets import TINY
from tpgbench.reference_models.training.folder import CurvePoint
from tpgbench.reference_models.training.sessions import TrainingSession, read_sessions

WEIGHTS = "diffusion_pytorch_model.safetensors"


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    return save_checkpoint(untrained(), tmp_path_factory.mktemp("stored") / "slddm")


@pytest.fixture
def copy(stored, tmp_path):
    return Path(shutil.copytree(stored, tmp_path / "slddm"))


def identifying_sums(folder, shared=None):
    files = open_pipeline_folder(folder, shared=shared).files()
    return {name: sha256_file(file) for name, file in files.items()}


def test_half_precision_is_all_that_is_lost(stored):
    pipeline, sums = load_checkpoint(stored), identifying_sums(stored)

    before = untrained()
    for part in PARTS:
        loaded = getattr(pipeline, part).state_dict()
        for name, value in getattr(before, part).state_dict().items():
            assert loaded[name].dtype == value.dtype
            assert torch.equal(loaded[name], value.to(torch.float16).to(value.dtype)), name
    assert pipeline.config.size == SMALL.size
    assert pipeline.config.background == "mean"
    assert pipeline.config.steps == SMALL.steps
    assert sums.items() >= json.loads((stored / CHECKSUMS).read_text()).items()
    told = {name for name in sums if not name.endswith(".safetensors")}
    assert told == {
        "model_index.json",
        "scheduler/scheduler_config.json",
        *(f"{part}/config.json" for part in PARTS),
    }


def test_what_the_networks_are_told_identifies_a_checkpoint_too(stored, copy):
    index = json.loads((copy / "model_index.json").read_text())
    (copy / "model_index.json").write_text(json.dumps(index | {"steps": index["steps"] + 1}))
    assert identifying_sums(copy) != identifying_sums(stored)


def test_equal_parts_are_stored_once(stored, tmp_path):
    # Both share the random start of all parts but the U-Net.
    extended = untrained(SMOKE_FILL)
    for part in ("vae", "ldn", "image_encoder", "conditioner"):
        getattr(extended, part).load_state_dict(getattr(untrained(), part).state_dict())
    folder = save_checkpoint(extended, tmp_path / "slddm-fill", shared=stored)

    assert {path.name for path in folder.iterdir() if path.is_dir()} == {"unet", "scheduler"}
    pipeline = load_checkpoint(folder, shared=stored)
    sums = identifying_sums(folder, shared=stored)
    assert pipeline.config.fill
    assert sum(name.endswith(".safetensors") for name in sums) == len(PARTS)
    lacks = "has no 'vae' and no 'image_encoder' and no 'ldn' and no 'conditioner': "
    with pytest.raises(TpgbenchError, match=f"{lacks}copy them there from .* without --shared"):
        load_checkpoint(folder)
    for part in ("vae", "ldn", "image_encoder", "conditioner"):
        shutil.copytree(stored / part, folder / part)
    load_checkpoint(folder)
    (folder / CHECKSUMS).unlink()
    shutil.rmtree(folder / "vae")
    with pytest.raises(TpgbenchError, match="has no 'vae': the pipeline is not complete"):
        load_checkpoint(folder)


@pytest.mark.parametrize("part", PARTS)
def test_a_changed_byte_is_noticed(copy, part):
    path = copy / part / WEIGHTS
    data = bytearray(path.read_bytes())
    data[-5] ^= 1
    path.write_bytes(data)

    with pytest.raises(TpgbenchError, match=rf"{part}/{WEIGHTS}: its sha256 begins .* damaged"):
        load_checkpoint(copy)


@pytest.mark.parametrize("part", ["ldn", "vae"])
def test_a_torn_file_without_checksums_is_refused(copy, part):
    (copy / CHECKSUMS).unlink()
    path = copy / part / WEIGHTS
    path.write_bytes(path.read_bytes()[:-100])

    with pytest.raises(TpgbenchError, match="cannot be loaded as an SLDDM pipeline"):
        load_checkpoint(copy)


def test_a_part_of_another_preset_is_refused(copy, stored, tmp_path):
    (copy / CHECKSUMS).unlink()
    shutil.rmtree(copy / "unet")
    untrained(SMOKE_FILL).unet.save_pretrained(copy / "unet")

    with pytest.raises(TpgbenchError, match=r"unet\.in_channels is 73 .* different presets"):
        load_checkpoint(copy)


def test_an_ldn_of_another_preset_is_refused_when_it_is_read(copy):
    (copy / CHECKSUMS).unlink()
    shutil.rmtree(copy / "ldn")
    other = {**TINY.networks.ldn, "latent_channels": 4}
    changed = TINY.networks.model_copy(update={"ldn": other})
    untrained(SMALL.model_copy(update={"networks": changed})).ldn.save_pretrained(copy / "ldn")

    with pytest.raises(TpgbenchError, match=r"ldn\.latent_channels is 4 .* different presets"):
        load_checkpoint(copy)


def test_code_is_never_read(copy):
    (copy / CHECKSUMS).unlink()
    path = copy / "ldn" / WEIGHTS
    torch.save({}, path.with_suffix(".bin"))
    path.unlink()

    with pytest.raises(TpgbenchError, match="cannot be loaded as an SLDDM pipeline"):
        load_checkpoint(copy)


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("model_index.json", None, r"has no model_index\.json: give the folder of a pipeline"),
        ("model_index.json", "{", "cannot be loaded|is not JSON|damaged"),
        ("model_index.json", "{}", "cannot be loaded|damaged"),
        ("model_index.json", "[]", r"model_index\.json: .*damaged"),
        (CHECKSUMS, "{", "is not JSON"),
        (CHECKSUMS, "[]", "does not list a checksum for each file: it is damaged"),
        (CHECKSUMS, '{"unet/config.json": 1}', "does not list a checksum for each file"),
        ("unet/config.json", None, "cannot be loaded as an SLDDM pipeline"),
        ("scheduler/scheduler_config.json", None, "cannot be loaded as an SLDDM pipeline"),
    ],
)
def test_a_damaged_folder_is_refused(copy, file, text, message):
    (copy / file).unlink()
    if text is not None:
        (copy / file).write_text(text)

    with pytest.raises(TpgbenchError, match=message) as caught:
        load_checkpoint(copy)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("unet", "x", "unet: input should be a valid list"),
        ("unet", ["x"], "unet: list should have at least 2 items"),
        ("size", "big", "size: input should be a valid integer"),
        ("size", 0, "size: input should be greater than or equal to 8"),
        ("fill", 1, "fill: input should be a valid boolean"),
        ("background", "blue", "background: input should be 'keep' or 'mean'"),
        ("steps", 1001, "steps: input should be less than or equal to 1000"),
        ("", 1, "extra inputs are not permitted"),
    ],
)
def test_a_setting_of_the_wrong_kind_is_refused_when_it_is_read(copy, name, value, message):
    path = copy / "model_index.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {name: value}))

    with pytest.raises(TpgbenchError, match=message) as caught:
        load_checkpoint(copy)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_part_that_is_not_ours_is_refused(copy):
    index = json.loads((copy / "model_index.json").read_text())
    index["unet"] = ["os", "system"]
    (copy / "model_index.json").write_text(json.dumps(index))

    with pytest.raises(TpgbenchError, match="the part 'unet' is a system, not a SLDDMUNet"):
        load_checkpoint(copy)


def test_a_checkpoint_names_no_folder_of_the_machine_that_made_it(stored, tmp_path):
    pipeline = load_checkpoint(stored)
    copied = save_checkpoint(pipeline, tmp_path / "second")
    assert not [path for path in copied.rglob("*.json") if str(stored) in path.read_text()]


@pytest.fixture
def training(copy, tmp_path):
    """What a training of its stage sldm leaves, on photos of the user's own."""
    folder = tmp_path / "mine"
    command = "tpgbench train slddm --preset sd15 --dataset photos --labelled 0.5 --held-out test"
    session = TrainingSession(
        command=command, date="2026-01-02", environment={}, device="cpu", threads=1
    )
    figures = {"ssim_1": 0.5, "psnr_1": 20.0}
    point = CurvePoint(
        **{"step": 3, "samples": 24, "seconds": 60.0, "learning_rate": 0.1, "losses": {}},
        **{"gradient_norm": 1.0, "validation": figures},
    )
    (folder / "sldm").mkdir(parents=True)
    (folder / "sldm" / "curve.jsonl").write_text(point.model_dump_json() + "\n")
    (folder / "sessions.jsonl").write_text(session.model_dump_json() + "\n")
    shutil.move(copy, folder / "pipeline")
    return folder


def test_a_card_says_of_a_users_training_only_what_is_known(training, tmp_path):
    card = (export_training(training, tmp_path / "out", steps=3) / "README.md").read_text()

    assert "--preset sd15 --dataset photos --labelled 0.5 --held-out test" in card
    assert "| sldm | 3 | 24 | 1.0 |" in card
    assert "at 64 px" in card
    assert "`PatchAutoencoder`" in card
    assert "number of DDIM steps is 3;" in card.replace("\n", " ")
    for unknown in (
        *("`tiny`", "trained here", "procedural", "labelled.", "All rows", "64 rows", "one core"),
        *("drawn", "license", "Not in this folder"),
    ):
        assert unknown not in card
    out = export_training(training, tmp_path / "out", licence="CC-BY-4.0")
    card = (out / "README.md").read_text()
    assert card.startswith("---\nlicense: cc-by-4.0\n")


def test_a_card_of_a_training_from_python_claims_no_command(training, tmp_path):
    path = training / "sessions.jsonl"
    record = json.loads(path.read_text()) | {"command": ""}
    path.write_text(json.dumps(record) + "\n")

    card = (export_training(training, tmp_path / "out") / "README.md").read_text()
    assert "commit unknown: called from Python, settings not recorded\n" in card


def test_a_training_with_broken_records_leaves_no_half_checkpoint(training, stored, tmp_path):
    (training / "sessions.jsonl").write_text("{broken\n")
    older = shutil.copytree(stored, tmp_path / "older")

    for out in (tmp_path / "out", older):
        with pytest.raises(TpgbenchError, match=r"sessions\.jsonl: is damaged"):
            export_training(training, out)
    assert {path.name for path in tmp_path.iterdir()} == {"mine", "older"}
    load_checkpoint(older)
    assert not (older / "README.md").exists()


def test_a_card_says_which_parts_are_elsewhere_and_where(training, stored, tmp_path):
    out = export_training(training, tmp_path / "out", shared=stored)
    card = (out / "README.md").read_text()
    assert "Not in this folder: vae, image_encoder, ldn, conditioner, unet, which are" in card
    assert "the checkpoint `slddm`" in card
    assert str(stored.parent) not in card


@pytest.mark.parametrize(
    ("shared", "message"),
    [
        ("nowhere", r"--shared .*nowhere: lists no weights in a checksums\.json"),
        ("mine", "lists no weights"),
        ("out", "is --out itself: give another checkpoint"),
        ("torn", "has no 'vae/.*it is not complete"),
    ],
)
def test_parts_are_shared_with_whole_checkpoints_alone(training, stored, tmp_path, shared, message):
    for name in ("out", "torn"):
        shutil.copytree(stored, tmp_path / name)
    shutil.rmtree(tmp_path / "torn" / "vae")

    with pytest.raises(TpgbenchError, match=message):
        export_training(training, tmp_path / "out", shared=tmp_path / shared)
    load_checkpoint(tmp_path / "out")


def test_nested_records_of_an_older_tpgbench_are_written_flat(training, tmp_path):
    def record(folder, date):
        folder.mkdir(parents=True, exist_ok=True)
        line = json.loads((training / "sessions.jsonl").read_text()) | {"date": date}
        (folder / "sessions.jsonl").write_text(json.dumps(line) + "\n")

    record(training / "earlier" / "earlier", "2025-01-01")
    shutil.copytree(training / "sldm", training / "earlier" / "earlier" / "sldm")
    record(training / "earlier", "2025-06-01")

    out = export_training(training, tmp_path / "out")

    records = out / "training"
    assert sorted(one.name for one in records.iterdir()) == ["000", "001", "002"]
    dates = [
        json.loads((records / n / "sessions.jsonl").read_text())["date"] for n in ("000", "001")
    ]
    assert dates == ["2025-01-01", "2025-06-01"]
    curves = [path.parent.parent.name for path in sorted(records.glob("*/sldm/curve.jsonl"))]
    assert curves == ["000", "002"]
    card = (out / "README.md").read_text()
    assert "| sldm | 6 | 48 | 2.0 |" in card  # both trainings, counted on
    assert card.index("2025-01-01") < card.index("2025-06-01") < card.index("2026-01-02")


@pytest.mark.parametrize("name", ["slddm", "slddm-fill", "lora-dae"])
def test_records_of_the_shipped_checkpoints_are_flat_and_on_their_cards(name):
    folder = _CHECKPOINTS / name
    records = sorted((folder / "training").iterdir())
    assert [one.name for one in records] == [f"{number:03d}" for number in range(len(records))]
    sessions = [session for one in records for session in read_sessions(one)]
    card = (folder / "README.md").read_text()
    places = [card.index(f"`{session.command}`\n") for session in sessions]
    assert places == sorted(places)
