"""Unpacking other people's archives without trusting them."""

from __future__ import annotations

import gzip
import io
import os
import stat
import struct
import tarfile
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO, Any, Protocol

from ...core.errors import TpgbenchError
from ...core.files import leads_outside

SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz")
MAX_MEMBERS = 2_000_000
MAX_TOTAL_BYTES = 1 << 40
MAX_FILE_BYTES = 1 << 30
MAX_HEADER_BYTES = 256 << 20  # of a zip's directory, or a tar's extended header
MAX_RATIO = 200  # what a byte of the archive may unpack to; photos come to about 1
RATIO_FROM = 100 << 20  # bytes from which on the ratio counts

_CHUNK = 1 << 20
_RESOURCE_FORKS = "__MACOSX"
_BLOCK = tarfile.BLOCKSIZE

# What the standard readers raise on damaged archives.
_DAMAGE = (
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    ValueError,
    LookupError,
    ArithmeticError,
    TypeError,
    AttributeError,
    RuntimeError,
)


def is_archive(path: Path) -> bool:
    """Whether a file's name ends as that of an archive that can be unpacked."""
    return path.name.lower().endswith(SUFFIXES)


def unpack(archive: Path, into: Path) -> None:
    """Unpack an archive as a stream.

    Args:
        archive: A ``.zip``, ``.tar``, ``.tar.gz`` or ``.tgz`` file.
        into: An empty folder. After an error, discard its contents.

    Raises:
        TpgbenchError: The archive is damaged, cut short or encrypted; it holds links, devices,
            two files of one name (also if they differ in case only), or names that lead out of
            it; it is a bomb by the limits above; or the disk refuses.
    """
    unpacking = _Unpacking(archive, into)
    with _explain_damage(archive):
        members = _zip_members if archive.name.lower().endswith(".zip") else _tar_members
        for member in members(archive, unpacking):
            unpacking.store(member)


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


@dataclass(frozen=True)
class _Member:
    """One entry of an archive, its kind not judged yet.

    Attributes:
        name: As the archive gives it.
        kind: ``"file"``, ``"folder"``, or what else it is.
        stream: A file's bytes.
    """

    name: str
    kind: str
    stream: _Readable | None = None


class _Unpacking:
    """What was unpacked from an archive so far, checked against the limits."""

    def __init__(self, archive: Path, into: Path) -> None:
        self.archive = archive
        self._into = into
        self._packed = archive.stat().st_size
        self._unpacked = 0
        self._count = 0
        self._names: set[str] = set()

    def refuse(self, problem: str, name: str | None = None) -> TpgbenchError:
        """Return the error for a problem with the archive or one of its members."""
        where = f"{self.archive}: " + (f"{name!r} " if name is not None else "")
        return TpgbenchError(f"{where}{problem}")

    def count(self) -> None:
        """Count a member, before anything is kept of it."""
        self._count += 1
        if self._count > MAX_MEMBERS:
            raise self.refuse(f"holds more than {MAX_MEMBERS:,} members; unpack it yourself")

    def spend(self, size: int) -> None:
        """Count bytes that came out of the archive."""
        self._unpacked += size
        ratio = self._unpacked / max(self._packed, 1)
        if self._unpacked > MAX_TOTAL_BYTES:
            raise self.refuse(f"unpacks to more than {MAX_TOTAL_BYTES:,} bytes; unpack it yourself")
        if self._unpacked > RATIO_FROM and ratio > MAX_RATIO:
            raise self.refuse(
                f"unpacks to more than {MAX_RATIO} times its size, as a bomb does; if you trust "
                "it, unpack it yourself"
            )

    def store(self, member: _Member) -> None:
        """Write a file below the folder."""
        name = member.name
        self._check_name(name)
        parts = PurePosixPath(name).parts
        if member.kind not in ("file", "folder"):
            raise self.refuse(f"is a {member.kind}; archives may hold files and folders only", name)
        if member.stream is None or not parts or parts[0] == _RESOURCE_FORKS:
            return
        folded = unicodedata.normalize("NFC", "/".join(parts)).casefold()
        if folded in self._names:
            raise self.refuse("is in it twice, or differs from another name in case only", name)
        self._names.add(folded)
        path = self._into.joinpath(*parts)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            target = path.open("xb")
        except OSError as error:
            raise self.refuse(f"cannot be unpacked: {error.strerror or error}", name) from error
        with target:
            self._copy(member.stream, target, name)

    def _check_name(self, name: str) -> None:
        try:
            name.encode()
        except UnicodeEncodeError:
            raise self.refuse("is no name in UTF-8; pack the files again", name) from None
        if "\0" in name or "\\" in name:
            raise self.refuse(
                "holds a NUL or a backslash; pack the files again, with / between folders", name
            )
        if leads_outside(name) or PureWindowsPath(name).drive:
            raise self.refuse("leads out of the archive; do not trust it", name)

    def _copy(self, stream: _Readable, target: IO[bytes], name: str) -> None:
        size = 0
        while chunk := stream.read(_CHUNK):
            size += len(chunk)
            if size > MAX_FILE_BYTES:
                raise self.refuse(f"is larger than {MAX_FILE_BYTES:,} bytes", name)
            target.write(chunk)


