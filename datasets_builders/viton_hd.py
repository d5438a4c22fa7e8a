"""VITON-HD: in-shop garment photos with masks, and the people who wear them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from ..core.errors import TpgbenchError
from ..core.picture_files import split_suffix
from .base import DatasetCard
from .packaging.accounting import refuse_renamed_list
from .packaging.build import PackagedDataset
from .packaging.pictures import Pictures, check_inside
from .packaging.rows import RawRow, RowRefusedError
from .reading.findings import Finding, FindingKind
from .reading.lists import read_pairs
from .reading.schema import DEFAULT_SIZE, TPG_SCHEMA, Column, RowSchema
from .reading.sources import SourceFolder

PAIRED, UNPAIRED, CLEAN = "paired", "unpaired", "clean"
_PUBLISHED = {"test": 2_032, "train": 11_647}  # lines of the pair lists
_KNOWN = Path(__file__).parent / "known" / "vitonhd_duplicates.json"
_LISTS = {"test": "test_pairs.txt", "train": "train_pairs.txt"}


@dataclass(frozen=True)
class _Extra:
    """A published folder that becomes a column where it is there.

    Attributes:
        folder: Its name below ``train/`` and ``test/``.
        column: What it becomes.
        ending: What its files' names have after the person's.
    """

    folder: str
    column: Column
    ending: str = ""


_EXTRAS = (
    _Extra("agnostic-v3.2", Column("agnostic", "photo", nullable=True)),
    _Extra(
        "agnostic-mask", Column("agnostic_mask", "picture", nullable=True, is_mask=True), "_mask"
    ),
    _Extra("image-parse-v3", Column("parse", "picture", nullable=True)),
    _Extra("image-parse-agnostic-v3.2", Column("parse_agnostic", "picture", nullable=True)),
    _Extra("image-densepose", Column("densepose", "photo", nullable=True)),
    _Extra("openpose_img", Column("openpose", "photo", nullable=True), "_rendered"),
    _Extra("openpose_json", Column("openpose_json", "text", nullable=True), "_keypoints.json"),
)


class VitonHd(PackagedDataset):
    """VITON-HD as its authors lay it out, for textile pattern generation.

    A row's garment is the in-shop photo of ``cloth/`` with its mask of ``cloth-mask/``; no
    pattern is known. The person of ``image/`` and what was published about them are further
    columns. ``train_pairs.txt`` and ``test_pairs.txt`` name a person and a garment per line.

    In the configuration ``paired`` a listed person has their own garment, the one of the same
    name, and each person has one row; their name is the sample's id. In ``unpaired``, which has
    ``test`` only, a row is a line of the list and its id is ``person__garment``. ``clean`` is
    ``paired`` without the garments that are known to occur twice (rizavelioglu/tryoffdiff,
    ``references/vitonhd_duplicate_filenames.json``): repeats within their split are left out, and
    test garments that are in train as well are left out of test.
    """

    name = "viton-hd"
    task = "tpg"
    card = DatasetCard(
        title="VITON-HD: in-shop garment photos and the people who wear them",
        source="arXiv 2103.16874, https://github.com/shadow2496/VITON-HD",
        licence="CC-BY-NC-4.0",
    )
    splits = ("train", "test")
    configs = (PAIRED, UNPAIRED, CLEAN)
    default_size = DEFAULT_SIZE
    schema = TPG_SCHEMA.with_columns(Column("person", "photo", compared="across splits"))
    builder_version = 2
    published: ClassVar[Mapping[str, Mapping[str, int]]] = {
        PAIRED: _PUBLISHED,
        UNPAIRED: {"test": 2_032},
        CLEAN: {"test": 1_990, "train": 11_552},
    }
    lists = tuple(sorted(_LISTS.values()))
    # What later authors published for this dataset, to lie in its folders.
    side_material = ("*/gt_cloth_warped_mask/*", "*vitonhd_*_tagged.json")
    where_to_get = (
        "its authors give it out for non-commercial research at "
        "https://github.com/shadow2496/VITON-HD"
    )

    @classmethod
    def has_layout(cls, source: SourceFolder) -> bool:
        """Whether there is a pair list, and its split's folder of garments."""
        return any(
            (source.root / list_name).is_file() and (source.root / split / "cloth").is_dir()
            for split, list_name in _LISTS.items()
        )

    def columns(self, source: SourceFolder) -> RowSchema:
        """Return the columns: each published folder that is there becomes one."""
        extras = [
            extra.column
            for extra in _EXTRAS
            if any((source.root / split / extra.folder).is_dir() for split in self.splits)
        ]
        return self.schema.with_columns(*extras)

    def rows(self, source: SourceFolder) -> Iterator[RawRow | Finding]:
        """Yield the rows of test, paired then unpaired, and of train; then what no list names."""
        if not self.has_layout(source):
            raise TpgbenchError(
                f"{source}: has no pair list with its cloth/ folder; a VITON-HD folder holds "
                "train_pairs.txt, test_pairs.txt, train/cloth/ and test/cloth/"
            )
        for split, list_name in _LISTS.items():
            refuse_renamed_list(source, list_name, f"{split}/")
        for split, list_name in _LISTS.items():
            if (source.root / list_name).is_file():
                yield from _Split(source, split, list_name).rows()
            elif (source.root / split / "cloth").is_dir():
                raise TpgbenchError(
                    f"{source}: {split}/ has garments and no {list_name}: add the list, or take "
                    f"{split}/ out of the folder"
                )
            else:
                detail = f"is not there, nor is {split}/: the build lacks that split"
                yield Finding(FindingKind.COUNT, list_name, detail, left_out=False)


