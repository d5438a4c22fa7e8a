"""What all tests share."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PLUGIN = ROOT / "tests" / "plugin"

# The tests' own models and datasets are found as another package's are: by their entry points.
sys.path.insert(0, str(PLUGIN))


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """The folder of real photos and golden numbers; the test is skipped where it is absent."""
    folder = Path(os.environ.get("TPGBENCH_SHARED", ROOT.parent / "shared"))
    if not folder.is_dir():
        pytest.skip("no folder of real samples beside the checkout")
    return folder


@pytest.fixture(autouse=True)
def _no_network(monkeypatch):
    monkeypatch.setenv("TPGBENCH_OFFLINE", "1")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
