from __future__ import annotations

import numpy as np
import pytest
from tpgbench.datasets_builders.base import Dataset, MannequinRow, TpgRow
from tpgbench.datasets_builders.ctp_synth import CtpSynth, SynthDataset
from tpgbench.datasets_builders.load import open_dataset
from tpgbench.datasets_builders.reading.cached import CachedDataset


class Counting(Dataset):
    """A dataset that counts how often it is asked."""

    name, split, size, fingerprint, licence = "counting", "test", 16, "0" * 64, "CC0-1.0"

    def __init__(self, row, task="tpg"):
        self.row, self.task, self.asked = row, task, 0

    def sample_ids(self, limit=None):
        return [self.row.sample_id]

    def __getitem__(self, index):
        if index:
            raise IndexError(index)
        self.asked += 1
        return self.row


def images(count):
    rng = np.random.default_rng(count)
    return [rng.integers(0, 256, (16, 20, 3), dtype=np.uint8) for _ in range(count)]


ROWS = {
    "labelled": TpgRow("a/ü", images(1)[0], images(1)[0][..., 0] > 99, images(2)[1], "g", "a tee",
                       {"lattice": [[0.5, 0.0], [0.0, 1 / 3]], "family": "dots"}),
    "unlabelled": TpgRow("b", images(1)[0], images(1)[0][..., 0] > 99, None, "g"),
    "mannequin": MannequinRow("c", "裙子", None, None, images(1)[0], "g", {"view": 1}),
}  # fmt: skip


def assert_equal(first, second):
    assert type(first) is type(second)
    for name, value in vars(first).items():
        other = getattr(second, name)
        if isinstance(value, np.ndarray):
            assert value.dtype == other.dtype
            np.testing.assert_array_equal(value, other)
        else:
            assert value == other


@pytest.mark.parametrize("kind", ROWS)
def test_a_row_comes_back_as_it_was_and_is_asked_for_once(kind, tmp_path):
    dataset = Counting(ROWS[kind], "mannequin" if kind == "mannequin" else "tpg")
    cached = CachedDataset(dataset, tmp_path)
    for _ in range(3):
        assert_equal(cached[0], ROWS[kind])
    assert dataset.asked == 1
    with pytest.raises(IndexError):
        cached[1]
    assert [row.sample_id for row in cached] == [ROWS[kind].sample_id]


def entry(folder):
    (path,) = folder.rglob("*.npz")
    return path


@pytest.mark.parametrize("damage", ["deleted", "empty", "torn", "flipped", "foreign"])
def test_a_damaged_entry_is_made_again(damage, tmp_path):
    dataset = Counting(ROWS["labelled"])
    cached = CachedDataset(dataset, tmp_path)
    cached[0]
    path = entry(tmp_path)
    data = path.read_bytes()
    if damage == "deleted":
        path.unlink()
    elif damage == "empty":
        path.write_bytes(b"")
    elif damage == "torn":
        path.write_bytes(data[: len(data) // 2])
    elif damage == "flipped":
        middle = 200
        path.write_bytes(data[:middle] + bytes([data[middle] ^ 255]) + data[middle + 1 :])
    else:
        np.savez(path, facts=np.array('{"sample_id": "x"}'))
    assert_equal(cached[0], ROWS["labelled"])
    assert dataset.asked == 2
    assert_equal(cached[0], ROWS["labelled"])
    assert dataset.asked == 2


def test_datasets_splits_and_sizes_share_a_folder_without_mixing(tmp_path):
    sources = [
        CtpSynth().open("test", size=64),
        CtpSynth().open("test", size=65),
        CtpSynth().open("validation", size=64),
        CtpSynth().open("test", size=64, seed=1),
    ]
    for _ in range(2):
        for source in sources:
            assert_equal(CachedDataset(source, tmp_path)[0], source[0])
    assert len(list(tmp_path.rglob("*.npz"))) == len(sources)


def test_a_folder_named_in_the_environment_keeps_what_open_dataset_renders(tmp_path, monkeypatch):
    plain = open_dataset("ctp-synth", "train", size=64)
    monkeypatch.setenv("TPGBENCH_ROW_CACHE", str(tmp_path / "rows"))
    kept = open_dataset("ctp-synth", "train", size=64)
    assert (kept.fingerprint, kept.sample_ids(3)) == (plain.fingerprint, plain.sample_ids(3))
    expected = plain[2]
    assert_equal(kept[2], expected)
    # An endless split is not kept in memory, so this row can only come from the folder.
    monkeypatch.setattr(SynthDataset, "_render", lambda *_: pytest.fail("rendered again"))
    assert_equal(open_dataset("ctp-synth", "train", size=64)[2], expected)
