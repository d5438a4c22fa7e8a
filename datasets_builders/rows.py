"""From the names of a row's files to the record that is stored, with every check on the way."""

from __future__ import annotations

import hashlib
import io
import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

import PIL.ExifTags
import PIL.Image

from ..errors import TpgbenchError
from ..images import png_bytes, read_image, read_mask
from .integrity import Finding, FindingKind
from .schema import Column, RowSchema
from .sources import SourceFolder, split_suffix

_KEPT_FORMATS = ("JPEG", "MPO", "PNG")  # MPO is how some cameras write JPEG


@dataclass(frozen=True)
class RawRow:
    """A row as the owner's layout names it: nothing is read yet.

    Attributes:
        split: ``"train"``, ...
        sample_id: Unique in the whole dataset; any Unicode.
        where: What names the row, for findings: ``"train.txt:12"``.
        files: Image column to the file's name in the source; a column may be absent if nullable.
        texts: Text column to its value, beside ``sample_id`` and ``meta``.
        meta: The row's own facts; JSON types only.
    """

    split: str
    sample_id: str
    where: str
    files: Mapping[str, str]
    texts: Mapping[str, str] = field(default_factory=dict)
    meta: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class SourceFile:
    """A file that went into a row: what ``manifest.parquet`` says of it.

    Attributes:
        name: Relative to the source.
        size: In bytes.
        sha256: Of its bytes as the owner gave them.
        column: The image column that it became; None for a list.
    """

    name: str
    size: int
    sha256: str
    column: str | None

    @classmethod
    def of(cls, name: str, data: bytes, column: str | None) -> SourceFile:
        """Describe a file whose bytes are at hand."""
        return cls(name, len(data), hashlib.sha256(data).hexdigest(), column)


@dataclass(frozen=True)
class PackedRow:
    """A row that passed every check, ready to be stored.

    Attributes:
        record: Column to value; an image is ``{"bytes": ..., "path": ...}``.
        sources: The files that it was made from.
        size: Bytes of its images.
    """

    record: Mapping[str, Any]
    sources: tuple[SourceFile, ...]
    size: int


class RowRefusedError(TpgbenchError):
    """A row that cannot be built.

    Attributes:
        finding: What is wrong with it.
    """

    def __init__(self, kind: FindingKind, where: str, detail: str) -> None:
        super().__init__(f"{where}: {detail}")
        self.finding = Finding(kind, where, detail)


def pack_row(raw: RawRow, schema: RowSchema, source: SourceFolder) -> PackedRow:
    """Read, check and encode a row.

    A photo that is a plain upright RGB JPEG or PNG keeps its bytes; any other becomes an RGB
    PNG, and ``meta`` names its column under ``reencoded``. A mask becomes a grey PNG that holds
    0 and 255 only.

    Raises:
        RowRefusedError: A file is missing or unreadable, its size is out of bounds, or the mask
            is empty or not as large as its photo.
    """
    images: dict[str, dict[str, Any]] = {}
    sizes: dict[str, tuple[int, int]] = {}
    sources: list[SourceFile] = []
    reencoded: list[str] = []
    for column in schema.images:
        name = raw.files.get(column.name)
        if name is None:
            if not column.nullable:
                raise RowRefusedError(
                    FindingKind.MISSING, raw.where, f"{raw.sample_id}: has no {column.name}"
                )
            continue
        data = _read(source, name)
        if column.kind == "photo":
            stored, sizes[column.name] = _pack_photo(data, name)
            if stored is not data:
                reencoded.append(column.name)
        else:
            stored = _pack_mask(data, name, column, sizes)
        base = PurePosixPath(name).name
        path = base if stored is data else f"{split_suffix(base)[0]}.png"
        images[column.name] = {"bytes": stored, "path": path}
        sources.append(SourceFile.of(name, data, column.name))
    meta = {**raw.meta, **({"reencoded": reencoded} if reencoded else {})}
    record = {
        **{column.name: None for column in schema.columns},
        **raw.texts,
        **images,
        "sample_id": raw.sample_id,
        "meta": json.dumps(meta, ensure_ascii=False, sort_keys=True),
    }
    size = sum(len(image["bytes"]) for image in images.values())
    return PackedRow(record, tuple(sources), size)


def _read(source: SourceFolder, name: str) -> bytes:
    try:
        return source.read(name)
    except TpgbenchError as error:
        raise RowRefusedError(FindingKind.UNREADABLE, name, _without(name, error)) from error


def _pack_photo(data: bytes, name: str) -> tuple[bytes, tuple[int, int]]:
    """Return the bytes to store and the picture's (height, width)."""
    try:
        image = read_image(data, name)
    except TpgbenchError as error:
        raise RowRefusedError(_kind(error), name, _without(name, error)) from error
    height, width = image.shape[:2]
    return data if _is_plain(data) else png_bytes(image), (height, width)


def _pack_mask(
    data: bytes, name: str, column: Column, sizes: Mapping[str, tuple[int, int]]
) -> bytes:
    try:
        mask = read_mask(data, name)
    except TpgbenchError as error:
        raise RowRefusedError(_kind(error), name, _without(name, error)) from error
    photo = sizes.get(column.of or "", mask.shape)
    if mask.shape != photo:
        raise RowRefusedError(
            FindingKind.MASK_SIZE,
            name,
            f"is {mask.shape[1]}x{mask.shape[0]} px and its photo {photo[1]}x{photo[0]} px; "
            "make them equal",
        )
    if not mask.any():
        raise RowRefusedError(
            FindingKind.MASK_EMPTY, name, "marks no pixel; draw the garment in white"
        )
    return png_bytes(mask)


def _is_plain(data: bytes) -> bool:
    """Whether any reader gets the pixels that `read_image` got."""
    with warnings.catch_warnings():
        # `read_image` has already accepted its size.
        warnings.simplefilter("ignore", PIL.Image.DecompressionBombWarning)
        picture = PIL.Image.open(io.BytesIO(data))
    return (
        picture.format in _KEPT_FORMATS
        and picture.mode == "RGB"
        and "transparency" not in picture.info
        and picture.getexif().get(PIL.ExifTags.Base.Orientation, 1) == 1
    )


def _kind(error: TpgbenchError) -> FindingKind:
    # A size out of bounds is refused before anything is decoded: by us, without a cause, or by
    # Pillow's own limit.
    too_large = isinstance(error.__cause__, PIL.Image.DecompressionBombError)
    by_size = error.__cause__ is None or too_large
    return FindingKind.IMAGE_SIZE if by_size else FindingKind.UNREADABLE


def _without(name: str, error: TpgbenchError) -> str:
    """Return an error's text without the file's name, which a finding gives as ``where``."""
    return str(error).removeprefix(f"{name}: ")
