"""Writing files so that a reader never sees half of one."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO

from filelock import FileLock, Timeout

from .errors import TpgbenchError

_CHUNK = 1 << 20
TEMPORARY_PREFIX = ".tmp-"


def _umask() -> int:
    # There is no call that only reads it; the value is restored at once.
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


# Read once: reading it means setting it, which other threads would notice.
_UMASK = _umask()


def sha256_file(path: Path) -> str:
    """Return the hex SHA-256 of a file, read in pieces."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def user_cache(kind: str) -> Path:
    """Return the user's cache folder for one kind of files, ``~/.cache/tpgbench/<kind>``.

    ``$XDG_CACHE_HOME`` takes the place of ``~/.cache``. The folder may not be there yet.
    """
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "tpgbench" / kind


def known_sha256(path: Path) -> str:
    """Return what `sha256_file` does, but read the file again only if it has changed.

    A file counts as changed if it was replaced, or its size or a time of it differs.
    """
    status = path.stat()
    identity = (status.st_dev, status.st_ino)
    times = (status.st_mtime_ns, status.st_ctime_ns)
    return _known_sha256(path.resolve(), identity, status.st_size, times)


@lru_cache(maxsize=256)
def _known_sha256(path: Path, *_: object) -> str:
    return sha256_file(path)


def leads_outside(name: str) -> bool:
    """Whether a listed name, read as a path of this or another system, leaves its folder."""
    return any(
        path.is_absolute() or ".." in path.parts
        for path in (PurePosixPath(name), PureWindowsPath(name))
    )


def write_atomic(path: Path, data: bytes, *, durable: bool = True) -> None:
    """Write ``data`` to ``path`` so that the file is there whole or not at all.

    Args:
        path: The file; its folder is made if it is not there.
        data: All of its bytes.
        durable: As for `open_atomic`.

    Raises:
        TpgbenchError: The disk is full, read-only, or otherwise refuses.
    """
    with explain_os_errors(path), open_atomic(path, durable=durable) as stream:
        stream.write(data)


@contextmanager
def open_atomic(path: Path, *, durable: bool = True) -> Iterator[IO[bytes]]:
    """Open a new file that takes the name ``path`` when the block ends, and only if it succeeds.

    The bytes go to a temporary file beside ``path``. ``durable`` waits until they are on the
    disk; without it a machine that dies may leave an empty or torn file (a process that dies may
    not), which the caller must be able to notice.

    Raises:
        OSError: The disk refuses; `explain_os_errors` puts it into one line.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=TEMPORARY_PREFIX, dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            yield stream
            if durable:
                stream.flush()
                os.fsync(stream.fileno())
        temporary.chmod(0o666 & ~_UMASK)  # mkstemp makes files that only the owner reads
        temporary.replace(path)
        if durable:
            sync_folder(path.parent)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def sync_folder(folder: Path) -> None:
    """Wait until the names in ``folder`` are on the disk (after a rename, say)."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def locked_folder(folder: Path, busy: str, *, sweep: Sequence[Path] = ()) -> Iterator[None]:
    """Keep other processes out of a folder while the block runs, and sweep up after dead ones.

    Args:
        folder: Made if need be.
        busy: What to say if another process is in it.
        sweep: Folders that `write_atomic` writes into.

    Raises:
        TpgbenchError: Another process is in it, or it cannot be written.
    """
    with explain_os_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / ".lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise TpgbenchError(f"{folder}: {busy}") from None
    try:
        with explain_os_errors(folder):
            for one in sweep:
                for leftover in one.glob(f"{TEMPORARY_PREFIX}*"):
                    leftover.unlink(missing_ok=True)
        yield
    finally:
        lock.release()


@contextmanager
def explain_os_errors(where: Path) -> Iterator[None]:
    """Turn an ``OSError`` into one line with the way out."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise TpgbenchError(
            f"cannot write {where}: {reason}; make room or rights there, then run the same "
            "command again: it goes on where it stopped"
        ) from error
