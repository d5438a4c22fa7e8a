"""`tpgbench train slddm` and `tpgbench convert slddm-release`: what they refuse."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from commands import run_code
from tpgbench.cli.app import cli
from tpgbench.core.errors import TpgbenchError
from tpgbench.reference_models import slddm

CHECKPOINT = Path(slddm.__file__).parents[1] / "checkpoints" / "slddm"


def refused(*words: object) -> str:
    """Return the one line that a command is refused with."""
    outcome = CliRunner().invoke(cli, list(map(str, words)))
    assert isinstance(outcome.exception, TpgbenchError), outcome
    assert "\n" not in str(outcome.exception)
    return str(outcome.exception)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--preset", "tinny"), "unknown preset of slddm 'tinny': did you mean 'tiny'?"),
        (("--labelled", "0"), "labelled=0.0: input should be greater than 0"),
        (("--labelled", "1.5"), "labelled=1.5: input should be less than or equal to 1"),
        (("--preset", "sd15"), "--preset sd15: give --dataset"),
        (("--size", "256"), "the networks of the preset 'tiny' are made for 128 px"),
        (("--preset", "sd15", "--size", "8"), "greater than or equal to 16"),
        (("-o", "weights.clss=0"), "unknown setting of LossWeights 'clss': did you mean 'cls'?"),
        (("-o", "structred=false"), "did you mean 'structured'?"),
        (("-o", "structured"), "-o structured: write it as -o key=value"),
        (("-o", "content=perhaps"), "content=perhaps"),
        (("-o", "weights.cls=-1"), "weights.cls=-1: input should be greater than or equal to 0"),
        (("--precision", "fp8"), "precision=fp8"),
        (("--steps", "0"), "steps=0"),
        (("--first-rows", "0"), "first_rows=0"),
        (("--reuse", "0"), "reuse=0"),
        (("--batch-size", "0"), "batch_size=0"),
        (("--dataset", "ctp-sinth"), "unknown dataset 'ctp-sinth': did you mean 'ctp-synth'?"),
        (("--split", "trian"), "trian"),
        (("--stage", "ldn"), "has no 'vae', which --stage ldn needs"),
        (("--start", "nowhere"), "nowhere: is no pipeline folder"),
        (("--start", __file__), "test_cli.py: is no pipeline folder"),
        (
            ("--start", CHECKPOINT),
            "are trained from scratch, so it has no effect: give --stage",
        ),
        (("--warm",), "--warm: give --start PIPELINE"),
        (("--base", "sd"), "--base sd: the preset 'tiny' has networks of its own"),
        (("--image-encoder", "clip"), "--image-encoder clip: the preset 'tiny' has networks of"),
        (("--held-out", "test-of-none"), "--held-out test-of-none: "),
        (
            ("--preset", "smoke-fill", "--stage", "sldm", "--start", CHECKPOINT),
            "vae: is of another preset than 'smoke-fill': its width is 128, not 32",
        ),
        (("--tracker", "tensorbord"), "unknown tracker 'tensorbord': did you mean 'tensorboard'?"),
    ],
)
def test_wrong_input_is_refused_in_one_line(tmp_path, monkeypatch, words, message):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    assert message in refused("train", "slddm", "--out", tmp_path / "new" / "out", *words)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("model", ["slddm", "lora-dae"])
def test_no_workers_are_a_usage_error(tmp_path, model):
    words = ["train", model, "--out", str(tmp_path / "out"), "--workers", "0"]
    outcome = CliRunner().invoke(cli, words)

    assert outcome.exit_code == 2
    assert "'--workers': 0 is not in the range x>=1" in outcome.output


def test_an_unknown_stage_is_a_usage_error(tmp_path):
    outcome = CliRunner().invoke(cli, ["train", "slddm", "--out", str(tmp_path), "--stage", "unet"])

    assert outcome.exit_code == 2
    assert "'unet' is not one of 'autoencoder', 'ldn', 'sldm', 'all'" in outcome.output


def test_without_the_extra_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setitem(sys.modules, "accelerate", None)  # as if it were not installed

    said = refused("train", "slddm", "--preset", "smoke-fill", "--out", tmp_path / "out")
    assert "pip install 'tpgbench[train]'" in said


def test_a_checkpoint_that_is_none_is_refused(tmp_path):
    assert "cannot be read" in refused(
        "convert", "slddm-release", tmp_path / "no.ckpt", "--out", tmp_path / "out"
    )
    (tmp_path / "some.ckpt").write_bytes(b"no checkpoint")
    assert "some.ckpt" in refused(
        "convert", "slddm-release", tmp_path / "some.ckpt", "--out", tmp_path / "out"
    )
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "statement",
    [
        "from tpgbench.cli.app import cli\n"
        "cli.main(['train', 'slddm', '-h'], standalone_mode=False)",
        "import tpgbench.reference_models.slddm.model",  # as 'tpgbench list models' does
    ],
)
def test_help_and_card_load_no_heavy_library(statement):
    code = (
        f"import sys\n{statement}\n"
        "assert not {'torch', 'diffusers', 'transformers'} & sys.modules.keys()"
    )
    run_code(code)
