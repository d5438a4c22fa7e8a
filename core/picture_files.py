r"""Which files of a folder are pictures: the one reader of sets of files.

Names are relative to the folder, with ``/`` between the parts, and sorted. They are composed
Unicode (NFC), whatever the file system holds, so that names written on different systems are equal;
a byte that is not UTF-8 becomes ``\\xNN``.
"""

from __future__ import annotations

import os
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import NoReturn

from .errors import TpgbenchError
from .files import utf8_text
from .images import PICTURE_SUFFIXES, SIGNATURE_BYTES, has_picture_signature

# What file managers, network drives, notebooks and synchronisers leave beside the user's files;
# all in lower case. Hidden files and folders count as litter as well.
_LITTER_FOLDERS = frozenset(
    {
        "@eadir",
        "@recycle",
        "@recently-snapshot",
        "@__thumb",
        "#recycle",
        "#snapshot",
        "$recycle.bin",
        "recycler",
        "system volume information",
        "__macosx",
        "network trash folder",
        "temporary items",
        "lost+found",
        "__pycache__",
    }
)
_LITTER_FILES = frozenset({"thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r"})
_LITTER_PREFIXES = (".", "~$", "synofile_thumb_", "synophoto_thumb_")
_LITTER_SUFFIXES = ("~", ".crdownload", ".part", ".partial")

# Pictures that are not read: without a free decoder here, of raw sensors, of vectors, of layers.
_UNREAD = frozenset(
    {
        ".heic",
        ".heif",
        ".hif",
        ".jxl",
        ".psd",
        ".psb",
        ".xcf",
        ".svg",
        ".eps",
        ".ai",
        ".pdf",
        ".ico",
        ".icns",
        ".tga",
        ".exr",
        ".hdr",
        ".dds",
        ".pcx",
        ".qoi",
        ".dng",
        ".cr2",
        ".cr3",
        ".nef",
        ".nrw",
        ".arw",
        ".orf",
        ".rw2",
        ".raf",
        ".pef",
        ".srw",
        ".raw",
        ".kra",
    }
)
_SHOWN = 5


@dataclass(frozen=True)
class PassedOver:
    """What lies beside pictures and was not read, by cause.

    Attributes:
        unread: Pictures of formats that are not read, by suffix: ``{".heic": 3}``.
        litter: Pictures that file managers and network drives left, by what says so.
        other: Files that are no pictures, by suffix.
    """

    unread: Counter[str] = field(default_factory=Counter)
    litter: Counter[str] = field(default_factory=Counter)
    other: Counter[str] = field(default_factory=Counter)

    def __bool__(self) -> bool:
        return bool(self.unread or self.litter or self.other)

    def __add__(self, more: PassedOver) -> PassedOver:
        return PassedOver(
            self.unread + more.unread, self.litter + more.litter, self.other + more.other
        )

    def __str__(self) -> str:
        """Return it in one line: ``"3 .heic (save them as PNG or JPEG), 8 in @eaDir, 1 .txt"``."""
        parts = []
        if self.unread:
            parts.append(f"{_counts(self.unread)} (save them as PNG or JPEG)")
        if self.litter:
            parts.append(_counts(self.litter))
        if self.other:
            parts.append(_counts(self.other))
        return ", ".join(parts)


@dataclass(frozen=True)
class FileList:
    """The files of a folder and all folders below it, without litter.

    Attributes:
        root: The folder.
        names: The files' names, sorted.
        litter: How many pictures were passed over as litter, by what says so.
        renamed: The names that the disk writes otherwise, and how it writes them.
    """

    root: Path
    names: tuple[str, ...]
    litter: Counter[str]
    renamed: Mapping[str, str]

    def path(self, name: str) -> Path:
        """Return where a file is."""
        return self.root / self.renamed.get(name, name)


@dataclass(frozen=True)
class PictureList:
    """The pictures of a folder or an archive.

    Attributes:
        names: Their names, sorted.
        passed_over: What else is there.
    """

    names: tuple[str, ...]
    passed_over: PassedOver


def list_files(root: Path) -> FileList:
    """List a folder and all folders below it; links are followed, and one to nothing is listed.

    Raises:
        TpgbenchError: A folder cannot be listed, a link leads in a circle, or two names differ in
            their Unicode form only.
    """
    litter: Counter[str] = Counter()
    renamed: dict[str, str] = {}
    names: list[str] = []
    seen: set[str] = set()
    for raw in _walk(root, litter):
        name = written_name(raw)
        if name in seen:
            raise TpgbenchError(
                f"{root}: two files are named {name!a}, in two forms of Unicode: remove one"
            )
        seen.add(name)
        names.append(name)
        if name != raw:
            renamed[name] = raw
    return FileList(root, tuple(sorted(names)), litter, renamed)


