"""Folders and zip files of images, as metrics read them."""

from __future__ import annotations

import zipfile
import zlib
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath

from ...core.errors import TpgbenchError
from ...core.files import leads_outside
from ...core.images import PICTURE_SUFFIXES, Image, read_image

_SAME_FORMAT = {"jpeg": "jpg", "tiff": "tif"}

MAX_BYTES = 1 << 30  # of one image's file: a zip may promise far more than it holds


class ImageSource(ABC):
    """The images of a folder or a zip file, read one at a time.

    Several threads may read at once. Iterating yields the decoded images in the order of ``ids``.

    Attributes:
        path: The folder or the file.
        ids: One name per image: its path below ``path`` without the suffix (``"floral/001"``), or
            with it where two images differ in their suffix only. In the order of the paths.
    """

    def __init__(self, path: Path, files: Sequence[str]) -> None:
        if not files:
            raise TpgbenchError(
                f"{path}: holds no image; name a folder or a zip file with "
                f"{', '.join(sorted(suffix[1:] for suffix in PICTURE_SUFFIXES))} files in it"
            )
        self.path = path
        self._files = tuple(sorted(files))
        stems = [str(PurePosixPath(file).with_suffix("")) for file in self._files]
        uses = Counter(stems)
        self.ids = tuple(
            stem if uses[stem] == 1 else file for stem, file in zip(stems, self._files, strict=True)
        )

    def __len__(self) -> int:
        return len(self.ids)

    def __iter__(self) -> Iterator[Image]:
        return (self.read(index) for index in range(len(self)))

    @property
    def formats(self) -> str:
        """The files' suffixes, as recipes name them: ``"jpg"``, ``"jpg+png"``."""
        suffixes = {PurePosixPath(file).suffix[1:].lower() for file in self._files}
        return "+".join(sorted({_SAME_FORMAT.get(suffix, suffix) for suffix in suffixes}))

    def name(self, index: int) -> str:
        """Return what to call an image in an error: its path."""
        return f"{self.path}/{self._files[index]}"

    def read(self, index: int) -> Image:
        """Return a decoded image, uint8 (height, width, 3).

        Raises:
            TpgbenchError: It cannot be read, or is no image.
        """
        return read_image(self.read_bytes(index), self.name(index))

    @abstractmethod
    def read_bytes(self, index: int) -> bytes:
        """Return an image's file as it is.

        Raises:
            TpgbenchError: It cannot be read.
        """


class _Folder(ImageSource):
    def __init__(self, path: Path) -> None:
        super().__init__(path, _images_below(path))

    def read_bytes(self, index: int) -> bytes:
        try:
            return (self.path / self._files[index]).read_bytes()
        except OSError as error:
            raise TpgbenchError(
                f"{self.name(index)}: cannot be read ({error.strerror}); fix or remove it"
            ) from error


class _Zip(ImageSource):
    def __init__(self, path: Path) -> None:
        try:
            self._archive = zipfile.ZipFile(path)
        except (OSError, zipfile.BadZipFile) as error:
            raise TpgbenchError(f"{path}: cannot be read as a zip file ({error})") from error
        # Finder puts a shadow of every file into the archives that it makes.
        members = {name for name in self._archive.namelist() if not name.startswith("__MACOSX/")}
        for name in sorted(members):
            if leads_outside(name):
                raise TpgbenchError(
                    f"{path}/{name}: its name leads outside the archive; pack it again with plain "
                    "relative names"
                )
        super().__init__(path, _images(members))

    def read_bytes(self, index: int) -> bytes:
        try:
            member = self._archive.getinfo(self._files[index])
            if member.file_size > MAX_BYTES:
                raise TpgbenchError(
                    f"{self.name(index)}: {member.file_size} bytes unpacked, more than {MAX_BYTES}"
                    ": take it out of the archive"
                )
            return self._archive.read(member)
        except (
            OSError,
            RuntimeError,
            NotImplementedError,
            zipfile.BadZipFile,
            zlib.error,
        ) as error:
            raise TpgbenchError(
                f"{self.name(index)}: cannot be unpacked ({error}); pack the archive again, "
                "without a password"
            ) from error


def read_images(source: Path) -> ImageSource:
    """Open a folder, with all folders below it, or a zip file.

    Files that are not images by their suffix, and hidden ones, are ignored.

    Args:
        source: The folder or the file.

    Raises:
        TpgbenchError: It does not exist, it is not a zip file, a name in it leads outside, or
            it holds no image.
    """
    if source.is_dir():
        return _Folder(source)
    if not source.exists():
        raise TpgbenchError(f"{source}: no such folder or zip file")
    return _Zip(source)


def holds_images(folder: Path) -> bool:
    """Return whether there is an image in a folder or in one below it."""
    return bool(_images_below(folder))


def _images_below(folder: Path) -> list[str]:
    found = (file for file in folder.rglob("*") if file.is_file())
    return _images(file.relative_to(folder).as_posix() for file in found)


def _images(files: Iterable[str]) -> list[str]:
    paths = [PurePosixPath(file) for file in files]
    return [
        str(path)
        for path in paths
        if path.suffix.lower() in PICTURE_SUFFIXES
        and not any(part.startswith(".") for part in path.parts)
    ]
