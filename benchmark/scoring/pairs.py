"""The pairs of a run: each generated image beside its row."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ...core.errors import TpgbenchError
from ...core.images import DAMAGE, open_picture, read_image
from ...datasets_builders.base import Dataset, Row
from ...metrics.base import Pair
from ...metrics.engine.source import Entry, ReadPair
from ..fit import fit_output, fit_pair
from .journal import ScoreJournal, expand


@dataclass(frozen=True)
class ImageFile:
    """A sample's generated image, or why there is none."""

    path: Path | None
    error: str


@dataclass(frozen=True)
class PairReader:
    """Reads images and puts them beside ground truth and garment in one frame.

    Attributes:
        dataset: Where the rows are.
        size: Side of the frame, in pixels.
        fit: How rows are brought to it.
        resize_images: Bring an image of another size into the frame instead of refusing it.
    """

    dataset: Dataset
    size: int
    fit: str
    resize_images: bool

    def read(self, row: Row, content: bytes, path: Path) -> Pair:
        """Decode an image's bytes and put it beside its row.

        Raises:
            TpgbenchError: The image or the row cannot be used.
        """
        output = read_image(content, str(path))
        height, width = output.shape[:2]
        if (height, width) != (self.size, self.size):
            if not self.resize_images:
                raise TpgbenchError(
                    f"{path}: {width}x{height} px, not {self.size}x{self.size}: give --size, or "
                    "--resize"
                )
            try:
                output = fit_output(row, output, size=self.size, fit=self.fit)
            except TpgbenchError as error:
                raise TpgbenchError(f"{path}: {error}") from error
        return fit_pair(row, output, size=self.size, fit=self.fit)


@dataclass(frozen=True)
class RunEntry(Entry):
    """A sample of a run.

    Attributes:
        meta: The dataset's facts on it, as JSON.
        digest: The SHA-256 of its image's file, or empty.
        format: How its image is stored, by what is in the file (``"png"``), or empty.
    """

    meta: str = "{}"
    digest: str = ""
    format: str = ""


@dataclass(frozen=True)
class RunSource:
    """The samples of a run, as the engine reads them.

    Attributes:
        reader: Puts images beside their rows.
        sample_ids: All samples, in the dataset's order.
        image_of: Finds the image of a sample.
        journal: The scores that are known.
        recipes: The journal's name for each metric, by its key.
    """

    reader: PairReader
    sample_ids: Sequence[str]
    image_of: Callable[[str], ImageFile]
    journal: ScoreJournal
    recipes: Mapping[str, str]

    @property
    def side(self) -> None:
        """A run's pairs are whole."""

    def __len__(self) -> int:
        return len(self.sample_ids)

    def open(self, index: int) -> tuple[RunEntry, ReadPair]:
        """Read a sample's row and the bytes of its image."""
        sample_id = self.sample_ids[index]
        garment_id, meta = sample_id, "{}"
        try:
            row = self._row(index)
            garment_id, meta = row.garment_id, _as_json(row)
            image = self.image_of(sample_id)
            if image.path is None:
                raise TpgbenchError(image.error)
            content = image.path.read_bytes()
        except (TpgbenchError, OSError) as error:
            failed = RunEntry(sample_id, garment_id, error=str(error), meta=meta)
            return failed, partial(_refuse, str(error))
        digest = hashlib.sha256(content).hexdigest()
        known = self.journal.get(sample_id, digest)
        entry = RunEntry(
            sample_id,
            garment_id,
            name=str(image.path),
            known={
                key: expand(known[recipe])
                for key, recipe in self.recipes.items()
                if recipe in known
            },
            meta=meta,
            digest=digest,
            format=_format(content),
        )
        return entry, partial(self.reader.read, row, content, image.path)

    def _row(self, index: int) -> Row:
        try:
            return self.reader.dataset[index]
        except (TpgbenchError, OSError):
            raise
        except Exception as error:  # another package's dataset: one bad row must not end the run
            raise TpgbenchError(f"row {index}: {type(error).__name__}: {error}") from error


def _as_json(row: Row) -> str:
    try:
        return json.dumps(dict(row.meta), sort_keys=True, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise TpgbenchError(
            f"{row.sample_id}: its meta is not JSON ({error}): correct the dataset"
        ) from error


def _refuse(error: str) -> Pair:
    raise TpgbenchError(error)


def _format(content: bytes) -> str:
    try:
        return str(open_picture(io.BytesIO(content)).format).lower()
    except DAMAGE:
        return ""
