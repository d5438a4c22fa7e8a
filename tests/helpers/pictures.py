"""Pictures that tests make, and write to files. Sizes are (width, height), as Pillow has them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import PIL.Image


def noise(seed: int, size: tuple[int, int]) -> np.ndarray:
    """Return random pixels, uint8 (height, width, 3): nothing in them is alike."""
    width, height = size
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def smooth(seed: int, size: tuple[int, int], cells: tuple[int, int] = (9, 12)) -> PIL.Image.Image:
    """Return random colours that run into each other, as those of a photo do.

    Args:
        seed: Another seed, another picture.
        size: Of the picture.
        cells: How many colours there are across and down.
    """
    columns, rows = cells
    coarse = np.random.default_rng(seed).integers(0, 256, (rows, columns, 3), dtype=np.uint8)
    return PIL.Image.fromarray(coarse).resize(size, PIL.Image.Resampling.BICUBIC)


def box_mask(size: tuple[int, int], box: tuple[int, int, int, int]) -> PIL.Image.Image:
    """Return a grey mask, 255 within a box (left, top, right, bottom) and 0 outside."""
    mask = PIL.Image.new("L", size, 0)
    mask.paste(255, box)
    return mask


def save(picture: PIL.Image.Image | np.ndarray, path: Path, **options: object) -> Path:
    """Write a picture by its path's last suffix, in any case, with the folders that it needs.

    By hand, because ``"....jpg"`` has no suffix in Pillow's eyes.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(picture, np.ndarray):
        picture = PIL.Image.fromarray(picture)
    suffix = f".{path.name.rpartition('.')[2].lower()}"
    picture.save(path, format=PIL.Image.registered_extensions()[suffix], **options)
    return path
