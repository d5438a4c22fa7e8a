"""Folders and zip files of images, as metrics read them."""

from __future__ import annotations

import zipfile
import zlib
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from ...core.errors import TpgbenchError
from ...core.files import leads_outside
from ...core.images import FORMAT_SUFFIXES, SIGNATURE_BYTES, Image, read_image
from ...core.picture_files import (
    PassedOver,
    PictureList,
    list_pictures,
    litter_in,
    pick_pictures,
    split_suffix,
    written_name,
)

# One name for each format in recipes: "jpg" for ".jpeg", too.
_FORMAT_OF = {
    suffix[1:]: ("tif" if name == "TIFF" else suffixes[0][1:])
    for name, suffixes in FORMAT_SUFFIXES.items()
    for suffix in suffixes
}

MAX_BYTES = 1 << 30  # of one image's file: a zip may promise far more than it holds


class NoImagesError(TpgbenchError):
    """A folder or a zip file without an image."""


class ImageSource(ABC):
    """The images of a folder or a zip file, read one at a time.

    Several threads may read at once. Iterating yields the decoded images in the order of ``ids``.

    Attributes:
        path: The folder or the file.
        ids: One name per image: its path below ``path`` without the suffix (``"floral/001"``), or
            with it where two images differ in their suffix only. In the order of the paths.
        passed_over: What else lies there and was not read.
    """

    def __init__(self, path: Path, pictures: PictureList) -> None:
        self.passed_over: PassedOver = pictures.passed_over
        if not pictures.names:
            found = f" (passed over: {self.passed_over})" if self.passed_over else ""
            raise NoImagesError(
                f"{path}: holds no image{found}; name a folder or a zip file with png, jpg or webp "
                "files in it"
            )
        self.path = path
        self._files = pictures.names
        stems = [split_suffix(file)[0] for file in self._files]
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
        """The files' formats by their suffixes, as recipes name them: ``"jpg"``, ``"jpg+png"``."""
        suffixes = {split_suffix(file)[1][1:].lower() for file in self._files}
        return "+".join(sorted({_FORMAT_OF.get(suffix, "unnamed") for suffix in suffixes}))

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
        self._list, pictures = list_pictures(path)
        super().__init__(path, pictures)

    def read_bytes(self, index: int) -> bytes:
        try:
            return self._list.path(self._files[index]).read_bytes()
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
        self._members: dict[str, zipfile.ZipInfo] = {}
        litter: Counter[str] = Counter()
        for member in self._archive.infolist():
            raw = member.filename
            if leads_outside(raw):
                raise TpgbenchError(
                    f"{path}/{raw}: its name leads outside the archive; pack it again with plain "
                    "relative names"
                )
            if member.is_dir():
                continue
            name, left_by = written_name(raw), litter_in(raw)
            if left_by is not None:
                if split_suffix(name)[1]:
                    litter[f"in {left_by}" if left_by != PurePosixPath(raw).name else "hidden"] += 1
            elif name in self._members:
                raise TpgbenchError(f"{path}: holds {name!a} twice: pack it again")
            else:
                self._members[name] = member
        super().__init__(path, pick_pictures(self._members, self._start, litter))

    def read_bytes(self, index: int) -> bytes:
        try:
            member = self._members[self._files[index]]
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

    def _start(self, name: str) -> bytes:
        try:
            with self._archive.open(self._members[name]) as stream:
                return stream.read(SIGNATURE_BYTES)
        except (OSError, RuntimeError, NotImplementedError, zipfile.BadZipFile, zlib.error):
            return b""  # no picture that could be read


def read_images(source: Path) -> ImageSource:
    """Open a folder, with all folders below it, or a zip file.

    What is no picture, and what file managers and network drives leave behind, is passed over; the
    source's ``passed_over`` says what that was.

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
