"""Fashion Mannequin: photos with captions, from a folder that the user has or from the Hub."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from ..errors import TpgbenchError
from ..images import read_image
from .base import DatasetCard
from .build import PackagedDataset
from .grouped_split import group_rows, split_groups
from .integrity import Finding, FindingKind
from .metadata import Entry, read_metadata
from .near_duplicates import Appearance, describe_appearance
from .pictures import check_inside
from .rows import RawRow, RowRefusedError
from .schema import DEFAULT_SIZE, MANNEQUIN_SCHEMA
from .sources import SourceFolder, split_suffix

METADATA = ("metadata.jsonl", "metadata.csv")
_SPLITS = ("test", "validation", "train")  # held-out ones first: what they show is kept from train
_SPELLINGS = {"val": "validation", "valid": "validation"}
_READERS = 4
_HEAD = 4096  # bytes of a list that tell its columns


class FashionMannequin(PackagedDataset):
    """Photos of people or mannequins, described by metadata that the user has.

    A ``metadata.jsonl`` or ``metadata.csv`` in any folder gives a photo a line: ``file_name``,
    relative to that folder, and ``caption``, in any language; further ``garment_id``,
    ``condition``, ``mask`` and ``split``. Other columns go into ``meta``.

    Without ``split``, a folder ``train/``, ``validation/`` or ``test/`` that the metadata lies in
    decides; without that too, rows are split 80/10/10 by garment, so that none stands in two
    splits. Photos without a garment's id are grouped by how they look.
    """

    name = "fashion-mannequin"
    task = "mannequin"
    card = DatasetCard(
        title="Fashion photos with captions, for mannequin generation",
        source="the user's own folder or Hub dataset",
        licence="unknown: ask whoever gave out the photos",
    )
    splits = ("train", "validation", "test")
    default_size = DEFAULT_SIZE
    schema = MANNEQUIN_SCHEMA
    builder_version = 1
    where_to_get = (
        "no public dataset of this name is known: bring photos of your own with a metadata.csv "
        "(file_name, caption), or the id of a Hub dataset"
    )
    hub = True

    def find_lists(self, source: SourceFolder) -> Sequence[str]:
        """Return the names of the metadata files, in whatever folders they lie."""
        return [name for name in source.files() if PurePosixPath(name).name in METADATA]

    def rows(self, source: SourceFolder) -> Iterator[RawRow | Finding]:
        """Yield what is wrong with the metadata, then the rows of test, validation and train.

        Photos are read only if they have to be grouped by how they look.
        """
        lists = self.find_lists(source)
        if not lists:
            raise TpgbenchError(
                f"{source}: has no metadata.jsonl or metadata.csv in any folder; write one "
                "with the columns file_name and caption"
            )
        photos: list[_Photo] = []
        for found in _read(source, lists):
            if isinstance(found, Finding):
                yield found
            else:
                photos.append(found)
        if not any(photo.split for photo in photos):
            photos = _divide(photos, source)
        for photo in photos:
            if photo.split is None:
                detail = "has no split, and others have; write one"
                yield Finding(FindingKind.MISSING, photo.where, detail)
        stems = Counter(split_suffix(photo.name)[0] for photo in photos)
        for split in _SPLITS:
            for photo in photos:
                if photo.split == split:
                    stem = split_suffix(photo.name)[0]
                    yield photo.raw(stem if stems[stem] == 1 else photo.name)


def is_fashion_mannequin(source: SourceFolder) -> bool:
    """Whether a folder holds captioned photos, and so has to be built first."""
    for name in METADATA:
        if (source.root / name).is_file():
            start = source.read(name)[:_HEAD]
            return b"file_name" in start and b"caption" in start
    return False


@dataclass(frozen=True)
class _Photo:
    """A photo that the metadata describes, its files found."""

    where: str
    entry: Entry
    files: Mapping[str, str]
    split: str | None
    garment_id: str | None

    @property
    def name(self) -> str:
        """The photo's file, relative to the source."""
        return self.files["image"]

    def raw(self, sample_id: str) -> RawRow:
        """Return the row, once its split and garment are known."""
        return RawRow(
            split=self.split or "",
            sample_id=sample_id,
            where=self.where,
            files=self.files,
            texts={"caption": self.entry.caption, "garment_id": self.garment_id or sample_id},
            meta=self.entry.rest,
        )


def _read(source: SourceFolder, lists: Sequence[str]) -> Iterator[_Photo | Finding]:
    """Yield the photos that the metadata describes, and what is wrong with it."""
    files = frozenset(source.files())
    for name in lists:
        folder = PurePosixPath(name).parent
        for number, entry in read_metadata(source.read(name), name):
            where = f"{name}:{number}"
            if isinstance(entry, str):
                yield Finding(FindingKind.SYNTAX, where, entry)
                continue
            try:
                yield _photo(entry, where, folder, files)
            except RowRefusedError as error:
                yield error.finding


def _photo(entry: Entry, where: str, folder: PurePosixPath, files: Container[str]) -> _Photo:
    listed = {"image": entry.file_name, "condition": entry.condition, "mask": entry.mask}
    found = {}
    for column, name in listed.items():
        if name is None:
            continue
        check_inside(name, where)
        found[column] = (folder / name).as_posix()
        if found[column] not in files:
            detail = f"there is no {column} {found[column]}; add it or remove the line"
            raise RowRefusedError(FindingKind.MISSING, where, detail)
    split = entry.split or next((part for part in folder.parts if _spelt(part) in _SPLITS), None)
    if split is not None and _spelt(split) not in _SPLITS:
        detail = f"the split '{split}' is none of {', '.join(_SPLITS)}"
        raise RowRefusedError(FindingKind.SYNTAX, where, detail)
    return _Photo(where, entry, found, split and _spelt(split), entry.garment_id)


def _spelt(split: str) -> str:
    return _SPELLINGS.get(split, split)


def _divide(photos: Sequence[_Photo], source: SourceFolder) -> list[_Photo]:
    """Give each photo a split and, where it has none, the garment of its group."""
    garments = [photo.entry.garment_id for photo in photos]
    looks: list[Appearance | None] = [None] * len(photos)
    if None in garments:
        with ThreadPoolExecutor(_READERS) as pool:
            looks = list(pool.map(lambda photo: _look(source, photo.name), photos))
    groups = group_rows(garments, looks)
    splits = split_groups(groups, [photo.name for photo in photos])
    first_of: dict[int, str] = {}
    divided = []
    for photo, group, split in zip(photos, groups, splits, strict=True):
        known = first_of.setdefault(group, photo.garment_id or split_suffix(photo.name)[0])
        divided.append(replace(photo, split=split, garment_id=photo.garment_id or known))
    return divided


def _look(source: SourceFolder, name: str) -> Appearance | None:
    try:
        return describe_appearance(read_image(source.read(name), name))
    except TpgbenchError:
        return None  # the build says why, when it comes to the row
