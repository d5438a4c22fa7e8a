"""The list of options stands once, and every call returns an outcome of one kind."""

from __future__ import annotations

import inspect

import PIL.Image
import pytest
import tpgbench
from tpgbench.benchmark.run.options import (
    ExternalOptions,
    GenerateOptions,
    RunOptions,
    ScoreOptions,
)
from tpgbench.cli import runs as commands
from tpgbench.core.options import listed


@pytest.mark.parametrize(
    ("call", "options"),
    [
        (tpgbench.run, RunOptions),
        (tpgbench.generate, GenerateOptions),
        (tpgbench.score, ScoreOptions),
        (tpgbench.score_images, ExternalOptions),
    ],
)
def test_the_signature_is_the_list(call, options):
    parameters = inspect.signature(call).parameters
    keywords = {n: p.default for n, p in parameters.items() if p.kind is p.KEYWORD_ONLY}
    assert keywords == {one.name: one.option.default for one in listed(options)}
    for one in listed(options):
        assert f"        {one.name}: {one.option.help}" in call.__doc__


@pytest.mark.parametrize(
    ("command", "options"),
    [
        (commands.run, RunOptions),
        (commands.generate, GenerateOptions),
        (commands.score, ExternalOptions),
    ],
)
def test_the_command_line_is_the_list(command, options):
    words = ["RUN"] if command is commands.score else ["--model", "crop"]
    with command.make_context("tpgbench", words) as context:
        parsed = context.params
    shown = {p.name: p for p in command.get_params(context)}
    for one in listed(options):
        if one.option.cli:
            assert shown[one.name].help == one.option.help
            assert parsed[one.name] in (one.option.default, ())
        else:
            assert one.name not in shown


def test_every_call_returns_path_problems_and_exit_code(tmp_path):
    out = tmp_path / "run"
    generated = tpgbench.generate("toy-broken", dataset="toy", limit=4, out=out)
    assert (generated.path, generated.exit_code) == (out, 1)
    assert list(generated.failures) == ["toy-000", "toy-003"]
    assert generated.problems == (
        "2 samples failed; the first, toy-000: ValueError: no idea at all",
    )

    scored = tpgbench.score(out, metrics="psnr")
    assert (scored.path, scored.exit_code, scored.report) == (out, 1, None)
    page = tpgbench.report(out)
    assert (page.path, page.problems, page.exit_code) == (out / "report.html", (), 0)
    assert page.path.exists()

    whole = tpgbench.run("toy-noise", dataset="toy", metrics="psnr", out=tmp_path / "whole")
    assert (whole.exit_code, whole.problems, whole.report) == (0, (), whole.path / "report.html")


def test_metrics_may_be_one_text(tmp_path):
    outcome = tpgbench.run("toy-noise", dataset="toy", metrics="psnr,ssim", out=tmp_path / "run")
    assert [value.name for value in outcome.result.metrics] == ["psnr", "ssim"]


def test_another_data_seed_is_another_dataset_and_another_run(tmp_path):
    first = tpgbench.run("crop", limit=2, metrics="psnr", out=tmp_path / "first")
    again = tpgbench.run("crop", limit=2, metrics="psnr", data_seed=7, out=tmp_path / "again")
    runs = [tpgbench.Run.open(outcome.path) for outcome in (first, again)]
    assert [run.record.dataset_seed for run in runs] == [0, 7]
    assert runs[0].record.identity.digest() != runs[1].record.identity.digest()
    assert first.result.metric("psnr").value != again.result.metric("psnr").value
    # What reads the run later opens the same dataset.
    rescored = tpgbench.score(tmp_path / "again", metrics="psnr")
    assert rescored.result.metric("psnr").value == again.result.metric("psnr").value
    assert runs[1].sample_ids == list(tpgbench.load_dataset("ctp-synth", seed=7).sample_ids(2))


def test_a_folder_of_photos_has_no_data_seed(tmp_path):
    PIL.Image.new("RGB", (64, 64)).save(tmp_path / "a.png")
    with pytest.raises(tpgbench.TpgbenchError, match="seed"):
        tpgbench.generate("crop", dataset=tmp_path, data_seed=1)
