"""Pairs of images in files, decoded when they are first asked for."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ...core.errors import TpgbenchError
from ...core.images import Image, Mask, read_image, upright_size
from ...core.masks import read_mask
from ..engine.source import Entry, ReadPair
from ..features.cache import file_key
from ..inputs import check_garment
from ..pair import Pair
from .image_source import ImageSource

FieldFiles = Mapping[str, "PictureFile"]


@dataclass(frozen=True)
class PictureFile:
    """One image of a folder or a zip file; its bytes are read once.

    Attributes:
        source: Where it is.
        index: Which image of it.
    """

    source: ImageSource
    index: int

    @property
    def name(self) -> str:
        """What to call it in an error."""
        return self.source.name(self.index)

    @cached_property
    def content(self) -> bytes:
        """The file's bytes."""
        return self.source.read_bytes(self.index)

    @cached_property
    def key(self) -> str:
        """Its key in the feature cache: an image that is known there need not be decoded."""
        return file_key(self.content)

    @cached_property
    def image(self) -> Image:
        """The decoded image, uint8 (height, width, 3)."""
        return read_image(self.content, self.name)

    @cached_property
    def mask(self) -> Mask:
        """The image as a mask, bool (height, width)."""
        return read_mask(self.content, self.name)

    @cached_property
    def size(self) -> tuple[int, int]:
        """Width and height of the upright image; the file is not decoded for it."""
        size = upright_size(self.content)
        if size is None:
            height, width = self.image.shape[:2]  # says what is wrong with the file
            return width, height
        return size


class FilePair(Pair):
    """A pair whose images are in files.

    Args:
        sample_id: The sample's id.
        files: The file of each image field. A source of one side has that field only.
        caption: The sample's caption, or None.
        meta: Its own facts.
    """

    def __init__(
        self,
        sample_id: str,
        files: FieldFiles,
        caption: str | None = None,
        meta: Mapping[str, Any] | None = None,
    ) -> None:
        fields = {"sample_id": sample_id, "caption": caption, "meta": meta or {}, "_files": files}
        for name, value in fields.items():
            object.__setattr__(self, name, value)

    _files: FieldFiles

    @property
    def output(self) -> Image:
        """The generated image, uint8 (height, width, 3)."""
        return self._files["output"].image

    @property
    def truth(self) -> Image | None:
        """The ground truth, uint8 (height, width, 3), or None."""
        return self._files["truth"].image if "truth" in self._files else None

    @property
    def garment(self) -> Image | None:
        """The garment photo, uint8 (height, width, 3), or None."""
        return self._files["garment"].image if "garment" in self._files else None

    @cached_property
    def mask(self) -> Mask | None:
        """The garment's mask, bool, as large as the photo, or None."""
        if "mask" not in self._files:
            return None
        mask = self._files["mask"].mask
        if self.garment is not None:
            try:
                check_garment(self.garment, mask)
            except TpgbenchError as error:
                raise TpgbenchError(f"{self._files['mask'].name}: {error}") from error
        return mask

    def has(self, field_name: str) -> bool:
        """Return whether a field is there, without decoding it."""
        if field_name in ("output", "truth", "garment", "mask"):
            return field_name in self._files
        return super().has(field_name)

    def image_key(self, field_name: str) -> str:
        """Return the key under which the features of an image field are cached."""
        file = self._files.get(field_name)
        return super().image_key(field_name) if file is None else file.key

    def decode(self) -> FilePair:
        """Decode all images now, so that a damaged file is reported before a metric asks for it."""
        for name in self._files:
            getattr(self, name)
        return self


class ImageSet:
    """The images of one side of a comparison, and what recipes say of them.

    Args:
        images: The images.
        track: Note each image's bytes and size for `label` and `size`.
    """

    def __init__(self, images: ImageSource, *, track: bool = True) -> None:
        self.images = images
        self._track = track
        self._keys = [""] * len(images)
        self._sizes = [(0, 0)] * len(images)

    def __len__(self) -> int:
        return len(self.images)

    def open(self, index: int) -> PictureFile:
        """Return an image and note what `track` says; several threads may call it."""
        file = PictureFile(self.images, index)
        if self._track:
            self._keys[index], self._sizes[index] = file.key, file.size
        return file

    @property
    def label(self) -> str:
        """What tells the set from others, once every image was opened."""
        return hashlib.sha256("".join(self._keys).encode()).hexdigest()[:8]

    @property
    def size(self) -> str:
        """The one size of all images, ``"512x512"``, or ``"mixed"``, once all were opened."""
        return one_size(self._sizes)


class SideSource:
    """One side of unpaired sets, as the engine reads it.

    Args:
        side: ``"truth"`` or ``"output"``.
        images: Its images.
    """

    def __init__(self, side: str, images: ImageSet) -> None:
        self.side = side
        self._images = images

    def __len__(self) -> int:
        return len(self._images)

    def open(self, index: int) -> tuple[Entry, ReadPair]:
        """Return an image as a sample."""
        sample_id = self._images.images.ids[index]
        entry = Entry(sample_id, sample_id, name=self._images.images.name(index))
        return entry, lambda: FilePair(sample_id, {self.side: self._images.open(index)})


def one_size(sizes: Sequence[tuple[int, int]]) -> str:
    """Return the one size of images as recipes name it: ``"512x512"``, or ``"mixed"``."""
    distinct = set(sizes)
    return "x".join(map(str, distinct.pop())) if len(distinct) == 1 else "mixed"
