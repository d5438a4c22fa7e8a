"""From the names of a row's files to the record that is stored, with every check on the way."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import PIL.Image

from ...core.errors import TpgbenchError
from ...core.images import (
    FORMAT_SUFFIXES,
    MASK_THRESHOLD,
    MAX_SIDE,
    Image,
    Mask,
    open_picture,
    open_upright,
    png_bytes,
    read_photo,
)
from ...core.masks import read_mask
from ...core.picture_files import split_suffix
from ..reading.findings import Finding, FindingKind
from ..reading.schema import DEFAULT_CONFIG, Column, RowSchema
from ..reading.sources import SourceFolder
from .row_facts import RowFacts, audit_row

_SUFFIXES = {**FORMAT_SUFFIXES, "MPO": FORMAT_SUFFIXES["JPEG"]}
_KEPT_FORMATS = ("JPEG", "MPO", "PNG")


@dataclass(frozen=True)
class RawRow:
    """A row as the owner's layout names it: nothing is read yet.

    Attributes:
        split: ``"train"``, ...
        sample_id: Unique in the whole dataset; any Unicode.
        where: What names the row, for findings: ``"train.txt:12"``.
        files: Column to the file's name in the source; a column may be absent if nullable. A
            text column takes the file's text.
        texts: Text column to its value, beside ``sample_id`` and ``meta``.
        meta: The row's own facts; JSON types only.
        config: Which of the dataset's configurations it belongs to.
        contents: File to its bytes, where they are no file of the source but part of one.
        within: The file of the source that ``contents`` are part of.
    """

    split: str
    sample_id: str
    where: str
    files: Mapping[str, str]
    texts: Mapping[str, str] = field(default_factory=dict)
    meta: Mapping[str, Any] = field(default_factory=dict)
    config: str = DEFAULT_CONFIG
    contents: Mapping[str, bytes] = field(default_factory=dict)
    within: str | None = None


@dataclass(frozen=True)
class SourceFile:
    """A file that went into a row: what ``manifest.parquet`` says of it.

    Attributes:
        name: Relative to the source.
        size: In bytes.
        sha256: Of its bytes as the owner gave them.
        column: The column that it became; None for a list.
        within: The file of the source that holds it, where it is none itself but part of one.
    """

    name: str
    size: int
    sha256: str
    column: str | None
    within: str | None = None

    @classmethod
    def of(
        cls, name: str, data: bytes, column: str | None, within: str | None = None
    ) -> SourceFile:
        """Describe a file from its bytes."""
        return cls(name, len(data), hashlib.sha256(data).hexdigest(), column, within)


@dataclass(frozen=True)
class PackedRow:
    """A row that passed every check, ready to be stored.

    Attributes:
        record: Column to value; an image is ``{"bytes": ..., "path": ...}``.
        sources: The files that it was made from.
        size: Bytes of its images.
        facts: What was measured on the way.
    """

    record: Mapping[str, Any]
    sources: tuple[SourceFile, ...]
    size: int
    facts: RowFacts


class RowRefusedError(TpgbenchError):
    """A row that cannot be built.

    Attributes:
        finding: What is wrong with it.
    """

    def __init__(self, kind: FindingKind, where: str, detail: str) -> None:
        super().__init__(f"{where}: {detail}")
        self.finding = Finding(kind, where, detail)


def pack_row(
    raw: RawRow, schema: RowSchema, source: SourceFolder, *, max_side: int | None = None
) -> PackedRow:
    """Read, check, measure and encode a row.

    A photo that is a plain upright RGB JPEG or PNG keeps its bytes; any other becomes an RGB
    PNG, and ``meta`` names its column under ``reencoded``. A mask becomes a grey PNG that holds
    0 and 255 only. Any other picture keeps its bytes.

    Args:
        raw: What the owner's layout names.
        schema: The dataset's columns.
        source: Where the files are.
        max_side: Reduce images with a longer side to this many pixels; None keeps all sizes.

    Raises:
        RowRefusedError: A file is missing or unreadable, its size is out of bounds, or the mask
            is empty or not as large as its photo.
    """
    packing = _Packing(raw, source, max_side)
    for column in schema.images:
        name = raw.files.get(column.name)
        if name is not None:
            packing.add_image(column, name)
        elif not column.nullable:
            raise RowRefusedError(
                FindingKind.MISSING, raw.where, f"{raw.sample_id}: has no {column.name}"
            )
    for column in schema.columns:
        if column.kind == "text" and column.name in raw.files:
            packing.add_text(column, raw.files[column.name])
    meta = {**raw.meta, **({"reencoded": packing.reencoded} if packing.reencoded else {})}
    record = {
        **{column.name: None for column in schema.columns},
        **raw.texts,
        **packing.values,
        "sample_id": raw.sample_id,
        "meta": json.dumps(meta, ensure_ascii=False, sort_keys=True),
    }
    return PackedRow(
        record,
        tuple(packing.sources),
        packing.size,
        audit_row(schema, packing.photos, packing.masks, packing.changes, packing.no_masks),
    )


@dataclass(frozen=True)
class Packer:
    """Packs rows in worker processes; findings pass through, so that all keep their order.

    Attributes:
        source: Where the rows' files are.
        schema: The dataset's columns.
        max_side: As in `pack_row`.
    """

    source: SourceFolder
    schema: RowSchema
    max_side: int | None

    def __call__(self, item: RawRow | Finding) -> PackedRow | Finding:
        """Return the packed row, or why it is left out."""
        if isinstance(item, Finding):
            return item
        try:
            return pack_row(item, self.schema, self.source, max_side=self.max_side)
        except RowRefusedError as error:
            return error.finding


class _Packing:
    """The files of one row, read and encoded one after another."""

    def __init__(self, raw: RawRow, source: SourceFolder, max_side: int | None) -> None:
        self.values: dict[str, Any] = {}
        self.sources: list[SourceFile] = []
        self.reencoded: list[str] = []
        self.photos: dict[str, Image] = {}
        self.masks: dict[str, Mask] = {}
        self.changes: dict[str, tuple[str, ...]] = {}
        self.no_masks: dict[str, str] = {}
        self.size = 0
        self._contents = raw.contents
        self._within = raw.within
        self._source = source
        self._max_side = max_side
        self._owner_sizes: dict[str, tuple[int, ...]] = {}

    def add_image(self, column: Column, name: str) -> None:
        """Read and encode an image file."""
        data = self._read(name)
        try:
            if column.kind == "mask":
                stored, suffix = self._mask(column, name, data), ".png"
            else:
                stored, suffix = self._photo(column, name, data)
        except RowRefusedError:
            raise
        except TpgbenchError as error:
            raise RowRefusedError(_kind(error), name, _without(name, error)) from error
        path = f"{split_suffix(PurePosixPath(name).name)[0]}{suffix}"
        self.values[column.name] = {"bytes": stored, "path": path}
        self._note(name, data, column)
        self.size += len(stored)

    def add_text(self, column: Column, name: str) -> None:
        """Read a text file."""
        data = self._read(name)
        try:
            self.values[column.name] = data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise RowRefusedError(
                FindingKind.UNREADABLE, name, f"is not UTF-8 (byte {error.start}); save it as UTF-8"
            ) from error
        self._note(name, data, column)

    def _note(self, name: str, data: bytes, column: Column) -> None:
        within = self._within if name in self._contents else None
        self.sources.append(SourceFile.of(name, data, column.name, within))

    def _read(self, name: str) -> bytes:
        try:
            return self._contents[name] if name in self._contents else self._source.read(name)
        except TpgbenchError as error:
            raise RowRefusedError(FindingKind.UNREADABLE, name, _without(name, error)) from error

    def _photo(self, column: Column, name: str, data: bytes) -> tuple[bytes, str]:
        """Return the bytes to store and the suffix of their format."""
        photo = read_photo(data, name)
        self._owner_sizes[column.name] = photo.pixels.shape[:2]
        suffix = split_suffix(name)[1]
        changes = list(photo.changes) if column.kind == "photo" else []
        if suffix.lower() not in _SUFFIXES[photo.format]:
            changes.append(f"{photo.format} under the name of another format")
            suffix = _SUFFIXES[photo.format][0]
        limit = self._max_side or MAX_SIDE
        too_large = max(photo.pixels.shape[:2]) > limit
        if too_large:
            changes.append(f"reduced to fit {limit} px")
        if changes:
            self.changes[name] = tuple(changes)
        if column.kind == "picture":
            if column.is_mask:
                self._check_mask(name, data)
            if not too_large:
                return data, suffix
            self.reencoded.append(column.name)
            return _reduce_picture(data, limit), ".png"
        pixels = _reduce(photo.pixels, limit) if too_large else photo.pixels
        self.photos[column.name] = pixels
        if photo.format in _KEPT_FORMATS and not photo.changes and not too_large:
            return data, suffix
        self.reencoded.append(column.name)
        return png_bytes(pixels), ".png"

    def _check_mask(self, name: str, data: bytes) -> None:
        try:
            read_mask(data, name)
        except TpgbenchError as error:
            self.no_masks[name] = _without(name, error)

    def _mask(self, column: Column, name: str, data: bytes) -> bytes:
        try:
            mask = read_mask(data, name)
        except TpgbenchError as error:
            open_upright(data, name)  # raises what makes it unreadable; else it is no mask
            raise RowRefusedError(FindingKind.NO_MASK, name, _without(name, error)) from error
        photo = self._owner_sizes.get(column.of or "", mask.shape)
        if mask.shape != photo:
            raise RowRefusedError(
                FindingKind.MASK_SIZE,
                name,
                f"is {mask.shape[1]}x{mask.shape[0]} px and its photo {photo[1]}x{photo[0]} px; "
                "make them equal",
            )
        limit = self._max_side or MAX_SIDE
        if max(mask.shape) > limit:
            grey = _reduce(mask.astype(np.uint8) * np.uint8(255), limit)
            mask = grey >= MASK_THRESHOLD
        if not mask.any():
            raise RowRefusedError(
                FindingKind.MASK_EMPTY, name, "marks no pixel; draw the garment in white"
            )
        self.masks[column.name] = mask
        return png_bytes(mask)


def _reduce(image: Image, max_side: int) -> Image:
    picture = PIL.Image.fromarray(image)
    picture.thumbnail((max_side, max_side), PIL.Image.Resampling.BICUBIC, reducing_gap=None)
    return np.asarray(picture, dtype=np.uint8)


def _reduce_picture(data: bytes, max_side: int) -> bytes:
    """Reduce a picture in its own mode; labels, which are no amounts, are not averaged."""
    picture = open_picture(io.BytesIO(data))
    labels = picture.mode in ("1", "P", "L", "I", "I;16")
    resampling = PIL.Image.Resampling.NEAREST if labels else PIL.Image.Resampling.BICUBIC
    picture.thumbnail((max_side, max_side), resampling, reducing_gap=None)
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG", compress_level=1)
    return buffer.getvalue()


def _kind(error: TpgbenchError) -> FindingKind:
    # A size out of bounds is refused before anything is decoded: by us, without a cause, or by a
    # decoder's own limit.
    too_large = isinstance(error.__cause__, PIL.Image.DecompressionBombError)
    by_size = error.__cause__ is None or too_large
    return FindingKind.IMAGE_SIZE if by_size else FindingKind.UNREADABLE


def _without(name: str, error: TpgbenchError) -> str:
    """Return an error's text without the file's name, which a finding gives as ``where``."""
    return str(error).removeprefix(f"{name}: ")
