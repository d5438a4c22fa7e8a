"""The command line, as a user types it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from places import PLUGIN


def tpgbench(*words: object, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run ``tpgbench`` in a process of its own, with the toy plug-in installed.

    Args:
        words: What is typed after ``tpgbench``.
        cwd: Where.
        variables: Environment variables beside our own.
    """
    return subprocess.run(
        [sys.executable, "-m", "tpgbench", *map(str, words)],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(PLUGIN), **variables},
        capture_output=True,
        text=True,
        check=False,
    )
