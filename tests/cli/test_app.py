from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from commands import call

TOY = ("--model", "toy-noise", "--dataset", "toy")


def test_run_then_every_other_command(tmp_path):
    done = call("run", *TOY, "--metrics", "psnr,toy-mean", "--limit", 7, "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)  # stdout is data alone
    assert result["samples"] == {"total": 7, "ok": 7, "failed": 0}
    assert [metric["name"] for metric in result["metrics"]] == ["psnr", "toy-mean"]
    assert "report: runs/toy-noise-toy-test-" in done.stderr
    assert "generate 7/7" in done.stderr
    (path,) = (tmp_path / "runs").iterdir()

    table = call("score", path, "--metrics", "psnr", cwd=tmp_path)
    assert table.returncode == 0
    assert "psnr" in table.stdout

    page = call("report", path, cwd=tmp_path)
    assert Path(page.stdout.strip()) == path / "report.html"

    other = call("generate", *TOY, "--limit", 7, "-o", "amount=200", "--out", "b", cwd=tmp_path)
    assert other.stdout.strip() == "b"
    assert call("score", "b", "--metrics", "psnr,toy-mean", cwd=tmp_path).returncode == 0
    compared = call("compare", path, "b", "--html", "c.html", cwd=tmp_path)
    assert compared.returncode == 0, compared.stderr
    assert (tmp_path / "c.html").exists()
    machine = call("compare", path, "b", "--json", cwd=tmp_path)
    assert {test["metric"] for test in json.loads(machine.stdout)["tests"]} == {"psnr", "toy-mean"}

    images = call("score", path / "generations", "--dataset", "toy", "--limit", 7, cwd=tmp_path)
    assert images.returncode == 0, images.stderr


def test_lists_come_from_the_registry(tmp_path):
    for kind, name in [("models", "quilting"), ("metrics", "psnr"), ("datasets", "ctp-hd")]:
        assert name in call("list", kind, cwd=tmp_path).stdout
        entries = json.loads(call("list", kind, "--json", cwd=tmp_path).stdout)
        assert name in {entry["name"] for entry in entries}


def test_doctor_says_what_is_missing_what_it_blocks_and_how_to_get_it(tmp_path):
    done = call("doctor", "--json", cwd=tmp_path)
    assert done.returncode == 1  # the toy plug-in has a broken entry
    diagnosis = json.loads(done.stdout)
    assert diagnosis["devices"][0] == "cpu"
    assert {"torch", "numpy", "python"} <= set(diagnosis["environment"])
    assert "toy-missing" in diagnosis["broken"][0]
    (weights,) = [one for one in diagnosis["weights"] if one["name"] == "toy-weights.bin"]
    assert weights["blocks"] == ["metric toy-weights"]
    assert "download file:///nowhere" in weights["how_to_get"]
    assert (
        "toy-weights.bin: missing; blocks metric toy-weights" in call("doctor", cwd=tmp_path).stdout
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["rum"], "unknown command 'rum': did you mean 'run'?"),
        (["run"], "Missing option '--model'"),
        (["run", "--modle", "crop"], "No such option"),
        (["run", "--model", "cropp"], "did you mean 'crop'?"),
        (["run", "--model", "crop", "--limit", "ten"], "'ten' is not a valid integer"),
        (["run", *TOY, "-o", "amount"], "write it as -o key=value"),
        (["run", *TOY, "-o", "amount=1", "-o", "amount=2"], "given twice"),
        (["run", *TOY, "--metrics", ","], "--metrics: name at least one"),
        (["run", *TOY, "--metrics", "psnr,sim"], "did you mean 'ssim'?"),
        (["run", "--model", "crop", "--dataset", "no/where"], "no such folder"),
        (["list", "modles"], "did you mean 'models'?"),
        (["score", "nowhere"], "not a run directory; for images made elsewhere add --dataset"),
        (["report", "nowhere"], "is nowhere a run directory?"),
        (["compare", "one"], "two run directories or more"),
        (["build-dataset", "ctp-hd", "--out", "x"], "--source"),
        (["build-dataset", "ctp-hdd", "--out", "x"], "did you mean 'ctp-hd'?"),
    ],
)
def test_wrong_words_are_one_line_and_exit_2(tmp_path, words, message):
    done = call(*words, cwd=tmp_path)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""
    assert list(tmp_path.iterdir()) == []


def test_a_run_directory_takes_no_options_of_outside_images(tmp_path):
    call("run", *TOY, "--metrics", "psnr", "--limit", 2, "--out", "a", cwd=tmp_path)
    for option in (["--limit", "1"], ["--size", "64"], ["--out", "b"], ["--resize"]):
        done = call("score", "a", *option, cwd=tmp_path)
        assert done.returncode == 2
        assert f"{option[0]}: a run directory has its own" in done.stderr


def test_a_defect_is_one_line_and_has_a_code_of_its_own(monkeypatch, capsys):
    from tpgbench.cli import app as cli

    def broken(**_):
        raise KeyError("oh")

    monkeypatch.setattr(cli.cli, "main", broken)
    with pytest.raises(SystemExit) as caught:
        cli.main()
    assert caught.value.code == 70
    assert capsys.readouterr().err.count("\n") == 1


def test_failed_samples_exit_1_and_say_so(tmp_path):
    done = call(
        "run", "--model", "toy-broken", "--dataset", "toy", "--metrics", "psnr", cwd=tmp_path
    )
    assert done.returncode == 1
    assert "incomplete: 4 of 12 samples failed; the first, toy-000: ValueError" in done.stderr


def test_a_terminal_without_arrows_still_shows_the_numbers(tmp_path):
    words = ("run", *TOY, "--metrics", "psnr", "--out", "a")
    done = call(*words, cwd=tmp_path, PYTHONIOENCODING="ascii")
    assert done.returncode == 0, done.stderr
    assert "psnr ?" in done.stdout


def test_a_comparison_page_never_replaces_another_kind_of_file(tmp_path):
    done = call("compare", "a", "b", "--html", "a/run.json", cwd=tmp_path)
    assert done.returncode == 2
    assert "give a file that ends in .html" in done.stderr


def test_without_a_command_the_help_is_readable(tmp_path):
    done = call(cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.count("\n") > 10


def test_a_closed_pipe_is_no_traceback(tmp_path):
    line = f"{sys.executable} -m tpgbench list metrics --json | head -c 1"
    done = subprocess.run(
        line, shell=True, cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout == "["
    assert "Traceback" not in done.stderr
