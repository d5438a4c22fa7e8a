from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import tpgbench

FOLDER = Path(tpgbench.__file__).parent / "measurements"
SCRIPTS = sorted(
    path.name for path in FOLDER.glob("*.py") if "__main__" in path.read_text(encoding="utf-8")
)


def test_there_are_scripts():
    assert {"compare_models.py", "metrics.py", "pattern_metrics.py"} <= set(SCRIPTS)


@pytest.mark.slow  # each imports what it measures
@pytest.mark.parametrize("name", SCRIPTS)
def test_every_script_says_what_it_measures(name, tmp_path):
    done = subprocess.run(
        [sys.executable, FOLDER / name, "--help"],
        check=False,
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"usage: {name}")
    first_line = (FOLDER / name).read_text(encoding="utf-8").partition("\n")[0].strip('"')
    assert first_line[:40] in " ".join(done.stdout.split())
    assert list(tmp_path.iterdir()) == []
