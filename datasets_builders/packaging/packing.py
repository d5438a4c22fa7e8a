"""What a worker process does to a row; it imports nothing that the work does not need."""

from __future__ import annotations

from dataclasses import dataclass

from ..reading.findings import Finding
from ..reading.schema import RowSchema
from ..reading.sources import SourceFolder
from .rows import PackedRow, RawRow, RowRefusedError, pack_row


@dataclass(frozen=True)
class Packer:
    """Packs rows, in whatever process; findings pass through, so that all keep their order.

    Attributes:
        source: Where the rows' files are.
        schema: The dataset's columns.
        max_side: As in `pack_row`.
    """

    source: SourceFolder
    schema: RowSchema
    max_side: int | None

    def __call__(self, item: RawRow | Finding) -> PackedRow | Finding:
        """Return the packed row, or why it is left out."""
        if isinstance(item, Finding):
            return item
        try:
            return pack_row(item, self.schema, self.source, max_side=self.max_side)
        except RowRefusedError as error:
            return error.finding
