"""Rows at a glance: one picture and one page, so that people can look before they run."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont

from ...core.errors import TpgbenchError
from ...core.files import write_atomic
from ...core.images import Image, Mask
from ...core.outcome import Outcome
from ...core.pages import THUMBNAIL_SIDE, data_uri, render_page, shrink
from ..base import Dataset, MannequinRow, Row
from .findings import printable

_LABEL = 18
_GAP = 8
_SHEET_WIDTH = 1600
_VEIL = np.array([214.0, 40.0, 160.0])  # magenta: few garments and no background have it
_VEIL_SHARE = 0.7

_Font = PIL.ImageFont.FreeTypeFont | PIL.ImageFont.ImageFont


@dataclass(frozen=True)
class _Thumbnail:
    """One small picture of a row.

    Attributes:
        label: ``"garment"``, ``"mask"``, ...
        picture: At most 160 px a side.
    """

    label: str
    picture: PIL.Image.Image

    @property
    def uri(self) -> str:
        """The picture as a ``data:`` URI."""
        return data_uri(self.picture)


@dataclass(frozen=True)
class _Glance:
    """What there is to see of one row.

    Attributes:
        sample_id: The row's id.
        thumbnails: Its pictures; empty if it cannot be read.
        caption: What the dataset says of it, or None.
        facts: Its garment and its own facts, as text.
        problem: Why it cannot be shown, or None.
    """

    sample_id: str
    thumbnails: tuple[_Thumbnail, ...] = ()
    caption: str | None = None
    facts: str = ""
    problem: str | None = None


@dataclass(frozen=True)
class ContactSheet(Outcome):
    """Where a contact sheet was written.

    Attributes:
        picture: The PNG.
        page: The HTML page beside it, with captions and facts.
        shown: How many rows they show.
        problems: The rows that could not be read, one line each.
    """

    picture: Path
    page: Path
    shown: int
    problems: tuple[str, ...] = ()

    @property
    def path(self) -> Path:
        """The picture."""
        return self.picture


def write_contact_sheet(dataset: Dataset, picture: Path, *, limit: int) -> ContactSheet:
    """Show the first rows of a dataset as a PNG, and as an HTML page of the same name.

    Args:
        dataset: One split; it may be endless.
        picture: The file to write, ``.png``; an older one is replaced.
        limit: How many rows, from 1.

    Raises:
        TpgbenchError: No such file can be written, the limit is not positive, or there is no row.
    """
    if picture.suffix.lower() != ".png":
        raise TpgbenchError(f"--out {picture}: give a file that ends in .png")
    if limit < 1:
        raise TpgbenchError(f"--limit {limit}: give at least 1")
    glances = list(_look(dataset, limit))
    if not glances:
        raise TpgbenchError(f"{dataset.name}: the split '{dataset.split}' has no row to show")
    buffer = io.BytesIO()
    _draw(glances).save(buffer, "PNG", optimize=True)
    context = {"dataset": dataset, "glances": glances, "total": _count(dataset)}
    sheet = ContactSheet(
        picture=picture,
        page=picture.with_suffix(".html"),
        shown=len(glances),
        problems=tuple(glance.problem for glance in glances if glance.problem is not None),
    )
    write_atomic(sheet.picture, buffer.getvalue())
    write_atomic(sheet.page, render_page("tpgbench.datasets_builders", "dataset.html", context))
    return sheet


def _count(dataset: Dataset) -> int | None:
    try:
        return len(dataset)
    except TpgbenchError:
        return None  # it has no end


def _look(dataset: Dataset, limit: int) -> Iterator[_Glance]:
    """Yield the first ``limit`` rows of a dataset; one that cannot be read says why."""
    for index, sample_id in enumerate(dataset.sample_ids(limit)):
        try:
            row = dataset[index]
        except TpgbenchError as error:
            yield _Glance(sample_id, problem=str(error))
            continue
        meta = json.dumps(dict(row.meta), ensure_ascii=False, sort_keys=True) if row.meta else ""
        garment = "" if row.garment_id == sample_id else f"garment {row.garment_id} "
        yield _Glance(sample_id, tuple(_thumbnails(row)), row.caption, (garment + meta).strip())


def _draw(glances: Sequence[_Glance]) -> PIL.Image.Image:
    """Draw the rows side by side, each with its pictures and the start of its id below."""
    pictures = max(len(glance.thumbnails) for glance in glances) or 1
    width, height = pictures * (THUMBNAIL_SIDE + 2) + _GAP, THUMBNAIL_SIDE + _LABEL + _GAP
    columns = min(len(glances), max(1, _SHEET_WIDTH // width))
    lines = -(-len(glances) // columns)
    sheet = PIL.Image.new("RGB", (columns * width + _GAP, lines * height + _GAP), "white")
    draw = PIL.ImageDraw.Draw(sheet)
    font = PIL.ImageFont.load_default(12)
    for number, glance in enumerate(glances):
        line, column = divmod(number, columns)
        left, top = _GAP + column * width, _GAP + line * height
        for place, thumbnail in enumerate(glance.thumbnails):
            sheet.paste(thumbnail.picture, (left + place * (THUMBNAIL_SIDE + 2), top))
        if glance.problem is not None:
            draw.text((left, top), "cannot be read", fill="red", font=font)
        text = _fitting(glance.sample_id, width - _GAP, font)
        draw.text((left, top + THUMBNAIL_SIDE + 2), text, fill="black", font=font)
    return sheet


def _thumbnails(row: Row) -> Iterator[_Thumbnail]:
    if isinstance(row, MannequinRow):
        yield _Thumbnail("image", shrink(row.image))
        if row.mask is not None:
            yield _Thumbnail("mask", shrink(_veil(row.image, row.mask)))
        if row.condition is not None:
            yield _Thumbnail("condition", shrink(row.condition))
        return
    yield _Thumbnail("garment", shrink(row.garment))
    yield _Thumbnail("mask", shrink(_veil(row.garment, row.mask)))
    if row.pattern is not None:
        yield _Thumbnail("pattern", shrink(row.pattern))


def _veil(image: Image, mask: Mask) -> Image:
    """Colour what a mask leaves out."""
    veiled = image.copy()
    outside = image[~mask]
    veiled[~mask] = np.rint(outside * (1 - _VEIL_SHARE) + _VEIL * _VEIL_SHARE).astype(np.uint8)
    return veiled


def _fitting(text: str, width: int, font: _Font) -> str:
    """Cut a label to a width in pixels."""
    text = printable(text)
    while text and font.getlength(text) > width:
        text = text[: max(0, min(len(text) - 1, int(len(text) * width / font.getlength(text))))]
    return text
