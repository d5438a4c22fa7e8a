"""The one cache of rows: in memory, and in a folder."""

from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import tpgbench
from tpgbench.core.errors import TpgbenchError
from tpgbench.datasets_builders.base import Dataset, MannequinRow, TpgRow
from tpgbench.datasets_builders.ctp_synth import CtpSynth, SynthDataset
from tpgbench.datasets_builders.load import open_dataset
from tpgbench.datasets_builders.reading.row_cache import CachedRows


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
    cached = CachedRows(dataset, tmp_path)
    for _ in range(3):
        assert_equal(cached[0], ROWS[kind])
    assert_equal(CachedRows(dataset, tmp_path)[0], ROWS[kind])  # from the folder
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
    CachedRows(dataset, tmp_path)[0]
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
    for _ in range(2):
        assert_equal(CachedRows(dataset, tmp_path)[0], ROWS["labelled"])
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
            assert_equal(CachedRows(source, tmp_path)[0], source[0])
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


# In memory.


class Few(Dataset):
    """Ten rows of 400 bytes; ``broken`` ones cannot be read, and an endless split has no end."""

    name, task, split, size, fingerprint, licence = "few", "tpg", "test", 10, "1" * 64, "CC0-1.0"
    fit, track = "pad", "unaligned"

    def __init__(self, *, endless=False, broken=()):
        self.endless, self.broken, self.asked = endless, broken, []
        self.garment = np.zeros((10, 10, 3), np.uint8)

    def sample_ids(self, limit=None):
        if self.endless and limit is None:
            raise TpgbenchError("few: is endless")
        return [str(index) for index in range(10)][:limit]

    def __getitem__(self, index):
        self.asked.append(index)
        if index in self.broken:
            raise TpgbenchError(f"{index}: damaged")
        mask = np.ones((10, 10), np.bool_)
        return TpgRow(str(index), self.garment, mask, None, "g", meta={"deep": [index]})


def test_the_first_rows_are_kept_until_the_memory_is_full():
    few = Few()
    cached = CachedRows(few, max_bytes=1000)
    for _ in range(3):
        assert [cached[index].sample_id for index in range(4)] == ["0", "1", "2", "3"]
    assert few.asked == [0, 1, 2, 3, 2, 3, 2, 3]


def test_a_row_cannot_be_changed_for_others():
    few = Few()
    cached = CachedRows(few)
    for _ in range(2):  # as it is made, and as it is kept
        row = cached[0]
        with pytest.raises(ValueError, match="read-only"):
            row.garment[0] = 1
        row.meta["deep"].append("changed")
        row.meta["new"] = 1
        assert cached[0].meta == {"deep": [0]}
    assert few.asked == [0]
    few.garment[0] = 0  # the dataset's own array is still its own


def test_a_row_that_fails_is_asked_for_again():
    few = Few(broken=[1])
    cached = CachedRows(few)
    for _ in range(2):
        with pytest.raises(TpgbenchError, match="damaged"):
            cached[1]
    few.broken = ()
    assert cached[1].sample_id == "1"
    assert few.asked == [1, 1, 1]


def test_an_endless_split_is_not_kept():
    few = Few(endless=True)
    cached = CachedRows(few)
    cached[0], cached[0]
    assert few.asked == [0, 0]


def test_what_a_dataset_says_of_itself_stays_visible():
    few = Few()
    cached = CachedRows(few)
    names = ["name", "task", "split", "size", "fit", "track", "fingerprint", "licence"]
    assert [getattr(cached, name) for name in names] == [getattr(few, name) for name in names]
    assert (len(cached), cached.sample_ids(2), cached.uncached) == (10, ["0", "1"], few)


def test_threads_share_it():
    few = Few()
    cached = CachedRows(few, max_bytes=400 * 10)
    with ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(lambda index: cached[index % 10].sample_id, range(400)))
    assert ids == [str(index % 10) for index in range(400)]
    few.asked.clear()
    assert [row.sample_id for index in range(10) for row in [cached[index]]] == ids[:10]
    assert few.asked == []  # what two threads made at once counts once, so all ten fit


def test_it_goes_to_other_processes_without_its_rows(tmp_path):
    few = Few()
    cached = CachedRows(few, tmp_path)
    cached[0]
    other = pickle.loads(pickle.dumps(cached))
    assert_equal(other[0], cached[0])
    assert other.uncached.asked == [0]  # from the folder


def test_a_folder_that_cannot_be_written_ends_nothing(tmp_path, monkeypatch):
    (tmp_path / "taken").write_text("a file where the folder would be")
    cached = CachedRows(Few(), tmp_path / "taken", max_bytes=0)
    with pytest.warns(UserWarning, match="taken.*rows of few are no longer stored") as caught:
        assert [cached[index].sample_id for index in range(3)] == ["0", "1", "2"]
    assert len(caught) == 1
    monkeypatch.setenv("TPGBENCH_ROW_CACHE", str(tmp_path / "taken"))
    with pytest.warns(UserWarning, match="rows of toy are no longer stored"):
        outcome = tpgbench.run(
            "crop", dataset="toy", limit=2, metrics=["ssim"], out=tmp_path / "run"
        )
    assert outcome.result.samples.ok == 2


def test_a_folder_that_can_only_be_read_is_read(tmp_path, monkeypatch):
    CachedRows(Few(), tmp_path)[0]
    few = Few()
    cached = CachedRows(few, tmp_path, max_bytes=0)

    def refuse(**_):  # as root, no permission would
        raise OSError(30, "read-only")

    with monkeypatch.context() as patch:
        patch.setattr("tempfile.mkstemp", refuse)
        with pytest.warns(UserWarning, match="no longer stored"):
            cached[1]
        cached[0]
    assert few.asked == [1]


def test_a_run_renders_each_row_once(tmp_path, monkeypatch):
    rendered = []
    render = SynthDataset._render

    def counting(self, index):
        rendered.append(index)
        return render(self, index)

    monkeypatch.setattr(SynthDataset, "_render", counting)
    tpgbench.run(
        "crop", split="validation", limit=3, size=65, metrics=["psnr"], out=tmp_path / "run"
    )
    assert sorted(rendered) == [0, 1, 2]


def test_two_openings_share_nothing(monkeypatch):
    rendered = []
    render = SynthDataset._render
    monkeypatch.setattr(
        SynthDataset, "_render", lambda self, i: rendered.append(i) or render(self, i)
    )
    for _ in range(2):
        dataset = tpgbench.load_dataset("ctp-synth", size=64)
        dataset[0], dataset[0]
    assert rendered == [0, 0]


def test_the_endless_split_keeps_nothing(monkeypatch):
    train = tpgbench.load_dataset("ctp-synth", "train", size=64)
    rendered = []
    monkeypatch.setattr(
        SynthDataset, "_render", lambda self, i: rendered.append(i) or ROWS["labelled"]
    )
    train[0], train[0]
    assert rendered == [0, 0]