def _read_known(split: str) -> Mapping[str, frozenset[str]]:
    """Return the garments of a split that are known to occur twice, by why, without suffixes."""
    listed = json.loads(_KNOWN.read_text(encoding="utf-8"))[split]
    return {why: frozenset(map(_stem, names)) for why, names in listed.items()}


def _stem(name: str) -> str:
    return split_suffix(name)[0]


class _Split:
    """The pair list and the folders of one split."""

    def __init__(self, source: SourceFolder, split: str, list_name: str) -> None:
        self._source = source
        self._split = split
        self._list_name = list_name
        self._garments = Pictures(source, f"{split}/cloth")
        self._masks = Pictures(source, f"{split}/cloth-mask")
        self._persons = Pictures(source, f"{split}/image")
        self._extras = {
            extra.column.name: Pictures(source, f"{split}/{extra.folder}", extra.ending)
            for extra in _EXTRAS
        }
        self._used: set[str] = set()

    def rows(self) -> Iterator[RawRow | Finding]:
        """Yield the paired rows, the unpaired ones of test, and what is wrong."""
        data, name = self._source.read_list(self._list_name), self._list_name
        pairs: list[tuple[str, str, str]] = []  # where, person, garment
        for number, pair in read_pairs(data, name):
            where = f"{name}:{number}"
            if pair is None:
                detail = "is not 'person garment'; write two names"
                yield Finding(FindingKind.SYNTAX, where, detail)
            else:
                pairs.append((where, *pair))
        published = _PUBLISHED[self._split]
        if len(pairs) != published:
            detail = (
                f"names {len(pairs):,} pairs where {published:,} were published: this is not the "
                "whole VITON-HD, so do not report its numbers as such"
            )
            yield Finding(FindingKind.COUNT, name, detail, left_out=False)
        known = _read_known(self._split)
        yield from self._known_findings(known, {_stem(garment) for *_, garment in pairs})
        left_out = frozenset[str]().union(*known.values())
        first_lines = {split_suffix(person)[0]: where for where, person, _ in reversed(pairs)}
        for where, person, _ in pairs:
            if first_lines[split_suffix(person)[0]] != where:
                continue
            for row in self._row(PAIRED, where, person, person):
                yield row
                if isinstance(row, RawRow) and row.sample_id not in left_out:
                    yield replace(row, config=CLEAN)
        if self._split == "test":
            for where, person, garment in pairs:
                yield from self._row(UNPAIRED, where, person, garment)
        yield from self._unlisted()

    def _known_findings(
        self, known: Mapping[str, frozenset[str]], garments: Set[str]
    ) -> Iterator[Finding]:
        for why, kind, what in (
            ("duplicates", FindingKind.KNOWN_REPEAT, "occur twice in it"),
            ("leaked", FindingKind.KNOWN_LEAK, "be in train as well"),
        ):
            there = sorted(known.get(why, frozenset()) & garments)
            if there:
                shown = ", ".join(there[:3]) + (", ..." if len(there) > 3 else "")
                detail = (
                    f"{len(there)} of its garments are known to {what} ({shown}); report the "
                    f"configuration {CLEAN}, which leaves them out"
                )
                yield Finding(kind, self._split, detail, left_out=False)

    def _row(
        self, config: str, where: str, person: str, garment: str
    ) -> Iterator[RawRow | Finding]:
        person_id, garment_id = split_suffix(person)[0], split_suffix(garment)[0]
        # Before anything may refuse the row: what a list names is not unlisted.
        self._used.update((person_id, garment_id))
        try:
            check_inside(person, where)
            check_inside(garment, where)
            files = {
                "garment": self._garments.need(garment, "garment", where),
                "mask": self._masks.need(garment, "mask", where),
                "person": self._persons.need(person, "person", where),
            }
            for column, pictures in self._extras.items():
                if pictures.files:
                    files[column] = pictures.need(person, column, where)
        except RowRefusedError as error:
            yield error.finding
            return
        yield RawRow(
            split=self._split,
            sample_id=person_id if config == PAIRED else f"{person_id}__{garment_id}",
            where=where,
            files=files,
            texts={"garment_id": garment_id},
            meta={"pairs": self._list_name, "person": person_id},
            config=config,
        )

    def _unlisted(self) -> Iterator[Finding]:
        for pictures in (self._garments, self._masks, self._persons):
            for file in pictures.files:
                if pictures.stem(file) not in self._used:
                    detail = f"is in no line of {self._list_name}; add one or remove it"
                    left_out = pictures is self._garments
                    yield Finding(FindingKind.UNLISTED, file, detail, left_out=left_out)
