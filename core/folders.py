"""Folders that are there whole or not at all, also when the process that makes them is killed.

A folder is made in a workshop beside it and then takes its name. The workshop has a name that
follows from the folder's, so whatever a killed process left is found by whoever comes next. Its
lock is on the workshop itself and dies with the process: it needs no file and is never stale.

To replace a folder takes two renames: the old one moves into the workshop, then the new one takes
its name. A process that is killed between them leaves no folder of that name; `recover` moves the
old one back.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from filelock import SoftFileLock, Timeout

from .errors import TpgbenchError
from .files import TEMPORARY_PREFIX, lacks_locks, recordable, sync_folder

_OLD = "old"  # what is being replaced; it is moved back if nothing has taken its place
_REPLACED = "replaced"  # what has been replaced and may be deleted
_SECONDS_OF_A_WRITER = 10.0  # it lacks the folder for a moment only, between two renames
_SECONDS_OF_A_READER = 0.3  # in `recover` it holds the lock no longer
_SECONDS_BETWEEN_TRIES = 0.01


@dataclass(frozen=True)
class Staging:
    """Where a folder is made.

    Attributes:
        folder: Becomes the new folder.
        scratch: For what only the making needs; it is deleted.
    """

    folder: Path
    scratch: Path


@contextmanager
def new_folder(out: Path, *, outside: Path | None = None) -> Iterator[Staging]:
    """Yield two empty folders near ``out``; one of them takes its name when the block ends.

    If the block raises, both are deleted. A process that is killed leaves them, and the next that
    makes the same ``out`` deletes them.

    Args:
        out: The folder to make, with its parents; it may exist if it is empty.
        outside: A folder that ``out`` must not be in.

    Raises:
        TpgbenchError: ``out`` is in use, lies in ``outside`` or is being made by another
            process, or the disk refuses.
    """
    target = Path(recordable(str(out.resolve()), "folder"))
    if outside is not None and target.is_relative_to(outside.resolve()):
        raise TpgbenchError(f"{out}: lies in the source {outside}; choose a folder outside it")
    recover(out)
    with _explained(out):
        if target.exists() and not (target.is_dir() and not any(target.iterdir())):
            raise TpgbenchError(f"{out}: is there already; remove it or choose another folder")
        with _workshop(target, out) as workshop:
            staging = Staging(workshop / "folder", workshop / "scratch")
            staging.folder.mkdir()
            staging.scratch.mkdir()
            yield staging
            _sync(staging.folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            staging.folder.rename(target)
            sync_folder(target.parent)


@contextmanager
def replaced_folder(folder: Path) -> Iterator[Path]:
    """Yield an empty folder that takes the place of ``folder`` when the block ends.

    If the block raises, ``folder`` is as it was. A process that is killed leaves the old content
    or the new, whole; if it was killed at the wrong moment, `recover` has to be called to find it.

    Args:
        folder: The folder to replace, or to make, with its parents.

    Raises:
        TpgbenchError: Another process is replacing it, or the disk refuses.
    """
    target = folder.resolve()
    with _explained(folder), _workshop(target, folder) as workshop:
        staging = workshop / "folder"
        staging.mkdir()
        yield staging
        _sync(staging)
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists():
            target.rename(workshop / _OLD)
        staging.rename(target)
        sync_folder(target.parent)


def recover(folder: Path) -> None:
    """Move a folder back if a process was killed while it replaced it.

    Whoever reads a folder that `replaced_folder` makes calls this first. It costs next to nothing
    where there is nothing to do.

    Args:
        folder: As it was given to `replaced_folder`.

    Raises:
        TpgbenchError: The disk refuses, or a process that is replacing the folder does not end.
    """
    target = folder.resolve()
    workshop = _workshop_path(target.parent, target)
    if target.exists() or not (workshop / _OLD).exists():
        return
    until = time.monotonic() + _SECONDS_OF_A_WRITER
    with _explained(folder):
        while not target.exists() and (workshop / _OLD).exists():
            release = _lock(workshop)
            if release is not None:
                try:
                    _settle(workshop, target)
                    workshop.rmdir()
                finally:
                    release()
            elif time.monotonic() > until:
                raise TpgbenchError(
                    f"{folder}: another process is replacing it; wait for that process, or end it"
                )
            else:
                time.sleep(_SECONDS_BETWEEN_TRIES)


def _workshop_path(home: Path, target: Path) -> Path:
    # Relative, so that it is found also after all of them were moved elsewhere.
    relative = os.fsencode(target.relative_to(home))
    return home / f"{TEMPORARY_PREFIX}{hashlib.sha256(relative).hexdigest()[:16]}"


@contextmanager
def _workshop(target: Path, told: Path) -> Iterator[Path]:
    """Make a folder near ``target`` that is this process's alone, and empty.

    Args:
        target: What is made in it.
        told: The same, as the user wrote it.
    """
    # A parent that is still missing is made at the end only.
    home = next(parent for parent in target.parents if parent.exists())
    workshop = _workshop_path(home, target)
    workshop.mkdir(exist_ok=True)
    until = time.monotonic() + _SECONDS_OF_A_READER
    while (release := _lock(workshop)) is None:
        if workshop.exists() and time.monotonic() > until:
            raise TpgbenchError(
                f"{told}: another process is making it; wait for that, or choose another folder"
            )
        time.sleep(_SECONDS_BETWEEN_TRIES)
        workshop.mkdir(exist_ok=True)  # its owner may have removed it since
    try:
        _settle(workshop, target)
        yield workshop
    finally:
        # What is left then is deleted, or moved back, by the next process.
        with suppress(OSError):
            _settle(workshop, target)
            workshop.rmdir()
        release()


def _lock(workshop: Path) -> Callable[[], object] | None:
    """Lock a workshop.

    Returns:
        What releases the lock; None if another process holds it or the workshop is gone.
    """
    try:
        descriptor = os.open(workshop, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(workshop.stat(), os.fstat(descriptor)):
            return partial(os.close, descriptor)
    except (BlockingIOError, FileNotFoundError):
        pass
    except OSError as error:
        os.close(descriptor)
        if lacks_locks(error):
            return _soft_lock(workshop)
        raise
    except BaseException:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None


def _soft_lock(workshop: Path) -> Callable[[], object] | None:
    """Lock a workshop where the file system has no locks, by a file beside it."""
    lock = SoftFileLock(workshop.with_name(f"{workshop.name}.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return None
    if workshop.exists():
        return lock.release
    lock.release()
    return None


def _settle(workshop: Path, target: Path) -> None:
    """Move back what was not replaced, and empty the workshop."""
    old, replaced = workshop / _OLD, workshop / _REPLACED
    if old.exists() and not target.exists():
        old.rename(target)
        sync_folder(target.parent)
    elif old.exists():
        # Under another name first: half deleted, it must not be moved back.
        if replaced.exists():
            shutil.rmtree(replaced)
        old.rename(replaced)
    for left in workshop.iterdir():
        shutil.rmtree(left)


@contextmanager
def _explained(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise TpgbenchError(
            f"cannot write {folder}: {error.strerror or error}; it is as it was before: free disk "
            "space or fix the permissions, then run the same command again"
        ) from error


def _sync(folder: Path) -> None:
    """Wait until all files of a folder are on the disk."""
    for parent, _, names in os.walk(folder):
        for name in names:
            descriptor = os.open(Path(parent) / name, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        sync_folder(Path(parent))
