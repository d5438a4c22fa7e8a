"""What a model is given: one class per task."""

from __future__ import annotations

from dataclasses import dataclass

from ..core.images import Image, Mask
from ..datasets_builders.base import Track


@dataclass(frozen=True)
class Sample:
    """The inputs of one generation of the task ``tpg``, without the ground truth.

    Attributes:
        sample_id: The row's id.
        size: The side of the image to generate, in pixels.
        garment: The garment photo in the frame of `fit`, uint8 (size, size, 3).
        mask: True on the garment's visible pixels, bool (size, size).
        caption: What the dataset says of the row, or None.
        track: Which of the garment's patterns is requested: ``"aligned"``, the one in the photo's
            own frame, or ``"unaligned"``, the canonical tile. A model may know the first only.
    """

    sample_id: str
    size: int
    garment: Image
    mask: Mask
    caption: str | None = None
    track: Track = "aligned"


@dataclass(frozen=True)
class MannequinSample:
    """The inputs of one generation of the task ``mannequin``, without the photo.

    Attributes:
        sample_id: The row's id.
        size: The side of the photo to generate, in pixels.
        caption: What the photo should show, in any language.
        condition: A further input (a silhouette, a pose) in the frame of `fit`, uint8
            (size, size, 3), or None.
        mask: True where the garment should be, bool (size, size), or None. Only rows with a
            condition have one: for a caption alone it would reveal the photo's layout.
    """

    sample_id: str
    size: int
    caption: str
    condition: Image | None = None
    mask: Mask | None = None


AnySample = Sample | MannequinSample
