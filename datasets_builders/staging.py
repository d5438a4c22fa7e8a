"""A new folder that appears whole or not at all."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import TpgbenchError
from ..files import TEMPORARY_PREFIX, sync_folder


@contextmanager
def new_folder(out: Path, *, outside: Path) -> Iterator[Path]:
    """Yield an empty folder near ``out`` that takes its name when the block ends.

    If the block raises, nothing is left of it.

    Args:
        out: The folder to make, with its parents; it may be there if it is empty.
        outside: A folder that ``out`` must not be in.

    Raises:
        TpgbenchError: ``out`` is in use or lies in ``outside``, or the disk refuses.
    """
    target = out.resolve()
    if target.is_relative_to(outside.resolve()):
        raise TpgbenchError(f"{out}: lies in the source {outside}; choose a folder outside it")
    try:
        if target.exists() and not (target.is_dir() and not any(target.iterdir())):
            raise TpgbenchError(f"{out}: is there already; remove it or choose another folder")
        # A parent that is still missing is made at the end only.
        home = next(parent for parent in target.parents if parent.exists())
        staging = home / f"{TEMPORARY_PREFIX}{secrets.token_hex(8)}"
        staging.mkdir()
        try:
            yield staging
            _sync(staging)
            target.parent.mkdir(parents=True, exist_ok=True)
            staging.rename(target)
            sync_folder(target.parent)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    except OSError as error:
        raise TpgbenchError(
            f"{out}: cannot be written: {error.strerror or error}; nothing was left there: make "
            "room or rights and build again"
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
