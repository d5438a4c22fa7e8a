"""The owner's files: their names and their bytes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ...core.errors import TpgbenchError
from ...core.files import sha256_file
from ...core.picture_files import (
    PictureList,
    list_files,
    litter_in,
    pick_pictures,
    read_start,
    split_suffix,
)
from .lists import check_bytes

MAX_FILE_BYTES = 1 << 30


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
        self._written_otherwise: dict[str, str] = {}  # names that the disk writes otherwise

    def __str__(self) -> str:
        return self._given

    def files(self, under: str = "") -> list[str]:
        """Return the names of all files in a folder and its subfolders, sorted; none without it.

        What file managers leave behind is passed over. Names are NFC; see `core.picture_files`.

        Raises:
            TpgbenchError: A folder cannot be listed.
        """
        return self._list(under)[0]

    def pictures(self, under: str = "") -> PictureList:
        """Return the pictures among `files`, and what else is there.

        Raises:
            TpgbenchError: As `files`; or a file cannot be read.
        """
        names, litter = self._list(under)
        return pick_pictures(names, lambda name: read_start(self._path(name)), litter)

    def _list(self, under: str) -> tuple[list[str], Counter[str]]:
        top = self.root / under
        if not top.is_dir():
            return [], Counter()
        found = list_files(top)
        prefix = f"{under}/" if under else ""
        self._written_otherwise |= {
            prefix + name: prefix + raw for name, raw in found.renamed.items()
        }
        return [prefix + name for name in found.names], found.litter

    def _path(self, name: str) -> Path:
        return self.root / self._written_otherwise.get(name, name)

    def top(self) -> list[Path]:
        """Return what lies in the folder itself, without what `files` passes over.

        Raises:
            TpgbenchError: The folder cannot be listed.
        """
        try:
            entries = sorted(self.root.iterdir())
        except OSError as error:
            raise TpgbenchError(f"{error.filename}: cannot be listed: {error.strerror}") from error
        return [
            entry
            for entry in entries
            if litter_in(f"{entry.name}/x" if entry.is_dir() else entry.name) is None
        ]

    def read(self, name: str) -> bytes:
        """Return a file's bytes.

        Raises:
            TpgbenchError: It cannot be read, is not a plain file, or is larger than 1 GiB.
        """
        path = self._path(name)
        with _explain_errors(name):
            _check_file(path, name)
            if path.stat().st_size > MAX_FILE_BYTES:
                raise TpgbenchError(f"{name}: is larger than 1 GiB; replace or remove it")
            return path.read_bytes()

    def read_list(self, name: str) -> bytes:
        """Return the bytes of a list, which is of bounded size.

        Raises:
            TpgbenchError: As `read`, or it is larger than 256 MiB.
        """
        path = self._path(name)
        with _explain_errors(name):
            _check_file(path, name)
            check_bytes(path.stat().st_size, name)
        return self.read(name)

    def read_head(self, name: str, size: int) -> bytes:
        """Return a file's first bytes.

        Raises:
            TpgbenchError: It cannot be read, or is not a plain file.
        """
        path = self._path(name)
        with _explain_errors(name):
            _check_file(path, name)
            with path.open("rb") as stream:
                return stream.read(size)

    def measure(self, name: str) -> tuple[int, str]:
        """Return a file's size in bytes and its hex SHA-256, however large it is.

        Raises:
            TpgbenchError: It cannot be read, or is not a plain file.
        """
        path = self._path(name)
        with _explain_errors(name):
            _check_file(path, name)
            return path.stat().st_size, sha256_file(path)


def is_picture(name: str) -> bool:
    """Whether a name ends as a picture's does, in any case."""
    return split_suffix(name)[1] != ""


def by_stem(names: Iterable[str], under: str = "") -> dict[str, list[str]]:
    """Group pictures by their name below ``under`` without the suffix."""
    prefix = f"{under}/" if under else ""
    groups: dict[str, list[str]] = {}
    for name in names:
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
