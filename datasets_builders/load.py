"""From what the user names to a dataset that can be read."""

from __future__ import annotations

import os
from pathlib import Path

from ..core.errors import TpgbenchError, UnknownNameError
from .base import DATASETS, Dataset
from .ctp_hd import CtpHd, is_ctp_hd
from .fashion_mannequin import FashionMannequin, is_fashion_mannequin
from .reading.build_info import BUILD_INFO_NAME
from .reading.cached import CachedDataset
from .reading.folder import PhotoFolder
from .reading.parquet import ParquetDataset
from .reading.schema import DEFAULT_CONFIG
from .reading.shards import find_shards
from .reading.sources import SourceFolder
from .viton_hd import VitonHd, is_viton_hd

ROW_CACHE = "TPGBENCH_ROW_CACHE"


def open_dataset(
    name_or_dir: str | Path,
    split: str = "test",
    *,
    config: str | None = None,
    size: int | None = None,
    seed: int = 0,
) -> Dataset:
    """Open one split of a dataset by its registered name or its folder.

    Under ``TPGBENCH_ROW_CACHE=DIR`` the rows of a procedural dataset are rendered once and kept in
    that folder, which is safe to delete at any time.

    A name wins over a folder of the same name; ``./name`` or a `Path` means the folder. A folder
    holds a packaged dataset or the user's own photos.

    Args:
        name_or_dir: ``"ctp-synth"``, or a folder.
        split: Which of its splits.
        config: Which of a packaged dataset's configurations; None for its default one.
        size: Side in pixels at which samples are compared; None for the dataset's own.
        seed: For a procedural dataset: another seed is another dataset. A folder has none.

    Raises:
        UnknownNameError: No such dataset, configuration or split.
        TpgbenchError: No such folder, or one that has to be built first or cannot be read.
    """
    if isinstance(name_or_dir, str) and name_or_dir in DATASETS:
        source = DATASETS.get(name_or_dir)()
        source.check_split(split)
        _refuse_config(name_or_dir, config)
        dataset = source.open(split, size=size, seed=seed)
        kept = os.environ.get(ROW_CACHE)
        return CachedDataset(dataset, Path(kept).expanduser()) if kept else dataset
    folder = Path(name_or_dir)
    if folder.is_dir() and seed != 0:
        raise TpgbenchError(
            f"{folder}: seed {seed} is for procedural datasets; a folder has none: leave it out"
        )
    if folder.is_dir():
        return _open_folder(folder, split, config, size)
    if folder.exists():
        raise TpgbenchError(f"{folder}: is a file; give a dataset's folder or name")
    if isinstance(name_or_dir, Path) or os.sep in name_or_dir:
        raise TpgbenchError(
            f"{folder}: no such folder; give a folder that is there, or one of the names "
            f"{', '.join(DATASETS)}"
        )
    raise UnknownNameError("dataset", name_or_dir, DATASETS)


def _open_folder(folder: Path, split: str, config: str | None, size: int | None) -> Dataset:
    if (folder / BUILD_INFO_NAME).exists() or find_shards(folder):
        return ParquetDataset(folder, split, size=size, config=config)
    owner = _owner(folder)
    if owner is not None:
        raise TpgbenchError(
            f"{folder}: holds its owner's files, not a packaged dataset: run 'tpgbench "
            f"build-dataset {owner} --source {folder} --out DIR', then give that DIR"
        )
    _refuse_config(str(folder), config)
    return PhotoFolder(folder, split, size=size)


def _owner(folder: Path) -> str | None:
    """Return the dataset whose owner's layout a folder has, or None."""
    source = SourceFolder(folder)
    for builder, is_layout in (
        (CtpHd, is_ctp_hd),
        (VitonHd, is_viton_hd),
        (FashionMannequin, is_fashion_mannequin),
    ):
        if is_layout(source):
            return builder.name
    return None


def _refuse_config(name: str, config: str | None) -> None:
    if config not in (None, DEFAULT_CONFIG):
        raise UnknownNameError(f"config of {name}", config, [DEFAULT_CONFIG])
