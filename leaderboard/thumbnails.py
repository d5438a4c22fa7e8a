"""Thumbnails of a run's samples, small enough for two hundred samples on one page."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import PIL.Image

from ..benchmark.fit import fit_inputs, fit_truth
from ..benchmark.run.identity import RunRecord
from ..benchmark.sample import AnySample, Sample
from ..core.errors import TpgbenchError
from ..core.images import Image, Mask, read_image
from ..core.pages import data_uri, shrink
from ..datasets_builders.base import Dataset


@dataclass(frozen=True)
class Picture:
    """One picture of a sample, or why there is none.

    Attributes:
        label: ``"garment"``, ``"mask"``, ``"condition"``, ``"ground truth"`` or
            ``"output"``.
        uri: A ``data:`` URI, or None.
        absence: The text shown in its place.
    """

    label: str
    uri: str | None
    absence: str = ""


@dataclass(frozen=True)
class Photo:
    """What the dataset shows and says of one sample.

    Attributes:
        caption: Its description, or None.
        pictures: Garment and mask, or condition, and ground truth; empty if unavailable.
        problem: Why they are unavailable, or None.
    """

    caption: str | None = None
    pictures: tuple[Picture, ...] = ()
    problem: str | None = None


class PhotoAlbum:
    """The inputs and ground truth of a run's samples, in the frame in which they were scored.

    Args:
        dataset: Where the photos are, or None if it is unavailable.
        record: Its size, fit and limit are used.
        rows: How many rows were scored.
    """

    def __init__(self, dataset: Dataset | None, record: RunRecord, rows: int) -> None:
        self._dataset = dataset
        self._size = record.identity.size
        self._fit = record.identity.fit
        self._index: dict[str, int] = {}
        if dataset is not None:
            # A split may be endless; a run of such a split has a limit.
            limit = None if record.limit is None else max(record.limit, rows)
            self._index = {
                sample_id: index for index, sample_id in enumerate(dataset.sample_ids(limit))
            }

    def look_up(self, sample_id: str) -> Photo:
        """Return the photos of a sample, or why they are unavailable; its row is read once."""
        if self._dataset is None:
            return Photo()
        if sample_id not in self._index:
            return Photo(
                problem="The dataset found does not have this sample, so its photos are not shown."
            )
        try:
            row = self._dataset[self._index[sample_id]]
            sample = fit_inputs(row, size=self._size, fit=self._fit)
            truth = fit_truth(row, size=self._size, fit=self._fit)
        except TpgbenchError as error:
            return Photo(problem=f"Its photos cannot be shown: {error}")
        uri = None if truth is None else photo_uri(truth)
        shown = Picture("ground truth", uri, "no ground truth")
        return Photo(row.caption, (*_input_pictures(sample), shown))


def _input_pictures(sample: AnySample) -> tuple[Picture, ...]:
    if isinstance(sample, Sample):
        return (
            Picture("garment", photo_uri(sample.garment)),
            Picture("mask", mask_uri(sample.mask)),
        )
    if sample.condition is None:
        return ()
    return (Picture("condition", photo_uri(sample.condition)),)


def output_picture(path: Path | None) -> Picture:
    """Return the generated image in ``path``, or that it is missing or unreadable."""
    if path is None or not path.is_file():
        return Picture("output", None, "no image")
    try:
        return Picture("output", photo_uri(read_image(path, path.name)))
    except TpgbenchError:
        return Picture("output", None, "unreadable")


def photo_uri(image: Image) -> str:
    """Return a thumbnail of a photo as a ``data:`` URI.

    Args:
        image: uint8 (height, width, 3); shrunk to at most 160 pixels per side, never enlarged.
    """
    return data_uri(shrink(image))


def mask_uri(mask: Mask) -> str:
    """Return a thumbnail of a mask as a ``data:`` URI, in black and white, lossless."""
    grey = shrink(mask.astype(np.uint8) * np.uint8(255))
    return data_uri(grey.convert("1", dither=PIL.Image.Dither.NONE), lossless=True)
