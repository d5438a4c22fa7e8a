"""What is measured on each row while it is built, for the integrity report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ...core.images import Image, Mask
from ..reading.schema import RowSchema
from .near_duplicates import Appearance, describe_appearance
from .outline import outline_agreement


@dataclass(frozen=True)
class RowFacts:
    """A row's measures; small, so that worker processes can hand them back.

    Attributes:
        sizes: Width and height in pixels, by photo column.
        appearances: How each photo to be compared looks, by column; None for a photo of one
            plain colour.
        mask_shares: The part of its picture that a mask marks, 0 to 1, by mask column.
        outlines: How far a mask agrees with what stands out in its photo, 0 to 1, by mask
            column; None where that cannot be measured. See `outline_agreement`.
        changes: What was done to a file's pixels, by file name in the source.
        no_masks: Why a picture that should be a mask is none, by file name.
    """

    sizes: Mapping[str, tuple[int, int]]
    appearances: Mapping[str, Appearance | None]
    mask_shares: Mapping[str, float]
    outlines: Mapping[str, float | None]
    changes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    no_masks: Mapping[str, str] = field(default_factory=dict)


def audit_row(
    schema: RowSchema,
    photos: Mapping[str, Image],
    masks: Mapping[str, Mask],
    changes: Mapping[str, tuple[str, ...]] | None = None,
    no_masks: Mapping[str, str] | None = None,
) -> RowFacts:
    """Measure a row.

    Args:
        schema: Says which photos are compared and which masks have an outline to keep to.
        photos: By column, uint8 (height, width, 3).
        masks: By column, bool (height, width).
        changes: What was done to the files' pixels, by file name.
        no_masks: As of `RowFacts`.
    """
    columns = {column.name: column for column in schema.columns}
    return RowFacts(
        sizes={name: (image.shape[1], image.shape[0]) for name, image in photos.items()},
        appearances={
            name: describe_appearance(image)
            for name, image in photos.items()
            if columns[name].compared != "nowhere"
        },
        mask_shares={name: float(mask.mean()) for name, mask in masks.items()},
        outlines={
            name: outline_agreement(photos[columns[name].of or ""], mask)
            for name, mask in masks.items()
            if columns[name].outline
        },
        changes=changes or {},
        no_masks=no_masks or {},
    )
