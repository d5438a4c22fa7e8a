"""SIGKILL at random moments, then the same command again: every byte is that of a calm run."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from commands import environment, run_python

ONE_THREAD = {"OMP_NUM_THREADS": "1"}  # many processes share the machine


def drive(folder: Path, trials: int) -> dict:
    driver = Path(__file__).with_name("kill_driver.py")
    done = run_python(driver, folder, trials, 7, **ONE_THREAD)
    return json.loads(done.stdout.splitlines()[-1])


def test_killed_a_few_times(tmp_path):
    drive(tmp_path, 6)


@pytest.mark.slow
@pytest.mark.timeout(2400)
def test_killed_200_times_in_a_row(tmp_path):
    outcome = drive(tmp_path, 200)
    assert outcome["kills"] >= 200
    # The moments must have been spread over the stages for the proof to mean anything.
    assert outcome["stages"]["generate"] >= 10
    assert outcome["stages"]["score"] >= 10


def test_the_command_itself_survives_kill_and_interrupt(tmp_path):
    def command(out: str) -> list[str]:
        line = "run --model toy-noise --dataset toy --metrics psnr -o seconds=0.05 --out"
        return [sys.executable, "-m", "tpgbench", *line.split(), str(tmp_path / out)]

    def contents(out: str) -> dict[str, bytes]:
        files = [*(tmp_path / out / "generations").iterdir(), tmp_path / out / "scores.parquet"]
        return {path.name: path.read_bytes() for path in files}

    def start(out: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            command(out),
            env=environment(**ONE_THREAD),
            cwd=tmp_path,
            stderr=subprocess.PIPE,
            text=True,
        )
        while not list((tmp_path / out).glob("generations/*.png")):
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.01)
        return process

    subprocess.run(command("calm"), env=environment(**ONE_THREAD), cwd=tmp_path, check=True)

    killed = start("killed")
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert not (tmp_path / "killed" / "scores.parquet").exists()

    interrupted = start("interrupted")
    interrupted.send_signal(signal.SIGINT)
    _, stderr = interrupted.communicate()
    assert interrupted.returncode == 130
    assert "interrupted: the same command resumes" in stderr
    assert "Traceback" not in stderr

    for out in ("killed", "interrupted"):
        subprocess.run(command(out), env=environment(**ONE_THREAD), cwd=tmp_path, check=True)
        assert contents(out) == contents("calm")
