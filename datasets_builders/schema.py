"""The columns of a packaged dataset, one schema a task."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

DEFAULT_SIZE = 512  # side in pixels at which photos are compared where nothing else is said


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        name: Its name in the Parquet files.
        kind: ``"text"`` (a string), ``"photo"`` (an RGB image) or ``"mask"`` (a grey image that
            holds 0 and 255 only).
        nullable: Whether a row may go without.
        of: For a mask, the photo that it marks and whose size it has.
    """

    name: str
    kind: Literal["text", "photo", "mask"]
    nullable: bool = False
    of: str | None = None


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

    def arrow(self) -> Any:
        """Return the ``pyarrow.Schema`` whose metadata makes ``datasets`` decode the images."""
        import datasets

        types = {
            "text": datasets.Value("string"),
            "photo": datasets.Image(mode="RGB"),
            "mask": datasets.Image(mode="L"),
        }
        features = datasets.Features({column.name: types[column.kind] for column in self.columns})
        return features.arrow_schema


TPG_SCHEMA = RowSchema(
    task="tpg",
    truth="pattern",
    columns=(
        Column("sample_id", "text"),
        Column("garment", "photo"),
        Column("mask", "mask", of="garment"),
        Column("pattern", "photo", nullable=True),
        Column("garment_id", "text"),
        Column("caption", "text", nullable=True),
        Column("meta", "text"),
    ),
)
