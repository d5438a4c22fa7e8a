"""External images: finding each sample's, by id and never by folder order."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ...core.errors import TpgbenchError
from ...core.images import PICTURE_SUFFIXES
from ...datasets_builders.reading.lists import decode, read_lines
from ..run.filenames import safe_stem
from ..run.identity import ExternalImages


@dataclass(frozen=True)
class FoundImages:
    """Which file is whose.

    Attributes:
        paths: The image by sample id, for the samples that have one.
        extra: Images that belong to no sample, by name.
    """

    paths: dict[str, Path]
    extra: tuple[str, ...]


def find_images(images: ExternalImages, sample_ids: Sequence[str]) -> FoundImages:
    """Match images to samples.

    Raises:
        TpgbenchError: No such folder or manifest, no image at all, or two images of one sample.
    """
    folder = Path(images.folder)
    if not folder.is_dir():
        raise TpgbenchError(f"{folder}: no such folder of images")
    if images.manifest is not None:
        paths = _read_manifest(Path(images.manifest), folder)
    else:
        paths = _by_stem(folder, sample_ids)
    wanted = set(sample_ids)
    extra = tuple(sorted(key for key in paths if key not in wanted))
    matched = {key: path for key, path in paths.items() if key in wanted}
    if not matched:
        raise TpgbenchError(
            f"{folder}: none of its {len(paths)} images is named after a sample (the first is "
            f"'{sample_ids[0]}'): rename them, or give --manifest"
        )
    return FoundImages(matched, extra)


def _by_stem(folder: Path, sample_ids: Sequence[str]) -> dict[str, Path]:
    known = set(sample_ids)
    ids = {safe_stem(sample_id): sample_id for sample_id in sample_ids}
    paths: dict[str, Path] = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() not in PICTURE_SUFFIXES or not path.is_file():
            continue
        whole = path.relative_to(folder).with_suffix("").as_posix()
        stem = whole if whole in known else path.stem
        key = ids.get(stem, stem)
        if key in paths:
            raise TpgbenchError(
                f"{folder}: both {paths[key].name} and {path.name} are named after '{key}': "
                "remove one"
            )
        paths[key] = path
    return paths


def _read_manifest(manifest: Path, folder: Path) -> dict[str, Path]:
    try:
        data = manifest.read_bytes()
        if manifest.suffix.lower() in (".jsonl", ".ndjson"):
            rows = [json.loads(line) for _, line in read_lines(data, str(manifest))]
        else:
            text = decode(data, str(manifest))
            rows = list(csv.DictReader(io.StringIO(text, newline="")))
        pairs = [(_text(row["sample_id"]), _text(row["file"])) for row in rows]
    except (OSError, ValueError, csv.Error) as error:
        raise TpgbenchError(f"{manifest}: cannot be read ({error})") from error
    except (KeyError, TypeError):
        raise TpgbenchError(
            f"{manifest}: each row needs the columns sample_id and file (CSV or JSON Lines)"
        ) from None
    paths: dict[str, Path] = {}
    for sample_id, file in pairs:
        if sample_id in paths:
            raise TpgbenchError(f"{manifest}: two rows for the sample '{sample_id}': remove one")
        paths[sample_id] = folder / file
    return paths


def _text(value: object) -> str:
    """Return a manifest's cell.

    Raises:
        TypeError: It is empty or no text.
    """
    if not isinstance(value, str) or not value or "\0" in value:
        raise TypeError(f"{value!r} is no name")
    return value
