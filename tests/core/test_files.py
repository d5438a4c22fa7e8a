from __future__ import annotations

import os

import pytest
from tpgbench.core.errors import TpgbenchError
from tpgbench.core.files import TEMPORARY_PREFIX, write_atomic


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "a.json"
    write_atomic(path, b"old")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(TpgbenchError, match=r"a\.json: No space left on device; free disk space"):
        write_atomic(path, b"new")
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.json"]
    assert not list(tmp_path.glob(f"{TEMPORARY_PREFIX}*"))


def test_written_files_have_the_rights_of_the_umask(tmp_path):
    path = tmp_path / "a"
    write_atomic(path, b"x")
    plain = tmp_path / "b"
    plain.write_bytes(b"x")
    assert path.stat().st_mode == plain.stat().st_mode
