"""What metrics read of a folder of garment photos: photos, masks, ground truth, captions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from ...core.errors import TpgbenchError
from ...core.picture_files import PassedOver, split_suffix, written_name
from .image_source import ImageSource, NoImagesError, read_images

_PHOTOS = "garment"
_MASKS = ("mask", "masks")
_PATTERNS = "pattern"
_MASK_ENDING = "_mask"
_METADATA = "metadata.jsonl"

Place = tuple[ImageSource, int]  # an image: where it is, and which one of it


@dataclass(frozen=True)
class OwnPhotos:
    """A folder of garment photos and what belongs to them, by the photos' names.

    The photos lie in ``garment/`` or, without that, in the folder itself. A photo's mask has its
    name in ``mask/`` or ``masks/``, or lies beside it as ``<name>_mask``; its ground truth has its
    name in ``pattern/``; its caption is in ``metadata.jsonl`` (``file_name`` and ``caption``) or in
    ``<name>.txt``. Other fields of ``metadata.jsonl`` are the sample's ``meta``.

    Attributes:
        path: The folder.
    """

    path: Path

    @cached_property
    def photos(self) -> dict[str, Place]:
        """The photos by name."""
        return {name: file for name, file in self._pictures.items() if not self._is_mask(name)}

    @cached_property
    def masks(self) -> dict[str, Place]:
        """The masks by the photos' names."""
        found = {
            name.removesuffix(_MASK_ENDING): file
            for name, file in self._pictures.items()
            if self._is_mask(name)
        }
        for folder in _MASKS:
            found |= _by_name(self.path / folder)
        return found

    @property
    def passed_over(self) -> PassedOver:
        """What lies beside photos and masks and is none of what is read here."""
        places = [*self.photos.values(), *self.masks.values()]
        total = PassedOver()
        for source in {id(source): source for source, _ in places}.values():
            total += source.passed_over
        for suffix in (".txt", ".jsonl"):  # captions and facts
            del total.other[suffix]
        return total

    @property
    def truth_folder(self) -> Path | None:
        """Where the ground truth is, or None if there is none."""
        folder = self.path / _PATTERNS
        return folder if folder.is_dir() else None

    def caption(self, name: str) -> str | None:
        """Return the caption of a photo, or None.

        Raises:
            TpgbenchError: A file of captions cannot be read.
        """
        text = self._rows.get(name, {}).get("caption")
        if isinstance(text, str):
            return text
        for folder in (self.path, self.path / _PHOTOS):
            path = folder / f"{name}.txt"
            if path.is_file():
                return _read_text(path).strip()
        return None

    def meta(self, name: str) -> Mapping[str, Any]:
        """Return what ``metadata.jsonl`` says of a photo apart from its caption."""
        row = self._rows.get(name, {})
        return {key: one for key, one in row.items() if key not in ("file_name", "caption")}

    @cached_property
    def _pictures(self) -> dict[str, Place]:
        """The photos, and the masks beside them, by name."""
        if (self.path / _PHOTOS).is_dir():
            return _by_name(self.path / _PHOTOS)
        others = {*_MASKS, _PATTERNS}
        everything = _by_name(self.path)
        return {
            name: file
            for name, file in everything.items()
            if PurePosixPath(name).parts[0] not in others
        }

    def _is_mask(self, name: str) -> bool:
        return name.endswith(_MASK_ENDING) and name.removesuffix(_MASK_ENDING) in self._pictures

    @cached_property
    def _rows(self) -> dict[str, dict[str, Any]]:
        """The rows of ``metadata.jsonl`` by the photos' names."""
        path = self.path / _METADATA
        if not path.is_file():
            return {}
        rows = {}
        # Not splitlines(), which also splits at characters that a caption may hold.
        for number, line in enumerate(_read_text(path).split("\n"), 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
                name = PurePosixPath(row["file_name"])
                if not name.name:
                    raise ValueError("an empty name")
            except (ValueError, TypeError, KeyError, RecursionError):
                raise TpgbenchError(
                    f"{path}, line {number}: not a JSON object with file_name: correct it"
                ) from None
            inside = name.relative_to(_PHOTOS) if name.parts[:1] == (_PHOTOS,) else name
            rows[written_name(split_suffix(str(inside))[0])] = row
        return rows


def _by_name(folder: Path) -> dict[str, Place]:
    if not folder.is_dir():
        return {}
    try:
        images = read_images(folder)
    except NoImagesError:
        return {}
    return {name: (images, index) for index, name in enumerate(images.ids)}


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise TpgbenchError(f"{path}: cannot be read as UTF-8 text ({error})") from error
