"""Odd environments: no home, no locks, closed streams, names that are not UTF-8."""

from __future__ import annotations

import subprocess
import sys

import pytest

CROP = ["run", "--model", "crop", "--limit", "1", "--size", "64", "--metrics", "ssim", "--out"]
MAIN = "from tpgbench.cli.app import main; main()"


def python(code, *args, cwd, shell=""):
    """Run some code and then a command, in a process of its own."""
    arguments = ["-c", f"import sys; sys.argv = ['tpgbench', *sys.argv[1:]]\n{code}\n{MAIN}", *args]
    command = [sys.executable, *arguments]
    if shell:
        command = ["bash", "-c", f'"$@" {shell}', "bash", *command]
    return subprocess.run(command, cwd=cwd, capture_output=True, check=False)


@pytest.mark.parametrize("command", [["doctor"], ["weights", "list"], [*CROP, "out"]])
def test_a_user_without_a_home_works_without_a_cache(tmp_path, command):
    homeless = (
        "import os, pwd\n"
        "for name in ('HOME', 'XDG_CACHE_HOME', 'HF_HOME'): os.environ.pop(name, None)\n"
        "def unknown(uid): raise KeyError(uid)\n"
        "pwd.getpwuid = unknown"
    )
    done = python(homeless, *command, cwd=tmp_path)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", ["ENOLCK", "EOPNOTSUPP", "ENOSYS"])
def test_a_file_system_without_locks_is_locked_by_files(tmp_path, name):
    lockless = (
        "import errno, fcntl, os\n"
        f"def refuse(*_): raise OSError(errno.{name}, os.strerror(errno.{name}))\n"
        "fcntl.flock = fcntl.lockf = refuse"
    )
    assert python(lockless, *CROP, "run", cwd=tmp_path).returncode == 0
    export = ["export-inputs", "--dataset", "ctp-synth", "--limit", "1", "--size", "64"]
    done = python(lockless, *export, "--out", "inputs", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["inputs", "run"]


@pytest.mark.parametrize("closed", ["2>&-", ">&-", ">&- 2>&- <&-"])
def test_closed_streams_are_no_defect(tmp_path, closed):
    done = python("", *CROP, "run", cwd=tmp_path, shell=closed)
    assert done.returncode == 0
    assert (tmp_path / "run" / "report.html").is_file()


def test_a_full_disk_behind_the_output_is_one_line(tmp_path):
    done = python("", "list", "models", cwd=tmp_path, shell="> /dev/full")
    assert (done.returncode, done.stderr) == (2, b"error: output: No space left on device\n")


def test_a_run_directory_may_have_any_name(tmp_path):
    done = python("", *CROP, b"caf\xe9", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert python("", "report", b"caf\xe9", cwd=tmp_path).returncode == 0


@pytest.mark.parametrize(
    ("command", "what"),
    [
        (["run", "--model", "crop", "--dataset", b"d\xe9"], b"dataset"),
        (["score", b"d\xe9", "--dataset", "ctp-synth"], b"folder of images"),
        (["build-dataset", "ctp-synth", "--out", b"d\xe9"], b"folder"),
        (["show-dataset", b"d\xe9"], b"dataset"),
        (["verify-dataset", b"d\xe9"], b"dataset"),
    ],
    ids=["run", "score", "build", "show", "verify"],
)
def test_a_name_that_no_record_can_hold_is_refused(tmp_path, command, what):
    done = python("", *command, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.endswith(b"d\\xe9: the name of the " + what + b" is not UTF-8: rename it\n")
