"""Features on disk, so that no image passes a network twice."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...core.errors import TpgbenchError
from ...core.files import explain_os_errors, user_cache, write_atomic
from ...core.images import READING, Image

_CHECK_BYTES = 16


def cache_folder() -> Path:
    """Return where features are kept, some 8 KiB per image; it is safe to delete at any time.

    ``$TPGBENCH_CACHE/features``, or the same below the user's cache folder.
    """
    given = os.environ.get("TPGBENCH_CACHE")
    return Path(given).expanduser() / "features" if given else user_cache("features")


def clear_cache() -> int:
    """Delete all features that are kept, and nothing else in their folder.

    Returns:
        How many there were.

    Raises:
        TpgbenchError: One cannot be deleted.
    """
    folder = cache_folder()
    backbones = folder.iterdir() if folder.is_dir() else ()
    removed = 0
    for backbone in backbones:
        if re.fullmatch("[0-9a-f]{16}", backbone.name) is None:
            continue
        removed += sum(path.is_file() for path in backbone.glob("*/*"))
        with explain_os_errors(backbone):
            shutil.rmtree(backbone)
    return removed


def file_key(content: bytes) -> str:
    """Return the key of an image by its file's bytes."""
    return hashlib.sha256(f"reader {READING} ".encode() + content).hexdigest()


def pixel_key(image: Image) -> str:
    """Return the key of an image by its pixels, uint8 (height, width, 3)."""
    digest = hashlib.sha256(repr(image.shape).encode())
    digest.update(np.ascontiguousarray(image).data)
    return digest.hexdigest()


class FeatureCache:
    """The features of one backbone, one small file each.

    Many threads and processes may use it at once: files are written whole or not at all, and two
    that write the same one write the same bytes. A damaged file counts as absent; a disk that
    refuses to be written makes the cache useless, not the run.

    Args:
        extractor_key: What the features depend on in addition to the image.
        folder: Where to keep them; `cache_folder` unless given.
    """

    def __init__(self, extractor_key: str, folder: Path | None = None) -> None:
        name = hashlib.sha256(extractor_key.encode()).hexdigest()[:16]
        self._folder = (cache_folder() if folder is None else folder) / name
        self._writable = True

    def get(self, key: str) -> NDArray[np.float32] | None:
        """Return the features of an image, (d,), or None if they are not known."""
        try:
            content = self._path(key).read_bytes()
        except OSError:
            return None
        check, vector = content[:_CHECK_BYTES], content[_CHECK_BYTES:]
        if not vector or check != _check(vector):
            return None
        return np.frombuffer(vector, dtype="<f4").astype(np.float32, copy=False)

    def put(self, key: str, features: NDArray[np.float32]) -> None:
        """Keep the features of an image, (d,)."""
        if not self._writable:
            return
        vector = features.astype("<f4").tobytes()
        try:
            write_atomic(self._path(key), _check(vector) + vector, durable=False)
        except TpgbenchError:
            self._writable = False

    def _path(self, key: str) -> Path:
        return self._folder / key[:2] / key[2:]


def _check(vector: bytes) -> bytes:
    return hashlib.blake2b(vector, digest_size=_CHECK_BYTES).digest()
