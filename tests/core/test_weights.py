from __future__ import annotations

import hashlib
import os
import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from tpgbench.core import weights as module
from tpgbench.core.errors import TpgbenchError
from tpgbench.core.weights import (
    WeightFile,
    find_weights,
    get_weights,
    weights_folder,
    weights_hash,
    without_downloads,
)
from tpgbench.metrics.features.cache import cache_folder


@pytest.fixture
def published(tmp_path, monkeypatch):
    """A weight file at its owner's, and an empty folder for ours."""
    monkeypatch.setenv("TPGBENCH_WEIGHTS", str(tmp_path / "mine"))
    monkeypatch.delenv("TPGBENCH_OFFLINE", raising=False)
    owner = tmp_path / "owner.bin"
    owner.write_bytes(b"weights")
    digest = hashlib.sha256(b"weights").hexdigest()
    return WeightFile(name="w.bin", url=owner.as_uri(), sha256=digest, licence="MIT")


def test_download_once_then_found(published, tmp_path):
    assert find_weights(published) is None
    path = get_weights(published)
    assert path == weights_folder() / "w.bin"
    assert path.read_bytes() == b"weights"
    (tmp_path / "owner.bin").unlink()
    assert get_weights(published) == path


def test_a_download_is_durable_and_has_the_rights_of_the_umask(published, tmp_path, monkeypatch):
    synced = []
    fsync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda number: (synced.append(number), fsync(number)))
    plain = tmp_path / "plain"
    plain.write_bytes(b"weights")
    assert get_weights(published).stat().st_mode == plain.stat().st_mode
    assert len(synced) == 2  # the file, then its folder


def test_a_full_disk_is_no_failed_download(published, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(TpgbenchError, match=r"cannot write .*w\.bin: No space left on device"):
        get_weights(published)
    assert list(weights_folder().iterdir()) == []


def test_both_caches_lie_below_the_users_cache(tmp_path, monkeypatch):
    for variable in ("TPGBENCH_WEIGHTS", "TPGBENCH_CACHE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert weights_folder() == tmp_path / "tpgbench" / "weights"
    assert cache_folder() == tmp_path / "tpgbench" / "features"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert weights_folder() == tmp_path / ".cache" / "tpgbench" / "weights"


def test_a_given_folder_comes_first(published, tmp_path):
    get_weights(published)
    given = tmp_path / "given"
    given.mkdir()
    (given / "w.bin").write_bytes(b"weights")
    assert get_weights(published, given) == given / "w.bin"


def test_wrong_bytes_are_refused_and_not_kept(published):
    wrong = published.model_copy(update={"sha256": "0" * 64})
    with pytest.raises(TpgbenchError, match="it was deleted"):
        get_weights(wrong)
    assert list(weights_folder().iterdir()) == []


def test_a_damaged_local_file_is_refused(published):
    weights_folder().mkdir()
    (weights_folder() / "w.bin").write_bytes(b"weight")
    with pytest.raises(TpgbenchError, match="damaged or another one"):
        get_weights(published)


def test_offline_says_what_to_do(published, monkeypatch):
    monkeypatch.setenv("TPGBENCH_OFFLINE", "1")
    with pytest.raises(TpgbenchError, match=r"OFFLINE is set: run .* or download file:"):
        get_weights(published)


def test_no_network_says_what_to_do(published, tmp_path):
    (tmp_path / "owner.bin").unlink()
    with pytest.raises(TpgbenchError, match=r"download failed .* put it into"):
        get_weights(published)


def test_another_file_is_taken_only_when_that_is_said_and_shows_its_own_hash(
    published, monkeypatch
):
    weights_folder().mkdir()
    (weights_folder() / "w.bin").write_bytes(b"other")
    with pytest.raises(TpgbenchError, match="--unverified-weights"):
        get_weights(published)
    assert weights_hash(published) == published.sha256[:8]
    monkeypatch.setenv("TPGBENCH_UNVERIFIED_WEIGHTS", "1")
    assert get_weights(published) == weights_folder() / "w.bin"
    assert weights_hash(published) == hashlib.sha256(b"other").hexdigest()[:8]


def test_a_download_is_checked_even_where_local_files_are_not(published, monkeypatch):
    monkeypatch.setenv("TPGBENCH_UNVERIFIED_WEIGHTS", "1")
    with pytest.raises(TpgbenchError, match="it was deleted"):
        get_weights(published.model_copy(update={"sha256": "0" * 64}))


def test_many_readers_of_one_folder_leave_it_as_it_was(published):
    get_weights(published)
    before = {path: path.stat() for path in (weights_folder(), *weights_folder().iterdir())}
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda _: get_weights(published), range(32)))
    assert found == {weights_folder() / "w.bin"}
    after = {path: path.stat() for path in (weights_folder(), *weights_folder().iterdir())}
    assert [(s.st_mtime_ns, s.st_ino) for s in after.values()] == [
        (s.st_mtime_ns, s.st_ino) for s in before.values()
    ]


