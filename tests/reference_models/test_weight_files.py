"""Weights are named before a network is loaded: what identifies a run, and what it imports."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from places import DATA
from tpgbench.benchmark.model import MODELS
from tpgbench.core.errors import TpgbenchError
from tpgbench.core.files import sha256_file
from tpgbench.reference_models.lora_dae.model import _CHECKPOINT as LORA_DAE
from tpgbench.reference_models.slddm.model import _CHECKPOINTS

SLDDM = _CHECKPOINTS / "slddm"
PINNED = json.loads((DATA / "pinned.json").read_text(encoding="utf-8"))["weights"]
NETWORKS = ("torch", "diffusers", "transformers", "safetensors.torch")
# Each names the files of one model, and prints which of the libraries that it imported.
CODE = f"""
import sys
from tpgbench.benchmark.model import MODELS
model, weights, *options = sys.argv[1:]
kind = MODELS.get(model)
config = kind.config_type(**dict(one.split("=") for one in options))
files = kind(config).weight_files(weights or None)
assert files and all(file.is_file() for file in files.values())
print([name for name in {NETWORKS!r} if name in sys.modules])
"""


def weight_files(model, weights=None, **options):
    kind = MODELS.get(model)
    return kind(kind.config_type(**options)).weight_files(weights)


@pytest.mark.parametrize(
    ("model", "weights", "options"),
    [
        ("slddm", None, ()),
        ("slddm", SLDDM, ("track=unaligned",)),
        ("slddm-fill", None, ()),
        ("lora-dae", None, ()),
        ("lora-dae", LORA_DAE, ("enhancement=learned", f"base={LORA_DAE / 'base'}")),
    ],
)
def test_naming_the_files_imports_no_network(model, weights, options):
    done = subprocess.run(
        [sys.executable, "-c", CODE, model, str(weights or ""), *options],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("model", PINNED)
def test_embedded_weights_are_identified_as_they_were(model):
    sums = {name: sha256_file(file) for name, file in weight_files(model).items()}
    assert sums == PINNED[model]


def test_a_model_without_weights_refuses_some():
    with pytest.raises(TpgbenchError, match="--weights somewhere: the model 'crop' has no weights"):
        weight_files("crop", "somewhere")
    assert weight_files("crop") == {}


def test_weights_of_the_wrong_kind_are_refused_before_they_are_loaded():
    with pytest.raises(TpgbenchError, match=r"slddm: is a checkpoint of 'slddm': run --model"):
        weight_files("slddm-fill", str(SLDDM))
    with pytest.raises(TpgbenchError, match=r"has no readable model_index\.json"):
        weight_files("lora-dae", base=str(LORA_DAE))
    with pytest.raises(TpgbenchError, match="nowhere is no folder"):
        weight_files("lora-dae", base="./nowhere")


@pytest.mark.parametrize(
    ("model", "source", "lost", "message"),
    [
        ("slddm", SLDDM, "model_index.json", r"has no model_index\.json: give the folder"),
        ("slddm", SLDDM, "ldn", "has no 'ldn': the pipeline is not complete"),
        ("slddm", SLDDM, "unet/config.json", r"as an SLDDM pipeline: there is no unet/config\.js"),
        ("lora-dae", LORA_DAE, "base", r"its base, \.\./base, is not there"),
        ("lora-dae", LORA_DAE, "lora/band_statistics.safetensors", "which the enhancement 'stat"),
        ("lora-dae", LORA_DAE, "base/vae", "cannot be loaded as Stable Diffusion: its 'vae' has"),
        ("lora-dae", LORA_DAE, "lora/pytorch_lora_weights.safetensors", r"has no pytorch_lora_w"),
    ],
)
def test_an_incomplete_folder_is_refused_before_it_is_loaded(
    model, source, lost, message, tmp_path
):
    copy = Path(shutil.copytree(source, tmp_path / "copy"))
    (copy / "checksums.json").unlink()
    if (copy / lost).is_dir():
        shutil.rmtree(copy / lost)
    else:
        (copy / lost).unlink()
    with pytest.raises(TpgbenchError, match=message):
        weight_files(model, str(copy))


@pytest.mark.parametrize(
    ("model", "source", "file"),
    [
        ("slddm", SLDDM, "unet/diffusion_pytorch_model.safetensors"),
        ("lora-dae", LORA_DAE, "base/unet/diffusion_pytorch_model.safetensors"),
    ],
)
def test_a_changed_byte_is_refused_before_it_is_loaded(model, source, file, tmp_path):
    copy = Path(shutil.copytree(source, tmp_path / "copy"))
    data = bytearray((copy / file).read_bytes())
    data[-5] ^= 1
    (copy / file).write_bytes(data)
    with pytest.raises(TpgbenchError, match=rf"{file}: its sha256 begins"):
        weight_files(model, str(copy))
