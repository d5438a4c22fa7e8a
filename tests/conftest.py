"""What all tests share."""

from __future__ import annotations

import os
import signal
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from places import ROOT


@pytest.fixture(scope="session", autouse=True)
def _interruptible() -> Iterator[None]:
    """Let processes that tests start be interrupted.

    A shell that puts the test run into the background makes it, and all that it starts, deaf to
    SIGINT; a handler of our own is reset to the default in what we start.
    """
    before = signal.getsignal(signal.SIGINT)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


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
def _own_cache(monkeypatch, tmp_path_factory):
    # Features of one test must not serve another. The folder is made when it is written to.
    folder = tmp_path_factory.getbasetemp() / "cache" / uuid.uuid4().hex
    monkeypatch.setenv("TPGBENCH_CACHE", str(folder))


@pytest.fixture(autouse=True)
def _no_network(monkeypatch):
    monkeypatch.setenv("TPGBENCH_OFFLINE", "1")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


@pytest.fixture(scope="session")
def _random_inception(tmp_path_factory):
    from inception_oracle import write_weights

    return write_weights(tmp_path_factory.mktemp("inception"))


@pytest.fixture
def inception_weights(_random_inception, monkeypatch):
    """The FID Inception's file, with random weights, where the metrics look for it."""
    monkeypatch.setenv("TPGBENCH_WEIGHTS", str(_random_inception.parent))
    monkeypatch.setenv("TPGBENCH_UNVERIFIED_WEIGHTS", "1")
    return _random_inception
