"""One generated image beside what it is judged against."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from ..core.images import Image, Mask
from .features.cache import pixel_key
from .patches import largest_square


@dataclass(frozen=True)
class Pair:
    """One generated image beside what it is judged against.

    In a run all images of a pair are in one frame of one size.

    Attributes:
        sample_id: The row's id.
        output: The generated image, uint8 (height, width, 3).
        truth: The ground truth, uint8 (height, width, 3), or None where the dataset has none.
        garment: The garment photo, or None.
        mask: True on the garment's visible pixels, bool, as large as the photo, or None.
        meta: The row's own facts; a procedural row knows its ``lattice`` (two vectors (x, y) as
            fractions of the ground truth's side).
        caption: What the dataset says of the row, or None.
        determined: Whether the model was given what determines the ground truth. A caption alone
            does not: the ground truth is then one of many right images, good for metrics of whole
            sets only.
    """

    sample_id: str
    output: Image
    truth: Image | None = None
    garment: Image | None = None
    mask: Mask | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)
    caption: str | None = None
    determined: bool = True

    @cached_property
    def cloth(self) -> Image | None:
        """The largest square of the garment photo that lies wholly within the mask, if any."""
        if self.garment is None or self.mask is None or not self.mask.any():
            return None
        box = largest_square(self.mask)
        return self.garment[box.top : box.top + box.side, box.left : box.left + box.side]

    def has(self, field_name: str) -> bool:
        """Return whether a field is there: ``"truth"``, ``"cloth"``, ..."""
        return getattr(self, field_name) is not None

    def image_key(self, field_name: str) -> str:
        """Return the key under which the features of an image field are cached."""
        return pixel_key(getattr(self, field_name))
