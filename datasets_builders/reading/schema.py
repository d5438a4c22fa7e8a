"""The columns of a packaged dataset, one schema a task."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

DEFAULT_CONFIG = "default"  # the configuration of a dataset that has one only
DEFAULT_SIZE = 512  # side in pixels at which photos are compared where nothing else is said


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        name: Its name in the Parquet files.
        kind: ``"text"`` (a string), ``"photo"`` (an RGB image), ``"mask"`` (a grey image that
            holds 0 and 255 only) or ``"picture"`` (any image, as its owner encoded it: a label
            map, say).
        nullable: Whether a row may go without.
        of: For a mask, the photo that it marks and whose size it has.
        compared: Where two photos of this column that look alike are worth a finding: nowhere,
            in different splits only (two garments of one split may be of one fabric), or anywhere.
        outline: Whether the mask marks all that stands out in its photo, so that the two can be
            compared. A mask of what a person wears does not.
        is_mask: Whether a picture should be a mask; one that is none is worth a finding.
    """

    name: str
    kind: Literal["text", "photo", "mask", "picture"]
    nullable: bool = False
    of: str | None = None
    compared: Literal["nowhere", "across splits", "anywhere"] = "nowhere"
    outline: bool = False
    is_mask: bool = False


@dataclass(frozen=True)
class RowSchema:
    """The columns that every dataset of a task has; a dataset may add more after them.

    Attributes:
        task: ``"tpg"``, ...
        truth: The column that a model is to generate; null in an unlabelled row.
        columns: In the order of the files.
    """

    task: str
    truth: str
    columns: tuple[Column, ...]

    @property
    def images(self) -> tuple[Column, ...]:
        """The image columns, every photo before the masks that mark it."""
        return tuple(
            sorted(
                (column for column in self.columns if column.kind != "text"),
                key=lambda column: column.kind == "mask",
            )
        )

    def with_columns(self, *columns: Column) -> RowSchema:
        """Return this schema with more columns after its own."""
        return replace(self, columns=(*self.columns, *columns))

    def arrow(self) -> Any:
        """Return the ``pyarrow.Schema`` whose metadata makes ``datasets`` decode the images."""
        import datasets

        types = {
            "text": datasets.Value("string"),
            "photo": datasets.Image(mode="RGB"),
            "mask": datasets.Image(mode="L"),
            "picture": datasets.Image(),
        }
        features = datasets.Features({column.name: types[column.kind] for column in self.columns})
        return features.arrow_schema


TPG_SCHEMA = RowSchema(
    task="tpg",
    truth="pattern",
    columns=(
        Column("sample_id", "text"),
        Column("garment", "photo", compared="anywhere"),
        Column("mask", "mask", of="garment", outline=True),
        Column("pattern", "photo", nullable=True, compared="across splits"),
        Column("garment_id", "text"),
        Column("caption", "text", nullable=True),
        Column("meta", "text"),
    ),
)

MANNEQUIN_SCHEMA = RowSchema(
    task="mannequin",
    truth="image",
    columns=(
        Column("sample_id", "text"),
        Column("caption", "text"),
        Column("condition", "photo", nullable=True),
        Column("mask", "mask", nullable=True, of="image"),
        Column("image", "photo", compared="anywhere"),
        Column("garment_id", "text"),
        Column("meta", "text"),
    ),
)

SCHEMAS = {schema.task: schema for schema in (TPG_SCHEMA, MANNEQUIN_SCHEMA)}
