"""A folder of the user's own photos, with or without masks and ground truth."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ...core.errors import TpgbenchError, UnknownNameError
from ...core.images import READING, Image, Mask, read_image
from ...core.masks import mask_warning, read_mask
from ...core.picture_files import PassedOver
from ..base import Dataset, TpgRow
from ..masks.base import FoundMask
from ..masks.find import GIVEN, find_mask, get_masker
from .schema import DEFAULT_SIZE, TPG_SCHEMA
from .sources import SourceFolder, by_stem, is_picture

SPLIT = "test"
_PHOTO_FOLDER = "garment"
_MASK_FOLDERS = ("mask", "masks")
_PATTERN_FOLDER = "pattern"
_MASK_ENDING = "_mask"


class PhotoFolder(Dataset):
    """Photos as rows, sorted by name; a row's id is its name in the folder without the suffix.

    The photos are in ``garment/`` or, without that, in the folder itself, in subfolders of any
    depth. A photo's mask has its name in ``mask/`` or ``masks/``, or is beside it as
    ``<name>_mask``. Without one, ``masks`` says what makes it, or the whole photo is the garment.
    Its ground truth, if any, has its name in ``pattern/``.

    Args:
        folder: The user's folder.
        split: ``"test"``: it has no other.
        size: Overrides the default size, in pixels.
        masks: What makes the masks of photos that have none; see `masks.find.get_masker`.

    Raises:
        UnknownNameError: Another split.
        TpgbenchError: There are no photos, or two files claim to be one photo, mask or pattern.

    Warns:
        UserWarning: Photos have no mask, or masks or patterns no photo; something beside them was
            passed over; a mask covers the whole photo or looks inverted.
    """

    task = TPG_SCHEMA.task
    licence = "unknown"

    def __init__(
        self, folder: Path, split: str = SPLIT, *, size: int | None = None, masks: str = GIVEN
    ) -> None:
        if split != SPLIT:
            raise UnknownNameError(f"split of {folder}", split, (SPLIT,))
        self._source = SourceFolder(folder)
        self._masker = get_masker(masks)
        self.name = folder.resolve().name
        self.split = split
        self.size = DEFAULT_SIZE if size is None else size
        self._photos, self._masks, self._patterns, passed_over = _find(self._source)
        self._ids = list(self._photos)
        if not self._ids:
            found = f" (passed over: {passed_over})" if passed_over else ""
            raise TpgbenchError(
                f"{folder}: has no photos (.jpg, .png, ...) in it or in its garment/ folder{found}"
            )
        self._warn(passed_over)
        self._said: set[str] = set()  # what was said of a mask; once each
        self.fingerprint = self._fingerprint()

    def sample_ids(self, limit: int | None = None) -> Sequence[str]:
        """Return the ids of the first ``limit`` photos, or of all."""
        return self._ids[:limit]

    def __getitem__(self, index: int) -> TpgRow:
        if not 0 <= index < len(self._ids):
            raise IndexError(index)
        sample_id = self._ids[index]
        garment = self._image(self._photos[sample_id])
        pattern = self._patterns.get(sample_id)
        return TpgRow(
            sample_id=sample_id,
            garment=garment,
            mask=self._mask(sample_id, garment),
            pattern=None if pattern is None else self._image(pattern),
            garment_id=sample_id,
        )

    def without_mask(self) -> list[str]:
        """Return the ids of the photos that have no mask of their own."""
        return [sample_id for sample_id in self._ids if sample_id not in self._masks]

    def find_mask(self, sample_id: str) -> FoundMask:
        """Make the mask of a photo.

        Raises:
            TpgbenchError: Nothing makes masks here, or no garment can be found.
        """
        name = self._photos[sample_id]
        if self._masker is None:
            raise TpgbenchError(f"{name}: has no mask: give --masks auto")
        return find_mask(self._masker, self._source.read(name), name)

    def _image(self, name: str) -> Image:
        return read_image(self._source.read(name), name)

    def _mask(self, sample_id: str, garment: Image) -> Mask:
        name = self._masks.get(sample_id)
        if name is None and self._masker is not None:
            found = self.find_mask(sample_id)
            if found.doubt is not None:
                warnings.warn(
                    f"{self._photos[sample_id]}: its automatic mask may be wrong: {found.doubt}",
                    stacklevel=4,
                )
            return found.mask
        if name is None:
            return np.ones(garment.shape[:2], dtype=np.bool_)
        mask = read_mask(self._source.read(name), name)
        problem = mask_warning(mask)
        if problem is not None and problem not in self._said:
            self._said.add(problem)
            warnings.warn(
                f"{self._source.root}: the mask {name} {problem}; look at the masks with "
                "'tpgbench show-dataset' (said once)",
                stacklevel=4,
            )
        return mask

    def _warn(self, passed_over: PassedOver) -> None:
        if passed_over:
            warnings.warn(f"{self._source.root}: passed over: {passed_over}", stacklevel=3)
        bare = self.without_mask()
        if bare and self._masker is None:
            warnings.warn(
                f"{self._source.root}: {len(bare)} of {len(self._ids)} photos have no mask (first: "
                f"'{bare[0]}'): the whole photo counts as garment; give --masks auto, or put masks "
                "of the same names into mask/",
                stacklevel=3,
            )
        stray = [
            name
            for files in (self._masks, self._patterns)
            for stem, name in files.items()
            if stem not in self._photos
        ]
        if stray:
            warnings.warn(
                f"{self._source.root}: {len(stray)} masks or patterns have no photo (first: "
                f"{stray[0]}); give them the names of their photos",
                stacklevel=3,
            )

    def _fingerprint(self) -> str:
        files = [*self._photos.values(), *self._masks.values(), *self._patterns.values()]
        digests = [(name, self._digest(name)) for name in files]
        made = self._masker.identity() if self._masker and self.without_mask() else None
        return hashlib.sha256(json.dumps([READING, digests, made]).encode()).hexdigest()

    def _digest(self, name: str) -> str:
        try:
            return hashlib.sha256(self._source.read(name)).hexdigest()
        except TpgbenchError:
            return "unreadable"  # its own row says so when it is asked for


def is_plain(source: SourceFolder) -> bool:
    """Whether a folder can only be one of the user's own photos, by the names at its top.

    It holds nothing but pictures and the folders of photos, masks and patterns: no list, and no
    further folder. A folder that is not plain may still be the user's own.
    """
    folders = (_PHOTO_FOLDER, *_MASK_FOLDERS, _PATTERN_FOLDER)
    return all(
        entry.name in folders if entry.is_dir() else is_picture(entry.name)
        for entry in source.top()
    )


def _find(
    source: SourceFolder,
) -> tuple[dict[str, str], dict[str, str], dict[str, str], PassedOver]:
    """Return the photos, masks and patterns by sample id, and what was passed over."""
    everything = source.pictures()
    passed_over = everything.passed_over

    def below(*folders: str) -> list[str]:
        return [name for name in everything.names if name.partition("/")[0] in folders]

    names, within = below(_PHOTO_FOLDER), _PHOTO_FOLDER
    beside = set(everything.names) - set(below(*_MASK_FOLDERS, _PATTERN_FOLDER)) - set(names)
    if not names:
        names, within = sorted(beside), ""
    elif beside:
        passed_over = passed_over + PassedOver(
            litter=Counter({f"beside {_PHOTO_FOLDER}/": len(beside)})
        )
    photos = by_stem(names, within)
    masks = {stem: photos[stem + _MASK_ENDING] for stem in photos if stem + _MASK_ENDING in photos}
    for stem in masks:
        del photos[stem + _MASK_ENDING]
    for folder in _MASK_FOLDERS:
        for stem, files in by_stem(below(folder), folder).items():
            masks.setdefault(stem, []).extend(files)
    patterns = by_stem(below(_PATTERN_FOLDER), _PATTERN_FOLDER)
    found = (_single(group, source.root) for group in (photos, masks, patterns))
    photo_of, mask_of, pattern_of = found
    return photo_of, mask_of, pattern_of, passed_over


def _single(groups: Mapping[str, Sequence[str]], root: Path) -> dict[str, str]:
    for names in groups.values():
        if len(names) > 1:
            raise TpgbenchError(
                f"{root}: {' and '.join(names)} have one name; rename or remove all but one"
            )
    return {stem: names[0] for stem, names in groups.items()}