def test_nothing_is_downloaded_where_that_is_forbidden(published):
    with (
        without_downloads(),
        pytest.raises(TpgbenchError, match=r"w\.bin is not here: run"),
    ):
        get_weights(published)
    assert get_weights(published).exists()


# A server whose answers are given, one per request; the last is repeated.

BYTES = bytes(range(256)) * 4096
GOOD = (200, len(BYTES), BYTES)
CUT = (200, len(BYTES), BYTES[:1000])
UNSIZED = (200, None, BYTES)
BUSY = (503, 0, b"")
MISSING = (404, 0, b"")
OTHER = (200, 5, b"other")


@pytest.fixture
def served(tmp_path, monkeypatch):
    """Return a function from answers to a weight file, and the list of its requests."""
    monkeypatch.setenv("TPGBENCH_WEIGHTS", str(tmp_path / "mine"))
    monkeypatch.delenv("TPGBENCH_OFFLINE", raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(module, "_SECONDS_BETWEEN_TRIES", (0.0, 0.0))
    servers = []

    def serve(*answers):
        asked, left = [], deque(answers)

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                asked.append(self.path)
                status, length, body = left[0] if len(left) == 1 else left.popleft()
                self.send_response(status)
                if length is not None:
                    self.send_header("Content-Length", str(length))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        digest = hashlib.sha256(BYTES).hexdigest()
        url = f"http://127.0.0.1:{server.server_port}/w.bin"
        return WeightFile(name="w.bin", url=url, sha256=digest, licence="MIT"), asked

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    "answers", [(GOOD,), (UNSIZED,), (BUSY, GOOD), (CUT, GOOD), (BUSY, CUT, GOOD)]
)
def test_a_network_that_fails_twice_is_tried_three_times(served, answers):
    weights, asked = served(*answers)
    assert get_weights(weights).read_bytes() == BYTES
    assert len(asked) == len(answers)
    assert [path.name for path in weights_folder().iterdir()] == ["w.bin"]


@pytest.mark.parametrize(
    ("answer", "requests", "message"),
    [
        (BUSY, 3, "download failed .HTTP Error 503"),
        (CUT, 3, "closed after 1,000 of 1,048,576 bytes"),
        (MISSING, 1, "download failed .HTTP Error 404"),
        (OTHER, 1, "it was deleted"),
    ],
)
def test_a_download_that_fails_is_one_line_and_leaves_nothing(served, answer, requests, message):
    weights, asked = served(answer)
    with pytest.raises(TpgbenchError, match=message) as caught:
        get_weights(weights)
    assert "\n" not in str(caught.value)
    assert "put it into" in str(caught.value)
    assert len(asked) == requests
    assert list(weights_folder().iterdir()) == []


def test_a_closed_port_is_tried_three_times_too(served, monkeypatch):
    weights, asked = served(GOOD)
    waits = []
    monkeypatch.setattr(module, "_SECONDS_BETWEEN_TRIES", (1.0, 3.0))
    monkeypatch.setattr(module.time, "sleep", waits.append)
    closed = weights.model_copy(update={"url": "http://127.0.0.1:1/w.bin"})
    with pytest.raises(TpgbenchError, match="download failed .*refused"):
        get_weights(closed)
    assert waits == [1.0, 3.0]
    assert asked == []


def test_a_download_shows_its_progress(served, capsys):
    get_weights(served(GOOD)[0])
    assert capsys.readouterr().err.startswith("download w.bin 1.0/1.0, ")