class _Guarded(io.RawIOBase):
    """A stream that counts what is read, and never reads more at once than a header may take.

    The standard readers trust the lengths that an archive states and would fill the memory.
    """

    def __init__(self, stream: IO[bytes], spend: Callable[[int], None]) -> None:
        self._stream = stream
        self._spend = spend
        self.last = b""  # what was read last

    def read(self, size: int | None = -1, /) -> bytes:
        limit = MAX_HEADER_BYTES
        if size is not None and size > limit:
            raise ValueError(f"it states a header of {size:,} bytes")
        self.last = self._stream.read(limit if size is None or size < 0 else size)
        self._spend(len(self.last))
        return self.last

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        return self._stream.tell()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True


def _zip_members(archive: Path, unpacking: _Unpacking) -> Iterator[_Member]:
    with archive.open("rb") as file, zipfile.ZipFile(_Guarded(file, _ignore)) as members:
        for info in members.infolist():
            unpacking.count()
            name = info.orig_filename  # `filename` ends at a NUL
            if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                # The reader unpacks other methods without a bound.
                raise unpacking.refuse("is packed by another method than deflate; unpack it", name)
            if info.flag_bits & 0x1:
                raise unpacking.refuse("is encrypted; unpack the archive yourself", name)
            kind = _kind(info.external_attr >> 16, folder=info.is_dir())
            if kind == "file":
                with members.open(info) as stream:
                    yield _Member(name, kind, _Guarded(stream, unpacking.spend))
            else:
                yield _Member(name, kind)


def _ignore(size: int) -> None:
    """Count nothing: packed bytes are no output."""


def _kind(mode: int, *, folder: bool) -> str:
    """Return what a zip's member is by the Unix mode that some archivers store; 0 is none."""
    if folder:
        return "folder"
    if stat.S_ISLNK(mode):
        return "link"
    return "file" if stat.S_IFMT(mode) in (0, stat.S_IFREG) else "device"


def _tar_members(archive: Path, unpacking: _Unpacking) -> Iterator[_Member]:
    with archive.open("rb") as file:
        zipped = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        plain: Any = gzip.GzipFile(fileobj=file) if zipped else file
        guarded = _Guarded(plain, unpacking.spend)
        with tarfile.open(fileobj=guarded, mode="r:", encoding="utf-8") as members:
            while (info := members.next()) is not None:
                unpacking.count()
                vars(members)["members"].clear()  # it would keep them all
                yield _tar_member(members, info)
            # The reader takes damage for the end, which is a block of zeros.
            if guarded.last != bytes(_BLOCK):
                raise unpacking.refuse("is cut short or damaged; copy or download it again")
        while rest := plain.read(_CHUNK):  # gzip's checksum comes last
            unpacking.spend(len(rest))


def _tar_member(members: tarfile.TarFile, info: tarfile.TarInfo) -> _Member:
    if info.isdir():
        return _Member(info.name, "folder")
    if info.issym() or info.islnk():
        return _Member(info.name, "link")
    if info.issparse():
        return _Member(info.name, "sparse file")
    if not info.isreg():
        return _Member(info.name, "device or other special file")
    return _Member(info.name, "file", members.extractfile(info))


@contextmanager
def _explain_damage(archive: Path) -> Iterator[None]:
    try:
        yield
    except _DAMAGE as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise TpgbenchError(
                f"{archive}: cannot be unpacked: {error.strerror}; free disk space or fix "
                "the permissions beside the output"
            ) from error
        raise TpgbenchError(
            f"{archive}: cannot be read as an archive ({error or type(error).__name__}); copy or "
            "download it again"
        ) from error


def single_folder(folder: Path) -> Path:
    """Return the one folder that everything in ``folder`` lies in, or ``folder`` itself."""
    inside = list(folder.iterdir())
    return inside[0] if len(inside) == 1 and inside[0].is_dir() else folder
