"""Fashion Mannequin: photos with captions, from a folder that the user has or from the Hub."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from ..core.errors import TpgbenchError
from ..core.images import read_image
from ..core.picture_files import split_suffix
from .base import DatasetCard
from .packaging.build import PackagedDataset
from .packaging.grouped_split import group_rows, split_groups
from .packaging.near_duplicates import Appearance, describe_appearance
from .packaging.pictures import check_inside
from .packaging.rows import RawRow, RowRefusedError
from .reading.embedded_photos import EmbeddedPhoto, EmbeddedPhotos
from .reading.findings import Finding, FindingKind
from .reading.metadata import Entry, read_metadata
from .reading.schema import DEFAULT_SIZE, MANNEQUIN_SCHEMA
from .reading.shards import find_shards
from .reading.sources import SourceFolder, is_picture

METADATA = ("metadata.jsonl", "metadata.csv")
_SPLITS = ("test", "validation", "train")  # train last: what the others show is kept from it
_SPELLINGS = {"val": "validation", "valid": "validation"}
_READERS = 4
_HEAD = 4096  # bytes at the start of a list, which name its columns


class FashionMannequin(PackagedDataset):
    """Photos of people or mannequins, described by metadata that the user has.

    A ``metadata.jsonl`` or ``metadata.csv`` in any folder has one photo per line: ``file_name``,
    relative to that folder, and ``caption``, in any language; further ``garment_id``,
    ``condition``, ``mask`` and ``split``. Other columns go into ``meta``.

    Without ``split``, a folder ``train/``, ``validation/`` or ``test/`` that the metadata lies in
    decides; without that too, rows are split 80/10/10 by garment, so that none is in two
    splits. Photos without a garment's id are grouped by how they look.

    A folder without metadata may hold Parquet files with the columns ``image`` and ``caption`` (or
    ``text``), as Hub datasets do; several splits are kept, and one alone is divided.
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

    @classmethod
    def has_layout(cls, source: SourceFolder) -> bool:
        """Whether there is a metadata file that gives photos captions."""
        for name in METADATA:
            if (source.root / name).is_file():
                start = source.read_head(name, _HEAD)
                return b"file_name" in start and b"caption" in start
        return False

    def find_lists(self, source: SourceFolder) -> Sequence[str]:
        """Return the names of the metadata files, in whatever folders they lie.

        If there are none, the Parquet files that hold photos and captions.
        """
        return _find_metadata(source) or [
            path.relative_to(source.root).as_posix()
            for paths in find_shards(source.root).values()
            for path in paths
        ]

    def rows(self, source: SourceFolder) -> Iterator[RawRow | Finding]:
        """Yield what is wrong with the metadata, then the rows of test, validation and train.

        Photos are read only if they have to be grouped by how they look.
        """
        lists = _find_metadata(source)
        photos: _Listed | _Embedded = _Listed(source, lists) if lists else _Embedded(source)
        found = []
        for item in photos:
            if isinstance(item, Finding):
                yield item
            else:
                found.append(item)
        if not any(photo.split for photo in found):
            found = _divide(found, photos.read)
        for photo in found:
            if photo.split is None:
                detail = "has no split, and others have; write one"
                yield Finding(FindingKind.MISSING, photo.where, detail)
        stems = Counter(split_suffix(photo.name)[0] for photo in found)
        for split in _SPLITS:
            for photo in found:
                if photo.split == split:
                    stem = split_suffix(photo.name)[0]
                    yield photos.row(photo, stem if stems[stem] == 1 else photo.name)


def _find_metadata(source: SourceFolder) -> list[str]:
    return [name for name in source.files() if PurePosixPath(name).name in METADATA]


@dataclass(frozen=True)
class _Photo:
    """A photo and its metadata.

    Attributes:
        where: What names it, for findings.
        name: Its file in the source, or its place in one.
        entry: Its metadata.
        files: Its files by column; empty where they lie within another.
        split: Its split, or None if the metadata names none.
        garment_id: Its garment, or None if the metadata names none.
    """

    where: str
    name: str
    entry: Entry
    files: Mapping[str, str]
    split: str | None
    garment_id: str | None


