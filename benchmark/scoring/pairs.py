"""Bringing a generated image back beside its row."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ...core.errors import TpgbenchError
from ...core.images import read_image
from ...datasets_builders.base import Dataset, Row
from ...metrics.base import Comparison
from ..fit import fit_comparison, resize


@dataclass(frozen=True)
class ImageFile:
    """A sample's generated image, or why there is none."""

    path: Path | None
    error: str


@dataclass(frozen=True)
class ComparisonReader:
    """Reads images and puts them beside truth and garment in one frame.

    Attributes:
        dataset: Where the rows are.
        size: Side of the frame, in pixels.
        fit: How rows are brought to it.
        resize_images: Resize an image of another size instead of refusing it.
    """

    dataset: Dataset
    size: int
    fit: str
    resize_images: bool

    def read(self, row: Row, content: bytes, path: Path) -> Comparison:
        """Decode an image's bytes and compare it with its row.

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
            output = resize(output, self.size)
        return fit_comparison(row, output, size=self.size, fit=self.fit)
