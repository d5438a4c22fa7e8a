"""Opening a dataset by its name or folder."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

from ..core.errors import TpgbenchError, UnknownNameError
from ..core.files import recordable
from .base import DATASETS, Dataset
from .masks.find import GIVEN
from .reading.build_info import BUILD_INFO_NAME
from .reading.folder import PhotoFolder, is_plain
from .reading.parquet import ParquetDataset
from .reading.row_cache import CachedRows
from .reading.schema import DEFAULT_CONFIG
from .reading.shards import find_shards
from .reading.sources import SourceFolder

ROW_CACHE = "TPGBENCH_ROW_CACHE"
ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz")


def open_dataset(
    name_or_dir: str | Path,
    split: str = "test",
    *,
    config: str | None = None,
    size: int | None = None,
    seed: int = 0,
    masks: str = GIVEN,
) -> Dataset:
    """Open one split of a dataset by its registered name or its folder.

    Its first rows stay in memory once they are read, up to 256 MiB of them: see `CachedRows`. Under
    ``TPGBENCH_ROW_CACHE=DIR`` the rows of a procedural dataset are also stored in that folder,
    which may be deleted at any time.

    A name wins over a folder of the same name; ``./name`` or a `Path` means the folder. A folder
    holds a packaged dataset or the user's own photos.

    Args:
        name_or_dir: ``"ctp-synth"``, or a folder.
        split: Which of its splits.
        config: Which of a packaged dataset's configurations; None for its default one.
        size: Side in pixels at which samples are compared; None for the dataset's own.
        seed: For a procedural dataset: another seed is another dataset. A folder has none.
        masks: For a folder of photos: what makes the masks that it lacks, ``"auto"`` or a
            segmentation model; ``"given"`` for nothing.

    Raises:
        UnknownNameError: No such dataset, configuration or split.
        TpgbenchError: No such folder, or one that has to be built first or cannot be read.
    """
    if isinstance(name_or_dir, str) and name_or_dir in DATASETS:
        _refuse_masks(name_or_dir, masks)
        source = DATASETS.get(name_or_dir)()
        source.check_split(split)
        _refuse_config(name_or_dir, config)
        dataset = source.open(split, size=size, seed=seed)
        kept = os.environ.get(ROW_CACHE)
        return CachedRows(dataset, Path(kept).expanduser() if kept else None)
    folder = Path(recordable(str(name_or_dir), "dataset"))
    if folder.is_dir() and seed != 0:
        raise TpgbenchError(
            f"{folder}: seed {seed} is for procedural datasets; a folder has none: leave it out"
        )
    if folder.is_dir():
        return CachedRows(_open_folder(folder, split, config, size, masks))
    if folder.exists():
        if folder.name.lower().endswith(ARCHIVES):
            raise TpgbenchError(
                f"{folder}: is an archive: package it with 'tpgbench build-dataset NAME --source "
                f"{folder} --out DIR', then give that DIR"
            )
        raise TpgbenchError(f"{folder}: is a file; give a dataset's folder or name")
    if isinstance(name_or_dir, Path) or os.sep in name_or_dir:
        raise TpgbenchError(
            f"{folder}: no such folder; give a folder that is there, or one of the names "
            f"{', '.join(DATASETS)}"
        )
    raise UnknownNameError("dataset", name_or_dir, DATASETS)


def _open_folder(
    folder: Path, split: str, config: str | None, size: int | None, masks: str
) -> Dataset:
    for parent in folder.resolve().parents[:2]:
        if (parent / BUILD_INFO_NAME).exists() and find_shards(folder):
            raise TpgbenchError(
                f"{folder}: is a part of the packaged dataset {parent}, whose build.json says how "
                f"it is read: give {parent}"
            )
    if (folder / BUILD_INFO_NAME).exists() or find_shards(folder):
        _refuse_masks(str(folder), masks)
        return ParquetDataset(folder, split, size=size, config=config)
    source = SourceFolder(folder)
    owners = [] if is_plain(source) else _owners(source)
    if owners:
        raise TpgbenchError(
            f"{folder}: holds its owner's files, not a packaged dataset: run 'tpgbench "
            f"build-dataset {' or '.join(owners)} --source {folder} --out DIR', then give that DIR"
        )
    _refuse_config(str(folder), config)
    return PhotoFolder(folder, split, size=size, masks=masks)


def _owners(source: SourceFolder) -> list[str]:
    """Return the names of the datasets whose owner's layout a folder has: usually one or none.

    A dataset that cannot be imported or asked is skipped with a warning.
    """
    # Imported here: only such a folder needs the builders, which import much.
    from .packaging.build import PackagedDataset

    found, problems = DATASETS.load_all()
    owners = []
    for name, dataset in found.items():
        try:
            if issubclass(dataset, PackagedDataset) and dataset.has_layout(source):
                owners.append(name)
        except Exception as error:  # other people's classes may raise anything
            problems += (f"the layout check of '{name}' fails: {error}",)
    for problem in problems:
        warnings.warn(
            f"{source}: may be the source of a dataset that cannot say so: {problem}", stacklevel=4
        )
    return owners


def _refuse_masks(name: str, masks: str) -> None:
    if masks != GIVEN:
        raise TpgbenchError(
            f"--masks {masks}: is for a folder of your own photos; {name} has its masks: leave it "
            "out"
        )


def _refuse_config(name: str, config: str | None) -> None:
    if config not in (None, DEFAULT_CONFIG):
        raise UnknownNameError(f"config of {name}", config, [DEFAULT_CONFIG])
