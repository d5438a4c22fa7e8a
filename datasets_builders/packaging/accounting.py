"""What lies in a source and went into nothing, in as few lines as can be read."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from ...core.errors import TpgbenchError
from ...core.picture_files import split_suffix
from ..reading.findings import Finding, FindingKind
from ..reading.sources import SourceFolder, is_picture

_APART = 10  # files of one folder that have findings of their own; more have one together
_SHOWN = 3
_OF_FILES = (FindingKind.UNLISTED, FindingKind.UNUSED)

# What describes a dataset beside its data, in lower case.
_DOCUMENTS = re.compile(
    r"(.*/)?((readme|licen[cs]e|citation|copying|changelog|notice)[^/]*"
    r"|[^/]*\.(md|pdf|html|bib|sha256|md5))"
)
_MENTIONED = re.compile(r"'([^']+)'|(\S+\.\w+)")  # the files that a finding is about


def find_unused(
    source: SourceFolder,
    used: Collection[str],
    findings: Iterable[Finding],
    side_material: Sequence[str],
) -> Iterator[str]:
    """Yield the names of files that went into nothing.

    A row that is left out leaves its other files unused: what has the name of a file that is the
    reason is passed over, as are the files of a folder of which a finding says so.

    Args:
        source: The owner's files.
        used: The files that a row, a list or a finding is about.
        findings: What is known to be wrong.
        side_material: Patterns of files that are knowingly not packaged; see `PackagedDataset`.

    Raises:
        TpgbenchError: A folder cannot be listed.
    """
    findings = tuple(findings)
    refused = _stems_in(finding for finding in findings if finding.left_out)
    folders = {finding.where for finding in findings if finding.files > 1}
    for name in source.files():
        known = (
            name in used
            or _folder(name) in folders
            or _DOCUMENTS.fullmatch(name.lower())
            or _stem(name) in refused
        )
        if not known and not any(fnmatchcase(name, pattern) for pattern in side_material):
            yield name


def unused_finding(name: str) -> Finding:
    """Return the finding of a file that went into nothing."""
    detail = "is used by no row and no list; remove it, or name it in a list"
    return Finding(FindingKind.UNUSED, name, detail, left_out=False)


def group_by_folder(findings: Iterable[Finding]) -> list[Finding]:
    """Return findings of files with one for each folder of which more than ten say the same.

    It stands where the first of them stood.
    """
    grouped: dict[Finding, list[Finding]] = {}
    for finding in findings:
        place = _folder(finding.where) if finding.kind in _OF_FILES else finding.where
        grouped.setdefault(replace(finding, where=place), []).append(finding)
    result: list[Finding] = []
    for alike in grouped.values():
        if alike[0].kind in _OF_FILES:
            names = (finding.where for finding in alike)
            result += (replace(alike[0], **asdict(one)) for one in gather(names, alike[0].detail))
        else:
            result += alike
    return result


@dataclass(frozen=True)
class Gathered:
    """A file of which something is said, or a folder of many such files.

    Attributes:
        where: Its name.
        detail: What is said.
        files: How many files it is said of.
    """

    where: str
    detail: str
    files: int = 1


def gather(names: Iterable[str], detail: str) -> Iterator[Gathered]:
    """Yield what is said of files: of each, or once for a folder with more than ten of them.

    Args:
        names: The files.
        detail: What is said of each, without its name.
    """
    folders: dict[str, list[str]] = {}
    for name in names:
        folders.setdefault(_folder(name), []).append(name)
    for folder, found in folders.items():
        if len(found) <= _APART:
            yield from (Gathered(name, detail) for name in found)
        else:
            shown = ", ".join(name.rpartition("/")[2] for name in found[:_SHOWN])
            text = f"holds {len(found):,} files ({shown}, ...); each {detail}"
            yield Gathered(folder, text, len(found))


def refuse_renamed_list(source: SourceFolder, name: str, of: str) -> None:
    """Refuse a source without a list that has one of a similar name: a split would be lost.

    Args:
        source: The owner's files.
        name: The list, in the folder itself: ``"test_pairs.txt"``.
        of: What it lists: ``"test/"``.

    Raises:
        TpgbenchError: Another file seems to be that list.
    """
    if (source.root / name).is_file():
        return
    alike = [path.name for path in source.top() if path.is_file() and _is_alike(path.name, name)]
    if alike:
        raise TpgbenchError(
            f"{source}: has no {name}, the list of {of}, but {', '.join(sorted(alike))}: give the "
            f"list the name {name}, or remove what is none"
        )


def _is_alike(name: str, wanted: str) -> bool:
    """Whether a file may be a list under another name: it has the first word of the list's."""
    first = re.split(r"[^a-z]+", wanted.lower())[0]
    words = re.split(r"[^a-z]+", name.lower())
    return first in words and not is_picture(name) and not _DOCUMENTS.fullmatch(name.lower())


def _stems_in(findings: Iterable[Finding]) -> frozenset[str]:
    """Return the names, without suffixes, of the files that findings are about."""
    texts = (f"{finding.where} {finding.detail}" for finding in findings)
    names = (one for text in texts for found in _MENTIONED.findall(text) for one in found if one)
    return frozenset(map(_stem, names))


def _folder(name: str) -> str:
    return name.rpartition("/")[0] or "."


def _stem(name: str) -> str:
    return split_suffix(PurePosixPath(name).name)[0]
