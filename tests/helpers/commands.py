"""Other processes that tests start: the command line, scripts, and children to be killed.

They find the toy plug-in and these helpers by ``PYTHONPATH``, as pytest does by its configuration.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from places import HELPERS, PLUGIN


def environment(**variables: str) -> dict[str, str]:
    """Return the environment for a child process: ours, the plug-in and helpers, and variables."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (HELPERS, PLUGIN))), **variables}


def run_python(
    *words: object,
    cwd: Path | None = None,
    check: bool = True,
    timeout: float | None = None,
    **variables: str,
) -> subprocess.CompletedProcess[str]:
    """Run Python with some arguments, and return what it printed.

    Args:
        words: What follows ``python``: ``"script.py"``, ``"-m", "module"``.
        cwd: The working folder.
        check: Fail the test, with what the process wrote on stderr, if it does not exit 0.
        timeout: Kill it, and fail the test, after this many seconds.
        variables: Environment variables.
    """
    done = subprocess.run(
        [sys.executable, *map(str, words)],
        cwd=cwd,
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert not check or done.returncode == 0, done.stdout + done.stderr
    return done


def run_code(code: str, *arguments: object, **variables: str) -> str:
    """Run code in a fresh interpreter and return its stdout; it must exit 0.

    Args:
        code: The program, as after ``python -c``.
        arguments: Its ``sys.argv[1:]``.
        variables: Environment variables.
    """
    return run_python("-c", code, *arguments, **variables).stdout


def call(*words: object, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Call ``tpgbench`` in a folder, as a user does; the exit status is the caller's to judge."""
    return run_python("-m", "tpgbench", *words, cwd=cwd, check=False, **variables)


def fork(function: Callable[..., object], *arguments: object) -> int:
    """Call a function in a child process, to be killed by its id; return the id.

    The child exits 0 if the function returns and 1 if it raises.
    """
    child = os.fork()
    if child == 0:
        status = 1
        try:
            function(*arguments)
            status = 0
        finally:
            sys.stderr.flush()
            os._exit(status)
    return child
