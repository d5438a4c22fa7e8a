"""External images: finding each sample's, by id and never by folder order."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ...core.errors import TpgbenchError
from ...core.picture_files import (
    FileList,
    PassedOver,
    list_pictures,
    split_suffix,
    written_name,
)
from ...datasets_builders.reading.lists import decode, read_lines
from ..run.filenames import safe_stem
from ..run.identity import ExternalImages


@dataclass(frozen=True)
class FoundImages:
    """Which file is whose.

    Attributes:
        paths: The image by sample id, for the samples that have one.
        extra: Images that belong to no sample, by name.
        passed_over: What else lies in the folder.
    """

    paths: dict[str, Path]
    extra: tuple[str, ...]
    passed_over: PassedOver


def find_images(images: ExternalImages, sample_ids: Sequence[str]) -> FoundImages:
    """Match images to samples.

    Raises:
        TpgbenchError: No such folder or manifest, no image at all, or two images of one sample.
    """
    folder = Path(images.folder)
    if not folder.is_dir():
        raise TpgbenchError(f"{folder}: no such folder of images")
    files, pictures = list_pictures(folder)
    passed_over = pictures.passed_over
    if images.manifest is not None:
        paths = _read_manifest(Path(images.manifest), files)
    else:
        paths = _by_stem(files, pictures.names, sample_ids)
    wanted = set(sample_ids)
    extra = tuple(sorted(key for key in paths if key not in wanted))
    matched = {key: path for key, path in paths.items() if key in wanted}
    if not matched:
        beside = f"; passed over: {passed_over}" if passed_over else ""
        raise TpgbenchError(
            f"{folder}: none of its {len(paths)} images is named after a sample (the first is "
            f"'{sample_ids[0]}'): rename them, or give --manifest{beside}"
        )
    return FoundImages(matched, extra, passed_over)


def _by_stem(
    files: FileList, pictures: Sequence[str], sample_ids: Sequence[str]
) -> dict[str, Path]:
    # A file's name is NFC, and an id may have another form.
    ids = {written_name(sample_id): sample_id for sample_id in sample_ids}
    ids |= {safe_stem(sample_id): sample_id for sample_id in sample_ids}
    found: dict[str, str] = {}
    for name in pictures:
        whole = split_suffix(name)[0]
        stem = whole if whole in ids else whole.rpartition("/")[2]
        key = ids.get(stem, stem)
        if key in found:
            raise TpgbenchError(
                f"{files.root}: both {found[key]} and {name} are named after '{key}': remove one"
            )
        found[key] = name
    return {key: files.path(name) for key, name in found.items()}


def _read_manifest(manifest: Path, files: FileList) -> dict[str, Path]:
    try:
        data = manifest.read_bytes()
        if manifest.suffix.lower() in (".jsonl", ".ndjson"):
            rows = [json.loads(line) for _, line in read_lines(data, str(manifest))]
        else:
            text = decode(data, str(manifest))
            rows = list(csv.DictReader(io.StringIO(text, newline="")))
        # What `export-inputs` writes calls the file "output".
        pairs = [
            (_text(row["sample_id"]), _text(row.get("file", row.get("output")))) for row in rows
        ]
    except (OSError, ValueError, csv.Error) as error:
        raise TpgbenchError(f"{manifest}: cannot be read ({error})") from error
    except (KeyError, TypeError, AttributeError):
        raise TpgbenchError(
            f"{manifest}: each row needs the columns sample_id and file (CSV or JSON Lines)"
        ) from None
    paths: dict[str, Path] = {}
    for sample_id, file in pairs:
        if sample_id in paths:
            raise TpgbenchError(f"{manifest}: two rows for the sample '{sample_id}': remove one")
        paths[sample_id] = files.path(written_name(file))
    return paths


def _text(value: object) -> str:
    """Return a manifest's cell.

    Raises:
        TypeError: It is empty or no text.
    """
    if not isinstance(value, str) or not value or "\0" in value:
        raise TypeError(f"{value!r} is no name")
    return value
