"""CTP-HD: garment photos with masks and flat textile patterns, from a folder that the user has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from ..core.errors import TpgbenchError
from ..core.picture_files import split_suffix
from .base import DatasetCard
from .packaging.accounting import refuse_renamed_list
from .packaging.build import PackagedDataset
from .packaging.pictures import Pictures, check_inside
from .packaging.rows import RawRow, RowRefusedError
from .reading.findings import Finding, FindingKind
from .reading.lists import read_lines
from .reading.schema import DEFAULT_SIZE, TPG_SCHEMA
from .reading.sources import SourceFolder

# Test first: a garment that it names is kept from training.
_LISTS = {"test": "test.txt", "train": "train.txt"}
_FOLDERS = {"garment": "cloth", "mask": "cloth_mask", "pattern": "pattern"}


class CtpHd(PackagedDataset):
    """CTP-HD as its owners lay it out.

    ``train.txt`` and ``test.txt`` name one garment per line. Its photo is in ``cloth/``, its mask
    in ``cloth_mask/`` and, unless it is unlabelled, its pattern in ``pattern/``, all under that
    name; only the suffix may differ. The name without its suffix is the sample's id.
    """

    name = "ctp-hd"
    task = "tpg"
    card = DatasetCard(
        title="CTP-HD: clothing photos and their textile patterns",
        source="arXiv 2603.16747, https://github.com/Cg-Hu/SLDDM-TPG",
        licence="not stated by its owners: ask them",
    )
    splits = ("train", "test")
    default_size = DEFAULT_SIZE
    schema = TPG_SCHEMA
    builder_version = 1
    lists = tuple(sorted(_LISTS.values()))
    side_material = ("ref_mask/*",)  # further masks, for the authors' augmentation
    where_to_get = (
        "its owners have not given it out yet: ask them at https://github.com/Cg-Hu/SLDDM-TPG"
    )

    @classmethod
    def has_layout(cls, source: SourceFolder) -> bool:
        """Whether there is a list, and the folder of the photos that it names."""
        has_list = any((source.root / name).is_file() for name in _LISTS.values())
        return has_list and (source.root / _FOLDERS["garment"]).is_dir()

    def rows(self, source: SourceFolder) -> Iterator[RawRow | Finding]:
        """Yield the rows of test, then of train, then what no list names."""
        lists = {split: name for split, name in _LISTS.items() if (source.root / name).is_file()}
        if not lists or not (source.root / _FOLDERS["garment"]).is_dir():
            raise TpgbenchError(
                f"{source}: has no {'cloth/ folder' if lists else 'train.txt or test.txt'}; "
                "a CTP-HD folder holds cloth/, cloth_mask/, pattern/, train.txt and test.txt"
            )
        for split, list_name in _LISTS.items():
            refuse_renamed_list(source, list_name, f"the split '{split}'")
        folders = {column: Pictures(source, folder) for column, folder in _FOLDERS.items()}
        listed: set[str] = set()
        for split, list_name in lists.items():
            for number, line in read_lines(source.read_list(list_name), list_name):
                name = PurePosixPath(line).as_posix()
                sample_id = split_suffix(name)[0]
                listed.add(sample_id)
                try:
                    yield _row(split, sample_id, f"{list_name}:{number}", name, folders)
                except RowRefusedError as error:
                    yield error.finding
        yield from _unlisted(folders, listed)


def _row(
    split: str, sample_id: str, where: str, name: str, folders: Mapping[str, Pictures]
) -> RawRow:
    check_inside(name, where)
    found = {column: folders[column].need(name, column, where) for column in ("garment", "mask")}
    pattern = folders["pattern"].find(name)
    files = found if pattern is None else {**found, "pattern": pattern}
    return RawRow(split, sample_id, where, files, texts={"garment_id": sample_id})


def _unlisted(folders: Mapping[str, Pictures], listed: set[str]) -> Iterator[Finding]:
    """Yield the photos that no list names; then masks and patterns that belong to no photo."""
    photos = folders["garment"]
    known = set(listed)
    for column, pictures in folders.items():
        for file in pictures.files:
            stem = pictures.stem(file)
            if stem in known:
                continue
            if pictures is photos:
                detail = "is in no list; add it to train.txt or test.txt, or remove it"
            else:
                detail = f"is the {column} of no garment; remove it, or add the garment"
            yield Finding(FindingKind.UNLISTED, file, detail, left_out=pictures is photos)
        known.update(photos.stem(file) for file in photos.files)