def pick_pictures(
    names: Iterable[str], start: Callable[[str], bytes], litter: Counter[str] | None = None
) -> PictureList:
    """Pick the pictures out of some files: by suffix, and those of other suffixes by content.

    Args:
        names: The files, without litter.
        start: Returns the first bytes of a file, at least `SIGNATURE_BYTES` where it has them.
        litter: What was passed over as litter, for `PictureList.passed_over`.
    """
    passed = PassedOver(litter=Counter(litter or ()))
    pictures = []
    for name in names:
        suffix = PurePosixPath(name).suffix.lower()
        if suffix in PICTURE_SUFFIXES:
            pictures.append(name)
        elif suffix in _UNREAD:
            passed.unread[suffix] += 1
        elif has_picture_signature(start(name)):
            pictures.append(name)
        else:
            passed.other[suffix or "without a suffix"] += 1
    return PictureList(tuple(sorted(pictures)), passed)


def list_pictures(root: Path) -> tuple[FileList, PictureList]:
    """List the pictures of a folder and all folders below it, and what was passed over.

    Raises:
        TpgbenchError: As `list_files`; or a file cannot be read.
    """
    files = list_files(root)
    return files, pick_pictures(
        files.names, lambda name: read_start(files.path(name)), files.litter
    )


def litter_in(name: str) -> str | None:
    """Return the part of a name that says that it is litter, or None: ``"@eaDir"``."""
    *folders, file = PurePosixPath(name).parts
    for folder in folders:
        if _is_litter_folder(folder):
            return folder
    return file if _is_litter_file(file) else None


def written_name(raw: str) -> str:
    """Return a name of the file system as it is compared: NFC, and no byte that is not UTF-8."""
    return unicodedata.normalize("NFC", utf8_text(raw))


def split_suffix(name: str) -> tuple[str, str]:
    """Split a picture's name before its suffix; a name without one keeps all: ``("a.b", "")``."""
    stem, dot, suffix = name.rpartition(".")
    if dot + suffix.lower() in PICTURE_SUFFIXES and stem and not stem.endswith("/"):
        return stem, dot + suffix
    return name, ""


def _walk(root: Path, litter: Counter[str]) -> Iterator[str]:
    """Yield the files' names as the file system holds them, and count pictures among litter."""

    def visit(folder: Path, prefix: str, above: tuple[tuple[int, int], ...]) -> Iterator[str]:
        try:
            status = folder.stat()
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as error:
            _refuse(error)
        here = (status.st_dev, status.st_ino)
        if here in above:
            raise TpgbenchError(
                f"{folder}: is a link to a folder above it; remove the link, which has no end"
            )
        for entry in entries:
            name = prefix + entry.name
            if _is_folder(entry):
                if _is_litter_folder(entry.name):
                    litter[f"in {entry.name}"] += _pictures_below(Path(entry.path))
                else:
                    yield from visit(Path(entry.path), f"{name}/", (*above, here))
            elif _is_litter_file(entry.name):
                if PurePosixPath(entry.name).suffix.lower() in PICTURE_SUFFIXES:
                    litter["hidden" if entry.name.startswith(".") else "of litter"] += 1
            else:
                yield name

    yield from visit(root, "", ())


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError as error:
        _refuse(error)


def _pictures_below(folder: Path) -> int:
    files = (name for _, _, names in os.walk(folder) for name in names)
    return sum(PurePosixPath(name).suffix.lower() in PICTURE_SUFFIXES for name in files)


def _is_litter_folder(name: str) -> bool:
    return name.startswith(".") or name.lower() in _LITTER_FOLDERS


def _is_litter_file(name: str) -> bool:
    lower = name.lower()
    return (
        lower in _LITTER_FILES
        or lower.startswith(_LITTER_PREFIXES)
        or lower.endswith(_LITTER_SUFFIXES)
    )


def read_start(path: Path) -> bytes:
    """Return the first bytes of a file; none of what is no plain file.

    Raises:
        TpgbenchError: It cannot be read.
    """
    if not path.is_file():  # a socket or a pipe would block
        return b""
    try:
        with path.open("rb") as stream:
            return stream.read(SIGNATURE_BYTES)
    except OSError as error:
        raise TpgbenchError(f"{path}: cannot be read: {error.strerror or error}") from error


def _refuse(error: OSError) -> NoReturn:
    where = error.filename or "folder"
    raise TpgbenchError(f"{where}: cannot be listed: {error.strerror or error}") from error


def _counts(counter: Counter[str]) -> str:
    most = counter.most_common()
    shown = [f"{count:,} {what}" for what, count in most[:_SHOWN]]
    rest = sum(count for _, count in most[_SHOWN:])
    return ", ".join(shown) + (f", {rest:,} others" if rest else "")
