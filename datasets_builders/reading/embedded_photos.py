"""Captioned photos within Parquet files, as most datasets on the Hub hold them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from ...core.errors import TpgbenchError
from .metadata import Entry, make_entry
from .shards import ShardReader, find_shards

_IMAGES = ("image", "condition", "mask")
_CAPTIONS = ("caption", "text")  # the second is what text-to-image training scripts expect
_TEXTS = ("garment_id", "split")


@dataclass(frozen=True)
class EmbeddedPhoto:
    """A row that has a photo.

    Attributes:
        where: Its name: ``"train#17"``.
        split: The split whose files hold it.
        index: Its place in the split.
        path: The file that holds it.
        entry: What the row says of it, or what is wrong with the row.
    """

    where: str
    split: str
    index: int
    path: Path
    entry: Entry | str


class EmbeddedPhotos:
    """The photos of a folder's Parquet files, in order.

    The files need a column ``image`` and a column ``caption`` or ``text``; they may have
    ``garment_id``, ``split``, ``condition`` and ``mask``.

    Args:
        folder: Holds ``<split>-00000-of-00001.parquet``, ... itself or in ``data/``.

    Raises:
        TpgbenchError: Files are missing, damaged, or without these columns.
    """

    def __init__(self, folder: Path) -> None:
        self._readers = {
            split: ShardReader(paths) for split, paths in sorted(find_shards(folder).items())
        }
        for split, reader in self._readers.items():
            columns = set(reader.schema.names)
            if "image" not in _embedded(reader) or columns.isdisjoint(_CAPTIONS):
                raise TpgbenchError(
                    f"{folder}: split '{split}' has no column of images 'image' or no column "
                    f"'caption' or 'text' (it has {', '.join(reader.schema.names)}); rename them"
                )

    @property
    def splits(self) -> tuple[str, ...]:
        """The splits that have files."""
        return tuple(self._readers)

    def __iter__(self) -> Iterator[EmbeddedPhoto]:
        """Yield what the rows say, without reading an image."""
        for split, reader in self._readers.items():
            names = reader.schema.names
            caption = next(name for name in _CAPTIONS if name in names)
            columns = {name: reader.column(name) for name in _TEXTS if name in names}
            columns["caption"] = reader.column(caption)
            for index in range(len(reader)):
                record = {name: values[index] for name, values in columns.items()}
                where = f"{split}#{index}"
                entry = make_entry({"file_name": where, **record})
                yield EmbeddedPhoto(where, split, index, reader.path(index), entry)

    def read(self, photo: EmbeddedPhoto) -> Mapping[str, bytes]:
        """Return the bytes of a row's images, by column; a null is left out.

        Raises:
            TpgbenchError: The file is damaged there.
        """
        reader = self._readers[photo.split]
        values = reader.row(photo.index, _embedded(reader))
        return {name: value["bytes"] for name, value in values.items() if value and value["bytes"]}


def _embedded(reader: ShardReader) -> list[str]:
    """Return the columns that hold images as bytes."""
    return [
        field.name for field in reader.schema if field.name in _IMAGES and _holds_bytes(field.type)
    ]


def _holds_bytes(kind: Any) -> bool:
    return bool(pa.types.is_struct(kind)) and "bytes" in {field.name for field in kind}
