"""What a model is given."""

from __future__ import annotations

from dataclasses import dataclass

from ..images import Image, Mask


@dataclass(frozen=True)
class Sample:
    """The inputs of one generation. The truth is not among them.

    Attributes:
        sample_id: The row's id.
        size: The side of the image to generate, in pixels.
        garment: The garment photo in the frame of `fit`, uint8 (size, size, 3).
        mask: True on the garment's visible pixels, bool (size, size).
        caption: What the dataset says of the row, or None.
    """

    sample_id: str
    size: int
    garment: Image
    mask: Mask
    caption: str | None = None
