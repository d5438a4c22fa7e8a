"""A new folder that appears whole or not at all."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ...core.errors import TpgbenchError
from ...core.files import TEMPORARY_PREFIX, sync_folder


@dataclass(frozen=True)
class Staging:
    """Where a folder is made.

    Attributes:
        folder: Becomes the new folder.
        scratch: For what only the making needs; it is thrown away.
    """

    folder: Path
    scratch: Path


@contextmanager
def new_folder(out: Path, *, outside: Path | None = None) -> Iterator[Staging]:
    """Yield two empty folders near ``out``; the one takes its name when the block ends.

    If the block raises, nothing is left of them. A process that is killed leaves them, and the
    next that makes the same ``out`` sweeps them up.

    Args:
        out: The folder to make, with its parents; it may be there if it is empty.
        outside: A folder that ``out`` must not be in.

    Raises:
        TpgbenchError: ``out`` is in use, lies in ``outside`` or is being made by another
            process, or the disk refuses.
    """
    target = out.resolve()
    if outside is not None and target.is_relative_to(outside.resolve()):
        raise TpgbenchError(f"{out}: lies in the source {outside}; choose a folder outside it")
    try:
        if target.exists() and not (target.is_dir() and not any(target.iterdir())):
            raise TpgbenchError(f"{out}: is there already; remove it or choose another folder")
        # A parent that is still missing is made at the end only.
        home = next(parent for parent in target.parents if parent.exists())
        # The same name for the same target, so that what a killed process left is found.
        name = hashlib.sha256(os.fsencode(target)).hexdigest()[:16]
        with _locked(home / f"{TEMPORARY_PREFIX}{name}", out) as workshop:
            staging = Staging(workshop / "folder", workshop / "scratch")
            staging.folder.mkdir()
            staging.scratch.mkdir()
            yield staging
            _sync(staging.folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            staging.folder.rename(target)
            sync_folder(target.parent)
    except OSError as error:
        raise TpgbenchError(
            f"{out}: cannot be written: {error.strerror or error}; nothing was left there: make "
            "room or rights and build again"
        ) from error


@contextmanager
def _locked(workshop: Path, out: Path) -> Iterator[Path]:
    """Make a folder that is this process's alone, emptied of what a dead one left in it.

    The lock is on the folder itself and dies with the process: it needs no file and is never
    stale.
    """
    while True:
        workshop.mkdir(exist_ok=True)
        descriptor = os.open(workshop, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise TpgbenchError(
                f"{out}: another process is making it; wait for that, or choose another folder"
            ) from None
        if _is_same(workshop, descriptor):
            break
        os.close(descriptor)  # its owner removed it between our two calls
    try:
        for left in workshop.iterdir():
            shutil.rmtree(left)
        yield workshop
    finally:
        shutil.rmtree(workshop, ignore_errors=True)
        os.close(descriptor)


def _is_same(folder: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(folder.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


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
