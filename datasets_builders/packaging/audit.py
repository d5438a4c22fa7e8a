"""The audit of a build: what its rows have in common that they should not, and how they look."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from statistics import median

from ..reading.findings import Finding, FindingKind
from ..reading.schema import RowSchema
from .near_duplicates import Appearance, AppearanceList, find_near_duplicates
from .outline import MIN_AGREEMENT
from .row_facts import RowFacts
from .rows import PackedRow, RawRow, RowRefusedError

_FULL = 0.995  # a mask that marks more of its photo marks all of it
_OUTLIER = 4.0  # times the median size, or that part of it
_EXAMPLES = 5


@dataclass(frozen=True)
class AuditSummary:
    """What the rows look like, for the integrity report.

    Attributes:
        sizes: How many photos have a size, as ``"768x1024"``, by column; the most frequent first.
        size_outliers: Files whose longer side is under a quarter of the median's or over four
            times it, with their size.
        mask_shares: The least, the median and the largest part that masks mark, by column.
        outlines_checked: How many masks could be compared with their garment's outline.
        changes: What was done to pixels: how many files, and the first few of them, by change.
    """

    sizes: Mapping[str, Mapping[str, int]]
    size_outliers: tuple[tuple[str, str], ...]
    mask_shares: Mapping[str, tuple[float, float, float]]
    outlines_checked: int
    changes: Mapping[str, tuple[int, tuple[str, ...]]]

    def lines(self) -> list[str]:
        """Return the summary as lines of text."""
        text = []
        for column, sizes in self.sizes.items():
            shown = ", ".join(f"{size} ({count})" for size, count in list(sizes.items())[:3])
            text.append(f"{column}: {shown}" + ", ..." * (len(sizes) > 3))
        for column, (least, middle, most) in self.mask_shares.items():
            text.append(f"{column}: marks {least:.1%} to {most:.1%}, median {middle:.1%}")
        for file, size in self.size_outliers[:_EXAMPLES]:
            text.append(f"{file}: of an unusual size, {size}")
        for change, (count, files) in self.changes.items():
            text.append(f"{change}: {count} file{'s' * (count > 1)}, {files[0]} first")
        return text


class _Photos:
    """The photos of one column, each digest once."""

    def __init__(self) -> None:
        self.files: list[str] = []
        self.splits: list[str] = []
        self.described: list[int] = []  # which of them have an appearance, in the order of these
        self.appearances = AppearanceList()
        self._by_digest: dict[bytes, int] = {}

    def find(self, sha256: str) -> int | None:
        """Return the number of the photo with these bytes, if one was added."""
        return self._by_digest.get(bytes.fromhex(sha256))

    def add(self, file: str, split: str, sha256: str, appearance: Appearance | None) -> None:
        """Add a photo whose bytes are new."""
        number = len(self.files)
        self._by_digest[bytes.fromhex(sha256)] = number
        self.files.append(file)
        self.splits.append(split)
        if appearance is not None:
            self.described.append(number)
            self.appearances.append(appearance)


class RowAudit:
    """Takes a build's rows in their order and finds what no row shows alone.

    It keeps about 500 bytes per photo.

    Args:
        schema: The dataset's columns.
    """

    def __init__(self, schema: RowSchema) -> None:
        self._compared = {
            column.name: column.compared
            for column in schema.columns
            if column.compared != "nowhere"
        }
        self._ids: dict[str, dict[str, str]] = {}  # by configuration, by spelling without case
        self._garments: dict[str, str] = {}  # id to split
        self._photos = {column: _Photos() for column in self._compared}
        self._sizes: dict[str, dict[str, tuple[int, int]]] = {}  # by column, by file
        self._known_sizes: dict[tuple[int, int], tuple[int, int]] = {}  # one object per size
        self._shares: dict[str, dict[str, float]] = {}
        self._outlines = 0
        self._changes: dict[str, list[str]] = {}
        self._changed: set[str] = set()
        self._no_masks: set[str] = set()
        self._findings: list[Finding] = []

    def add(self, raw: RawRow, packed: PackedRow) -> None:
        """Take a row, before it is stored.

        Raises:
            RowRefusedError: Its garment or one of its photos is in another split already; the
                row must be left out.
        """
        self._refuse_leaks(raw, packed)
        ids = self._ids.setdefault(raw.config, {})
        folded = raw.sample_id.casefold()
        # One string where the two are equal, as they usually are.
        other = ids.setdefault(raw.sample_id if folded == raw.sample_id else folded, raw.sample_id)
        if other != raw.sample_id:
            detail = f"'{raw.sample_id}' differs from '{other}' in case only; rename one"
            self._note(FindingKind.CASE, raw.where, detail)
        garment = packed.record["garment_id"]
        self._garments.setdefault(garment, raw.split)
        for source in packed.sources:
            if source.column in self._compared:
                self._see(raw, source.column, source.name, source.sha256, packed.facts)
        self._measure(raw, packed.facts)

    def findings(self) -> list[Finding]:
        """Return what is wrong besides the rows that `add` refused; it leaves none out."""
        return [*self._findings, *self._near_duplicates()]

    def summary(self) -> AuditSummary:
        """Return what the rows look like."""
        return AuditSummary(
            sizes={
                column: {f"{w}x{h}": count for (w, h), count in _ranked(sizes.values())}
                for column, sizes in self._sizes.items()
            },
            size_outliers=tuple(self._size_outliers()),
            mask_shares={
                column: (min(shares.values()), median(shares.values()), max(shares.values()))
                for column, shares in self._shares.items()
            },
            outlines_checked=self._outlines,
            changes={
                change: (len(files), tuple(files[:_EXAMPLES]))
                for change, files in sorted(self._changes.items())
            },
        )

    def _refuse_leaks(self, raw: RawRow, packed: PackedRow) -> None:
        garment = packed.record["garment_id"]
        split = self._garments.get(garment, raw.split)
        if split != raw.split:
            raise RowRefusedError(
                FindingKind.LEAK,
                raw.where,
                f"the garment '{garment}' is in {split} too, where it is kept; remove this line",
            )
        for source in packed.sources:
            if source.column not in self._compared:
                continue
            photos = self._photos[source.column]
            seen = photos.find(source.sha256)
            if seen is not None and photos.splits[seen] != raw.split:
                raise RowRefusedError(
                    FindingKind.LEAK,
                    raw.where,
                    f"{source.name} has the bytes of {photos.files[seen]} in "
                    f"{photos.splits[seen]}, where it is kept; remove this line",
                )

    def _see(self, raw: RawRow, column: str, file: str, sha256: str, facts: RowFacts) -> None:
        photos = self._photos[column]
        known = photos.find(sha256)
        if known is None:
            photos.add(file, raw.split, sha256, facts.appearances.get(column))
        elif photos.files[known] != file and self._compared[column] == "anywhere":
            self._note(FindingKind.DUPLICATE, file, f"has the same bytes as {photos.files[known]}")

    def _measure(self, raw: RawRow, facts: RowFacts) -> None:
        """Take a row's measures; a file that more rows share counts once."""
        for column, size in facts.sizes.items():
            known = self._known_sizes.setdefault(size, size)
            self._sizes.setdefault(column, {})[raw.files.get(column, raw.where)] = known
        for column, share in facts.mask_shares.items():
            file = raw.files.get(column, raw.where)
            shares = self._shares.setdefault(column, {})
            if file not in shares:
                shares[file] = share
                self._judge_mask(file, share, facts.outlines.get(column))
        for file, problem in facts.no_masks.items():
            if file not in self._no_masks:
                self._no_masks.add(file)
                self._note(FindingKind.NO_MASK, file, problem)
        for file, changes in facts.changes.items():
            if file not in self._changed:
                self._changed.add(file)
                for change in changes:
                    self._changes.setdefault(change, []).append(file)

    def _judge_mask(self, file: str, share: float, agreement: float | None) -> None:
        if share > _FULL:
            detail = "marks the whole photo; draw the garment alone in white"
            self._note(FindingKind.MASK_FULL, file, detail)
            return
        if agreement is None:
            return
        self._outlines += 1
        if agreement < MIN_AGREEMENT:
            detail = (
                f"agrees to {agreement:.0%} with what stands out from the plain background; look "
                "at it, and draw it again if it is wrong"
            )
            self._note(FindingKind.MASK_OUTLINE, file, detail)

    def _note(self, kind: FindingKind, where: str, detail: str) -> None:
        self._findings.append(Finding(kind, where, detail, left_out=False))

    def _size_outliers(self) -> Iterator[tuple[str, str]]:
        for sizes in self._sizes.values():
            middle = median(max(size) for size in sizes.values())
            for file, (width, height) in sizes.items():
                if not middle / _OUTLIER <= max(width, height) <= middle * _OUTLIER:
                    yield file, f"{width}x{height}"

    def _near_duplicates(self) -> Iterator[Finding]:
        """Yield at most one finding per photo: its nearest, in another split if there is one."""
        for column, compared in self._compared.items():
            photos = self._photos[column]
            nearest: dict[int, tuple[bool, float, int]] = {}
            for one, other, difference in find_near_duplicates(photos.appearances):
                earlier, later = photos.described[one], photos.described[other]
                same_split = photos.splits[earlier] == photos.splits[later]
                if not (same_split and compared == "across splits"):
                    match = (same_split, difference, earlier)
                    nearest[later] = min(nearest.get(later, match), match)
            for later, (same_split, _, earlier) in sorted(nearest.items()):
                yield Finding(
                    FindingKind.NEAR_DUPLICATE if same_split else FindingKind.NEAR_LEAK,
                    photos.files[later],
                    f"of {photos.splits[later]} looks like {photos.files[earlier]} of "
                    f"{photos.splits[earlier]}; remove one if they show the same",
                    left_out=False,
                )


def _ranked(sizes: Iterable[tuple[int, int]]) -> list[tuple[tuple[int, int], int]]:
    return sorted(Counter(sizes).items(), key=lambda item: (-item[1], item[0]))
