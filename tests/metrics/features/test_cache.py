"""The feature cache, and the pass that it saves."""

import os
import threading

import numpy as np
import pytest
from commands import run_code
from tpgbench import TpgbenchError
from tpgbench.metrics.base import FeatureExtractor
from tpgbench.metrics.features.cache import (
    FeatureCache,
    cache_folder,
    clear_cache,
    file_key,
    pixel_key,
)
from tpgbench.metrics.features.extraction import FeatureCollector, read_ahead, worker_threads


class Means(FeatureExtractor):
    """A backbone that counts what it is given."""

    batch_size = 4

    def __init__(self):
        self.backbone = "means"
        self.batches = []

    def extract(self, images):
        self.batches.append(len(images))
        return np.stack([image.mean((0, 1)) for image in images]).astype(np.float32)


def images(count):
    return [np.full((20, 20, 3), value, np.uint8) for value in range(count)]


def collect(extractor, given, cache):
    collector = FeatureCollector(extractor, cache)
    for image in given:
        collector.add(collector.inspect(pixel_key(image), lambda image=image: image))
    return collector.collect()


def test_nothing_passes_the_backbone_twice(tmp_path):
    first, second = Means(), Means()
    cache = FeatureCache("means", tmp_path)
    features = collect(first, images(10), cache)
    assert first.batches == [4, 4, 2]
    np.testing.assert_array_equal(features, np.arange(10)[:, None] * np.ones((1, 3)))
    mixed = [*images(12)[::-1]]
    again = collect(second, mixed, FeatureCache("means", tmp_path))
    assert second.batches == [2]
    np.testing.assert_array_equal(again[:, 0], np.arange(12)[::-1])


def test_another_backbone_has_its_own_features(tmp_path):
    FeatureCache("one", tmp_path).put("ab12", np.ones(3, np.float32))
    assert FeatureCache("two", tmp_path).get("ab12") is None
    np.testing.assert_array_equal(FeatureCache("one", tmp_path).get("ab12"), np.ones(3))


@pytest.mark.parametrize("damage", [b"", b"x", b"cut", b"flip"])
def test_a_damaged_file_counts_as_absent_and_is_mended(tmp_path, damage):
    cache = FeatureCache("means", tmp_path)
    vector = np.arange(5, dtype=np.float32)
    cache.put("ab12", vector)
    (path,) = (file for file in tmp_path.rglob("*") if file.is_file())
    content = bytearray(path.read_bytes())
    if damage == b"flip":
        content[-1] ^= 1
    path.write_bytes(content[:-4] if damage == b"cut" else content if damage == b"flip" else damage)
    assert cache.get("ab12") is None
    cache.put("ab12", vector)
    np.testing.assert_array_equal(cache.get("ab12"), vector)


def test_a_folder_that_cannot_be_written_stops_nothing(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    cache = FeatureCache("means", blocked)
    assert len(collect(Means(), images(3), cache)) == 3
    assert cache.get("ab12") is None


def test_many_threads_write_and_read_whole_vectors(tmp_path):
    cache = FeatureCache("means", tmp_path)
    vector = np.arange(2048, dtype=np.float32)
    torn = []

    def work():
        for turn in range(50):
            cache.put(f"{turn % 5:04d}", vector)
            found = cache.get(f"{turn % 5:04d}")
            if found is None or not np.array_equal(found, vector):
                torn.append(turn)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not torn
    assert not list(tmp_path.rglob(".tmp-*"))


def test_keys_tell_sizes_and_pixels_apart_but_not_layouts():
    image = np.arange(16 * 24 * 3, dtype=np.uint8).reshape(16, 24, 3)
    assert pixel_key(image) != pixel_key(image.reshape(24, 16, 3))
    assert pixel_key(image) == pixel_key(np.asfortranarray(image))
    other = image.copy()
    other[3, 3, 1] ^= 1
    assert pixel_key(image) != pixel_key(other)
    assert file_key(b"a") != file_key(b"b")


def test_the_folder_is_where_the_user_says(monkeypatch, tmp_path):
    monkeypatch.setenv("TPGBENCH_CACHE", str(tmp_path / "mine"))
    assert cache_folder() == tmp_path / "mine" / "features"
    monkeypatch.delenv("TPGBENCH_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "xdg" / "tpgbench" / "features"


def test_clearing_deletes_all_features_and_nothing_else(monkeypatch, tmp_path):
    monkeypatch.setenv("TPGBENCH_CACHE", str(tmp_path))
    assert clear_cache() == 0
    stranger = tmp_path / "features" / "thesis" / "ab" / "c.txt"
    stranger.parent.mkdir(parents=True)
    stranger.write_text("mine")
    for backbone in ("one", "two"):
        FeatureCache(backbone).put("ab12", np.ones(3, np.float32))
    assert clear_cache() == 2
    assert FeatureCache("one").get("ab12") is None
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [stranger]
    FeatureCache("one").put("ab12", np.ones(3, np.float32))
    assert FeatureCache("one").get("ab12") is not None


def test_threads_are_as_many_as_this_process_may_use(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3, 5, 7}, raising=False)
    assert worker_threads() == 3
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 9)
    assert worker_threads() == 9


def test_read_ahead_keeps_the_order_and_its_bound():
    started, lock = [], threading.Lock()

    def work(item):
        with lock:
            started.append(item)
        return item * 2

    results = read_ahead(work, range(100), ahead=5)
    assert [next(results) for _ in range(3)] == [0, 2, 4]
    with lock:
        assert len(started) <= 5 + 3
    assert list(results) == [2 * item for item in range(3, 100)]


def test_read_ahead_raises_an_error_in_its_turn():
    def work(item):
        if item == 3:
            raise TpgbenchError("three")
        return item

    found = []
    with pytest.raises(TpgbenchError, match="three"):
        found.extend(read_ahead(work, range(9), ahead=4))
    results = read_ahead(work, range(9), ahead=4)
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    results.close()


def test_importing_the_metrics_imports_no_torch():
    code = (
        "import sys, tpgbench.metrics.folders.compute, tpgbench.benchmark.scoring.score; "
        "print('torch' in sys.modules)"
    )
    assert run_code(code).strip() == "False"
