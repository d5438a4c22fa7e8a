"""Rows kept in blocks: what is read is what the source says, whatever happened to the files."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from block_source import Counted
from tpgbench.core.errors import TpgbenchError
from tpgbench.reference_models.training.blocks import Array, BlockStore


@pytest.fixture
def source(tmp_path):
    (tmp_path / "notes").mkdir()
    return Counted(tmp_path / "notes")


def check(rows: Mapping[str, Array], indices: list[int]) -> None:
    assert rows["picture"].dtype == np.uint8
    assert rows["even"].dtype == bool
    assert rows["picture"].shape == (len(indices), 3, 2, 2)
    assert rows["picture"][:, 0, 0, 0].tolist() == indices
    assert rows["even"].tolist() == [index % 2 == 0 for index in indices]


def test_rows_are_those_of_the_source_and_are_made_once(tmp_path, source):
    with BlockStore(source, tmp_path / "blocks", rows=4) as store:
        store.prepare([0, 5])
        check(store.gather([5, 0, 9, 5]), [5, 0, 9, 5])  # the last block has two rows
        with pytest.raises(IndexError):
            store.gather([12])
    with BlockStore(source, tmp_path / "blocks", rows=4) as store:
        check(store.gather(list(range(10))), list(range(10)))
    assert source.made() == dict.fromkeys(range(10), 1)


def test_two_stores_on_one_folder_share_the_work(tmp_path, source):
    folder = tmp_path / "blocks"
    with BlockStore(source, folder, rows=4) as one, BlockStore(source, folder, rows=4) as two:
        for store in (one, two):
            store.prepare(range(10))
        for store in (one, two):
            check(store.gather([1, 6, 8]), [1, 6, 8])
    assert source.made() == dict.fromkeys(range(10), 1)


def test_a_torn_or_lost_block_is_made_again(tmp_path, source):
    with BlockStore(source, tmp_path / "blocks", rows=4) as store:
        store.gather(list(range(10)))
    first, second, third = sorted((tmp_path / "blocks").rglob("*.safetensors"))
    first.write_bytes(first.read_bytes()[:-5])
    second.write_bytes(b"")
    third.unlink()
    with BlockStore(source, tmp_path / "blocks", rows=4) as store:
        check(store.gather(list(range(10))), list(range(10)))
    assert set(source.made().values()) == {2}


def test_a_killed_worker_is_named_and_a_new_store_goes_on(tmp_path, source):
    with BlockStore(Counted(source.notes, deadly=True), tmp_path / "blocks", rows=4) as store:
        for _ in range(2):  # the second time the pool is broken before it is asked
            with pytest.raises(TpgbenchError, match="was killed, .* command again: it resumes"):
                store.gather([1])
    with BlockStore(source, tmp_path / "blocks", rows=4) as store:
        check(store.gather([1]), [1])


def test_few_blocks_are_open_at_once(tmp_path, source, monkeypatch):
    monkeypatch.setattr("tpgbench.reference_models.training.blocks._OPEN_BLOCKS", 2)
    with BlockStore(source, tmp_path / "blocks", rows=1) as store:
        for indices in ([0, 1, 2, 0], [2, 1]):
            check(store.gather(indices), indices)
        assert len(store._open) == 2
