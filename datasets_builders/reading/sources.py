"""The owner's files: their names and their bytes."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from ...core.errors import TpgbenchError
from ...core.files import sha256_file
from ...core.images import PICTURE_SUFFIXES

MAX_FILE_BYTES = 1 << 30

# What file managers and archivers leave behind beside the owner's files.
_LITTER = frozenset({".DS_Store", "Thumbs.db", "desktop.ini"})
_LITTER_PREFIX = "._"


class SourceFolder:
    """A folder of the owner's files; names are relative to it, with ``/`` between the parts.

    Only names that `files` returns are meant for `read`: a name out of a list is looked up among
    them and never opened as a path, so that no list can lead out of the folder.

    Args:
        root: The folder.
        given: What the user calls it, if that is an archive or an id; ``str`` returns it.

    Raises:
        TpgbenchError: There is no such folder.
    """

    def __init__(self, root: Path, given: str | None = None) -> None:
        if not root.is_dir():
            problem = "is not a folder" if root.exists() else "no such folder"
            raise TpgbenchError(f"{root}: {problem}; give the folder that holds the owner's files")
        self.root = root
        self._given = str(root) if given is None else given

    def __str__(self) -> str:
        return self._given

    def files(self, under: str = "") -> list[str]:
        """Return the names of all files in a folder and its subfolders, sorted; none without it.

        Hidden folders, linked subfolders, and what file managers leave behind are passed over.

        Raises:
            TpgbenchError: A folder cannot be listed, or a name is not Unicode.
        """
        top = self.root / under
        names: list[str] = []
        if not top.is_dir():
            return names
        for folder, subfolders, files in os.walk(top, onerror=_refuse):
            subfolders[:] = [name for name in subfolders if not name.startswith(".")]
            parent = Path(folder).relative_to(self.root)
            for name in files:
                if _is_litter(name):
                    continue
                names.append(_checked((parent / name).as_posix()))
        return sorted(names)

    def top(self) -> list[Path]:
        """Return what lies in the folder itself, without what `files` skips.

        Raises:
            TpgbenchError: The folder cannot be listed.
        """
        try:
            entries = sorted(self.root.iterdir())
        except OSError as error:
            _refuse(error)
        return [
            entry
            for entry in entries
            if not (entry.name.startswith(".") if entry.is_dir() else _is_litter(entry.name))
        ]

    def read(self, name: str) -> bytes:
        """Return a file's bytes.

        Raises:
            TpgbenchError: It cannot be read, is not a plain file, or is larger than 1 GiB.
        """
        path = self.root / name
        with _explain_errors(name):
            _check_file(path, name)
            if path.stat().st_size > MAX_FILE_BYTES:
                raise TpgbenchError(f"{name}: is larger than 1 GiB; replace or remove it")
            return path.read_bytes()

    def measure(self, name: str) -> tuple[int, str]:
        """Return a file's size in bytes and its hex SHA-256, however large it is.

        Raises:
            TpgbenchError: It cannot be read, or is not a plain file.
        """
        path = self.root / name
        with _explain_errors(name):
            _check_file(path, name)
            return path.stat().st_size, sha256_file(path)


def _is_litter(name: str) -> bool:
    return name in _LITTER or name.startswith(_LITTER_PREFIX)


def split_suffix(name: str) -> tuple[str, str]:
    """Split a picture's name before its suffix; a name without one keeps all: ``("a.b", "")``."""
    stem, dot, suffix = name.rpartition(".")
    if dot + suffix.lower() in PICTURE_SUFFIXES and stem and not stem.endswith("/"):
        return stem, dot + suffix
    return name, ""


def is_picture(name: str) -> bool:
    """Whether a name ends as a picture's does, in any case."""
    return split_suffix(name)[1] != ""


def by_stem(names: Iterable[str], under: str = "") -> dict[str, list[str]]:
    """Group pictures by their name below ``under`` without the suffix; other files are dropped."""
    prefix = f"{under}/" if under else ""
    groups: dict[str, list[str]] = {}
    for name in names:
        if is_picture(name):
            groups.setdefault(split_suffix(name.removeprefix(prefix))[0], []).append(name)
    return groups


@contextmanager
def _explain_errors(name: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise TpgbenchError(f"{name}: cannot be read: {error.strerror or error}") from error


def _check_file(path: Path, name: str) -> None:
    if not path.is_file():
        raise TpgbenchError(f"{name}: is not a file; replace or remove it")


def _refuse(error: OSError) -> NoReturn:
    raise TpgbenchError(f"{error.filename}: cannot be listed: {error.strerror}") from error


def _checked(name: str) -> str:
    try:
        name.encode()
    except UnicodeEncodeError:
        raise TpgbenchError(f"{name!a}: the file's name is not valid UTF-8; rename it") from None
    return name
