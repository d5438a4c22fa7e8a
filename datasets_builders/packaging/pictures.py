"""Finding the file that a list means among those of a folder."""

from __future__ import annotations

from bisect import bisect_left
from functools import cached_property
from itertools import takewhile

from ...core.files import leads_outside
from ...core.picture_files import split_suffix
from ..reading.findings import FindingKind
from ..reading.sources import SourceFolder, is_picture
from .rows import RowRefusedError


class Pictures:
    """The pictures of one folder, to be found by a listed name.

    Args:
        source: Where the folder is.
        folder: Its name there; it may be missing, and then has no pictures.
        ending: What the files' names have after the listed name: ``"_rendered"``; with a suffix
            the files may be other than pictures: ``"_keypoints.json"``.

    Attributes:
        files: All files of the folder, pictures or not, sorted.
    """

    def __init__(self, source: SourceFolder, folder: str, ending: str = "") -> None:
        self.folder = folder
        self.files = source.files(folder)
        self._ending = ending

    @cached_property
    def _names(self) -> frozenset[str]:
        return frozenset(self.files)

    @cached_property
    def _folded(self) -> dict[str, str]:
        stems = map(self.stem, filter(is_picture, self.files))
        return {stem.casefold(): stem for stem in stems}

    def _with_stem(self, stem: str) -> list[str]:
        """Return the pictures of a name with any suffix; a table of all would be large."""
        start = f"{self.folder}/{stem}."
        first = bisect_left(self.files, start)
        alike = takewhile(
            lambda index: self.files[index].startswith(start), range(first, len(self.files))
        )
        files = (self.files[index] for index in alike)
        return [file for file in files if is_picture(file) and self.stem(file) == stem]

    def find(self, name: str) -> str | None:
        """Return the file of exactly this name, else the one that differs in its suffix only.

        Raises:
            RowRefusedError: Several differ in their suffix only.
        """
        stem, suffix = split_suffix(name)
        if "." in self._ending:
            file = f"{self.folder}/{stem}{self._ending}"
            return file if file in self._names else None
        files = self._with_stem(stem + self._ending)
        exact = f"{self.folder}/{stem}{self._ending}{suffix}"
        if exact in files:
            return exact
        if len(files) > 1:
            raise RowRefusedError(
                FindingKind.AMBIGUOUS, exact, f"could be {' or '.join(files)}; remove all but one"
            )
        return files[0] if files else None

    def need(self, name: str, column: str, where: str) -> str:
        """Return the file for a column that no row goes without.

        Args:
            name: As it is listed.
            column: What the file is to be, for the finding.
            where: The list's line, for the finding.

        Raises:
            RowRefusedError: There is none, or several could be meant.
        """
        found = self.find(name)
        if found is not None:
            return found
        other = self._folded.get((split_suffix(name)[0] + self._ending).casefold())
        way_out = (
            "add it or remove the line"
            if other is None
            else f"there is '{other}', which is another name: write it alike"
        )
        raise RowRefusedError(
            FindingKind.MISSING, where, f"'{name}' has no {column} in {self.folder}/; {way_out}"
        )

    def stem(self, file: str) -> str:
        """Return a file's name below the folder without the suffix."""
        return split_suffix(file.removeprefix(f"{self.folder}/"))[0]


def check_inside(name: str, where: str) -> None:
    """Refuse a listed name that leads out of its folder.

    Raises:
        RowRefusedError: It does.
    """
    if leads_outside(name):
        raise RowRefusedError(
            FindingKind.OUTSIDE, where, f"'{name}' leads out of the folder; give a plain file name"
        )
