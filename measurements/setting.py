"""Where a measurement is made: the machine, and the helpers of the tests that it needs."""

from __future__ import annotations

import datetime
import platform
import site
from pathlib import Path

from tpgbench.benchmark.run.environment import processor_name

_TEST_HELPERS = Path(__file__).resolve().parents[1] / "tests" / "plugin"


def describe_machine() -> str:
    """Return system, architecture, processor and today's date (UTC), for the head of a table."""
    today = datetime.datetime.now(datetime.UTC).date()
    return f"{platform.system()} {platform.machine()}, {processor_name()}, {today}"


def find_test_helpers() -> None:
    """Make the other libraries' wrappers and the toy plug-in of the tests importable."""
    site.addsitedir(str(_TEST_HELPERS))
