"""Another package's dataset that is built from its owner's files."""

from __future__ import annotations

from collections.abc import Iterator

from tpgbench.core.errors import TpgbenchError
from tpgbench.datasets_builders.base import DatasetCard
from tpgbench.datasets_builders.packaging.build import PackagedDataset
from tpgbench.datasets_builders.packaging.pictures import Pictures
from tpgbench.datasets_builders.packaging.rows import RawRow, RowRefusedError
from tpgbench.datasets_builders.reading.findings import Finding
from tpgbench.datasets_builders.reading.lists import read_lines
from tpgbench.datasets_builders.reading.schema import TPG_SCHEMA
from tpgbench.datasets_builders.reading.sources import SourceFolder

LIST = "toys.txt"


class ToyPackaged(PackagedDataset):
    """``toys.txt`` names a photo a line, in ``photos/``; its mask and pattern have its name."""

    name = "toy-packaged"
    task = "tpg"
    card = DatasetCard(title="toys in files", source="the tests", licence="CC0-1.0")
    splits = ("test",)
    default_size = 32
    schema = TPG_SCHEMA
    builder_version = 1
    lists = (LIST,)
    where_to_get = "the tests make it"

    @classmethod
    def has_layout(cls, source: SourceFolder) -> bool:
        return (source.root / LIST).is_file() and (source.root / "photos").is_dir()

    def rows(self, source: SourceFolder) -> Iterator[RawRow | Finding]:
        if not self.has_layout(source):
            raise TpgbenchError(f"{source}: has no {LIST} beside photos/")
        folders = {
            "garment": Pictures(source, "photos"),
            "mask": Pictures(source, "outlines"),
            "pattern": Pictures(source, "cloths"),
        }
        for number, name in read_lines(source.read(LIST), LIST):
            where = f"{LIST}:{number}"
            try:
                files = {
                    column: found.need(name, column, where) for column, found in folders.items()
                }
            except RowRefusedError as error:
                yield error.finding
            else:
                yield RawRow("test", name, where, files, texts={"garment_id": name})
