"""Files that a reader never sees half written."""

from __future__ import annotations

import errno
import hashlib
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO

from filelock import BaseFileLock, FileLock, SoftFileLock, Timeout

from .errors import TpgbenchError

_CHUNK = 1 << 20
_NO_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS)
TEMPORARY_PREFIX = ".tmp-"


def _umask() -> int:
    # No call only reads the mask; the value is restored at once.
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


# Read once: reading it sets it for a moment, which affects other threads.
_UMASK = _umask()


def sha256_file(path: Path) -> str:
    """Return the hex SHA-256 of a file, read in chunks."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def user_cache(kind: str) -> Path:
    """Return the user's cache folder for one kind of files, ``~/.cache/tpgbench/<kind>``.

    ``$XDG_CACHE_HOME`` replaces ``~/.cache``. The folder may not exist yet; of a user without
    a home it cannot be made, so nothing is found there and nothing is kept.
    """
    cache = os.environ.get("XDG_CACHE_HOME")
    if cache:
        return Path(cache) / "tpgbench" / kind
    try:
        home = Path.home()
    except RuntimeError:  # neither $HOME nor an entry in the system's list of users
        home = Path(os.devnull) / "no-home"
    return home / ".cache" / "tpgbench" / kind


def known_sha256(path: Path) -> str:
    """Return the same as `sha256_file`, but read the file again only if it has changed.

    A file has changed if it was replaced, or if its size or one of its times differs.
    """
    status = path.stat()
    identity = (status.st_dev, status.st_ino)
    times = (status.st_mtime_ns, status.st_ctime_ns)
    return _known_sha256(path.resolve(), identity, status.st_size, times)


@lru_cache(maxsize=256)
def _known_sha256(path: Path, *_: object) -> str:
    return sha256_file(path)


def utf8_text(raw: str) -> str:
    r"""Return a name or argument as text that UTF-8 can hold, with ``\xNN`` for other bytes."""
    try:
        return raw.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:  # no name that a file can have
        return raw.encode("utf-8", "backslashreplace").decode()


def recordable(path: str, what: str) -> str:
    """Return a path that a JSON file can hold.

    Raises:
        TpgbenchError: It is not UTF-8.
    """
    if path != utf8_text(path):
        raise TpgbenchError(f"{utf8_text(path)}: the name of the {what} is not UTF-8: rename it")
    return path


def leads_outside(name: str) -> bool:
    """Whether a name in a list, as a path of this or another system, points outside its folder."""
    return any(
        path.is_absolute() or ".." in path.parts
        for path in (PurePosixPath(name), PureWindowsPath(name))
    )


def given_path(value: str | Path, name: str) -> Path:
    """Return a path that a caller gave; an empty text, as of an unset variable, is none.

    Args:
        value: The path.
        name: What it is, for the message: ``"out"``.

    Raises:
        TpgbenchError: It is empty, or no path.
    """
    if not isinstance(value, str | os.PathLike):
        raise TpgbenchError(f"{name}: {value!r} is no path: give a text or a Path")
    if not os.fspath(value).strip():
        raise TpgbenchError(
            f"{name}: the path is empty, as of a variable that is not set: name a file or a folder"
        )
    return Path(value)


def write_atomic(path: Path, data: bytes, *, durable: bool = True) -> None:
    """Write ``data`` to ``path`` atomically: the file is complete, or it is not there.

    Args:
        path: The file; its folder is created if it is missing.
        data: Its whole content.
        durable: As for `open_atomic`.

    Raises:
        TpgbenchError: The disk is full, read-only, or otherwise refuses.
    """
    with explain_os_errors(path), open_atomic(path, durable=durable) as stream:
        stream.write(data)


@contextmanager
def open_atomic(path: Path, *, durable: bool = True) -> Iterator[IO[bytes]]:
    """Open a temporary file that is renamed to ``path`` when the block ends without an error.

    Args:
        path: The file; its folder is created if it is missing.
        durable: Wait until the bytes are on the disk. Without this, a crash of the machine (not
            of the process) may leave an empty or incomplete file, which the caller must detect.

    Raises:
        OSError: The disk refuses; `explain_os_errors` turns it into one line.
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
        temporary.chmod(0o666 & ~_UMASK)  # mkstemp lets only the owner read the file
        temporary.replace(path)
        if durable:
            sync_folder(path.parent)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def sync_folder(folder: Path) -> None:
    """Wait until the names in ``folder`` are on the disk, for example after a rename."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def lacks_locks(error: OSError) -> bool:
    """Whether an error says that the file system has no locks, as some network drives have none.

    A `filelock.SoftFileLock` does there: a file that names its process, and outlives it only until
    the next one looks.
    """
    return error.errno in _NO_LOCKS and not isinstance(error, BlockingIOError)


@contextmanager
def locked_folder(folder: Path, busy: str, *, sweep: Sequence[Path] = ()) -> Iterator[None]:
    """Keep other processes out of a folder while the block runs.

    Args:
        folder: Created if it is missing.
        busy: The error message if another process holds the lock.
        sweep: Folders from which temporary files of killed processes are removed.

    Raises:
        TpgbenchError: Another process holds the lock, or the folder cannot be written.
    """
    with explain_os_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        lock: BaseFileLock = FileLock(folder / ".lock")
        try:
            try:
                lock.acquire(timeout=0)
            except OSError as error:
                if not lacks_locks(error):
                    raise
                lock = SoftFileLock(folder / ".lock-file")
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
    """Turn an ``OSError`` of the block into a one-line error that says what to do."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise TpgbenchError(
            f"cannot write {where}: {reason}; free disk space or fix the permissions, then run "
            "the same command again: it resumes"
        ) from error
