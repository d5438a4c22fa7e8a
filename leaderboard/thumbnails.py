"""Pictures small enough to put two hundred samples into one page."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import PIL.Image

from ..benchmark.fit import fit_sample, fit_truth
from ..benchmark.identity import RunRecord
from ..datasets_builders.base import Dataset
from ..errors import TpgbenchError
from ..images import Image, Mask, read_image

MAX_SIDE = 160
_QUALITY = 75


@dataclass(frozen=True)
class Picture:
    """One picture of a sample, or why there is none.

    Attributes:
        label: ``"garment"``, ``"mask"``, ``"truth"`` or ``"output"``.
        uri: A ``data:`` URI, or None.
        absence: What to say in its place.
    """

    label: str
    uri: str | None
    absence: str = ""


@dataclass(frozen=True)
class Photo:
    """What the dataset shows and says of one sample.

    Attributes:
        caption: Its description, or None.
        pictures: Garment, mask and truth; empty if they cannot be had.
        problem: Why they cannot be had, or None.
    """

    caption: str | None = None
    pictures: tuple[Picture, ...] = ()
    problem: str | None = None


class PhotoAlbum:
    """The garment, mask and truth of a run's samples, in the frame in which they were compared.

    Args:
        dataset: Where the photos are, or None if they are not at hand.
        record: Gives size, fit, and how many rows were asked for.
        rows: How many rows were scored.
    """

    def __init__(self, dataset: Dataset | None, record: RunRecord, rows: int) -> None:
        self._dataset = dataset
        self._size = record.identity.size
        self._fit = record.identity.fit
        self._index: dict[str, int] = {}
        if dataset is not None:
            # A split may be endless, and then only a run with a limit can have been made of it.
            limit = None if record.limit is None else max(record.limit, rows)
            self._index = {
                sample_id: index for index, sample_id in enumerate(dataset.sample_ids(limit))
            }

    def look_up(self, sample_id: str) -> Photo:
        """Return a sample's photos; one that cannot be read says why."""
        if self._dataset is None:
            return Photo()
        if sample_id not in self._index:
            return Photo(problem="It is not in the dataset at hand, so its photos are not shown.")
        try:
            row = self._dataset[self._index[sample_id]]
            sample = fit_sample(row, size=self._size, fit=self._fit)
            truth = fit_truth(row, size=self._size, fit=self._fit)
        except TpgbenchError as error:
            return Photo(problem=f"Its photos cannot be shown: {error}")
        pictures = (
            Picture("garment", photo_uri(sample.garment)),
            Picture("mask", mask_uri(sample.mask)),
            Picture("truth", None if truth is None else photo_uri(truth), "no truth"),
        )
        return Photo(row.caption, pictures)


def output_picture(path: Path | None) -> Picture:
    """Return the generated image in ``path``; one that is missing or damaged says so."""
    if path is None or not path.is_file():
        return Picture("output", None, "no image")
    try:
        return Picture("output", photo_uri(read_image(path, path.name)))
    except TpgbenchError:
        return Picture("output", None, "unreadable")


def photo_uri(image: Image) -> str:
    """Return a thumbnail of a photo as a ``data:`` URI.

    Args:
        image: uint8 (height, width, 3); shrunk to fit 160 pixels a side, never enlarged.
    """
    buffer = io.BytesIO()
    _shrink(image).save(buffer, format="WEBP", quality=_QUALITY, method=4)
    return _data_uri("image/webp", buffer.getvalue())


def mask_uri(mask: Mask) -> str:
    """Return a thumbnail of a mask as a ``data:`` URI, in black and white without loss."""
    grey = _shrink(mask.astype(np.uint8) * np.uint8(255))
    buffer = io.BytesIO()
    grey.convert("1", dither=PIL.Image.Dither.NONE).save(buffer, format="PNG", optimize=True)
    return _data_uri("image/png", buffer.getvalue())


def _shrink(image: Image) -> PIL.Image.Image:
    picture = PIL.Image.fromarray(image)
    picture.thumbnail((MAX_SIDE, MAX_SIDE), PIL.Image.Resampling.LANCZOS)
    return picture


def _data_uri(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"