class _Listed:
    """The photos that metadata files name."""

    def __init__(self, source: SourceFolder, lists: Sequence[str]) -> None:
        self._source = source
        self._lists = lists
        self._named: set[str] = set()

    def __iter__(self) -> Iterator[_Photo | Finding]:
        files, refused = frozenset(self._source.files()), 0
        for name in self._lists:
            folder = PurePosixPath(name).parent
            for number, entry in read_metadata(self._source.read_list(name), name):
                where = f"{name}:{number}"
                if isinstance(entry, str):
                    refused += 1
                    yield Finding(FindingKind.SYNTAX, where, entry)
                    continue
                try:
                    yield self._find(entry, where, folder, files)
                except RowRefusedError as error:
                    refused += 1
                    yield error.finding
        unnamed = [name for name in sorted(files) if is_picture(name) and name not in self._named]
        if len(unnamed) > refused:  # else the refused lines are why
            detail = "is named by no metadata; add a line for it, or remove it"
            yield from (Finding(FindingKind.UNLISTED, name, detail) for name in unnamed)

    def read(self, photo: _Photo) -> bytes:
        """Return the photo's bytes."""
        return self._source.read(photo.name)

    def row(self, photo: _Photo, sample_id: str) -> RawRow:
        """Return the photo's row."""
        return _row(photo, sample_id, photo.files)

    def _find(
        self, entry: Entry, where: str, folder: PurePosixPath, files: Container[str]
    ) -> _Photo:
        listed = {"image": entry.file_name, "condition": entry.condition, "mask": entry.mask}
        found = {}
        for column, name in listed.items():
            if name is not None:
                check_inside(name, where)
                found[column] = (folder / name).as_posix()
        self._named.update(found.values())
        for column, name in found.items():
            if name not in files:
                detail = f"there is no {column} {name}; add it or remove the line"
                raise RowRefusedError(FindingKind.MISSING, where, detail)
        of_folder = next((part for part in folder.parts if _canonical(part) in _SPLITS), None)
        split = _checked_split(entry.split or of_folder, where)
        return _Photo(where, found["image"], entry, found, split, entry.garment_id)


class _Embedded:
    """The photos within a Hub dataset's Parquet files."""

    def __init__(self, source: SourceFolder) -> None:
        self._root = source.root
        self._photos = EmbeddedPhotos(source.root)
        self._by_where: dict[str, EmbeddedPhoto] = {}
        if not self._photos.splits:
            raise TpgbenchError(
                f"{source}: has no metadata.jsonl, metadata.csv or Parquet files; write a "
                "metadata.csv with the columns file_name and caption"
            )

    def __iter__(self) -> Iterator[_Photo | Finding]:
        several = len(self._photos.splits) > 1
        for photo in self._photos:
            where, entry = photo.where, photo.entry
            self._by_where[where] = photo
            if isinstance(entry, str):
                yield Finding(FindingKind.SYNTAX, where, entry)
                continue
            try:
                # A Hub dataset with one split calls it train, whatever it is meant for.
                split = _checked_split(entry.split or (photo.split if several else None), where)
            except RowRefusedError as error:
                yield error.finding
            else:
                yield _Photo(where, where, entry, {}, split, entry.garment_id)

    def read(self, photo: _Photo) -> bytes:
        """Return the photo's bytes."""
        images = self._photos.read(self._by_where[photo.where])
        if "image" not in images:
            raise TpgbenchError(f"{photo.where}: has no image; remove the row")
        return images["image"]

    def row(self, photo: _Photo, sample_id: str) -> RawRow:
        """Return the photo's row, with the bytes of its images."""
        embedded = self._by_where[photo.where]
        images = self._photos.read(embedded)
        files = {column: f"{photo.where}/{column}" for column in images}
        contents = {files[column]: data for column, data in images.items()}
        within = embedded.path.relative_to(self._root).as_posix()
        return replace(_row(photo, sample_id, files), contents=contents, within=within)


def _row(photo: _Photo, sample_id: str, files: Mapping[str, str]) -> RawRow:
    return RawRow(
        split=photo.split or "",
        sample_id=sample_id,
        where=photo.where,
        files=files,
        texts={"caption": photo.entry.caption, "garment_id": photo.garment_id or sample_id},
        meta=photo.entry.rest,
    )


def _checked_split(split: str | None, where: str) -> str | None:
    if split is None:
        return None
    if _canonical(split) not in _SPLITS:
        detail = f"the split '{split}' is none of {', '.join(_SPLITS)}"
        raise RowRefusedError(FindingKind.SYNTAX, where, detail)
    return _canonical(split)


def _canonical(split: str) -> str:
    return _SPELLINGS.get(split, split)


def _divide(photos: Sequence[_Photo], read: Callable[[_Photo], bytes]) -> list[_Photo]:
    """Give each photo a split and, where it has none, the garment of its group."""

    def look_at(photo: _Photo) -> Appearance | None:
        try:
            return describe_appearance(read_image(read(photo), photo.name))
        except TpgbenchError:
            return None  # the build says why, when it comes to the row

    garments = [photo.garment_id for photo in photos]
    looks: list[Appearance | None] = [None] * len(photos)
    if None in garments:
        with ThreadPoolExecutor(_READERS) as pool:
            looks = list(pool.map(look_at, photos))
    groups = group_rows(garments, looks)
    splits = split_groups(groups, [photo.name for photo in photos])
    first_of: dict[int, str] = {}
    divided = []
    for photo, group, split in zip(photos, groups, splits, strict=True):
        known = first_of.setdefault(group, photo.garment_id or split_suffix(photo.name)[0])
        divided.append(replace(photo, split=split, garment_id=photo.garment_id or known))
    return divided
