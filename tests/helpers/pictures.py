"""Pictures that tests make up: photos, noise and masks, and how they are saved.

Sizes are (width, height) in pixels, as Pillow has them. Equal arguments give equal pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
from numpy.typing import NDArray

SIZE = (36, 48)  # small, and not square, so that a swap of the sides shows


def noise(seed: int | Sequence[int], size: tuple[int, int] = SIZE) -> NDArray[np.uint8]:
    """Return independent random pixels, uint8 (height, width, 3): nothing compresses them."""
    width, height = size
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def photo(
    seed: int | Sequence[int], size: tuple[int, int] = SIZE, *, grain: int = 0
) -> NDArray[np.uint8]:
    """Return soft shapes of random colours, as photos have, uint8 (height, width, 3).

    Args:
        seed: Two photos of different seeds are no near duplicates of each other.
        size: (width, height).
        grain: The shapes are covered with uniform noise of up to this many grey levels.
    """
    rng = np.random.default_rng(seed)
    coarse = PIL.Image.fromarray(rng.integers(0, 256, (12, 9, 3), dtype=np.uint8))
    smooth = np.asarray(coarse.resize(size, PIL.Image.Resampling.BICUBIC))
    if not grain:
        return smooth
    noisy = smooth + rng.integers(-grain, grain + 1, smooth.shape, dtype=np.int16)
    return noisy.clip(0, 255).astype(np.uint8)


def mask(
    size: tuple[int, int] = SIZE, box: tuple[int, int, int, int] | None = None
) -> NDArray[np.uint8]:
    """Return a mask as it is stored, uint8 (height, width): 255 within the box, else 0.

    Args:
        size: (width, height).
        box: (left, top, right, bottom), the last two exclusive; by default the middle half of
            each side.
    """
    width, height = size
    left, top, right, bottom = box or (width // 4, height // 4, 3 * width // 4, 3 * height // 4)
    array = np.zeros((height, width), dtype=np.uint8)
    array[top:bottom, left:right] = 255
    return array


def save(picture: NDArray[Any] | PIL.Image.Image, path: Path, **options: Any) -> Path:
    """Write a picture, and its folder if need be, and return the path.

    Args:
        picture: An array as `PIL.Image.fromarray` takes it, or a Pillow image.
        path: The file; its suffix gives the format.
        options: Pillow's; ``format`` for a suffix that lies.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if not isinstance(picture, PIL.Image.Image):
        picture = PIL.Image.fromarray(picture)
    # By hand, because "....jpg" has no suffix in Pillow's eyes.
    suffix = f".{path.name.rpartition('.')[2].lower()}"
    options.setdefault("format", PIL.Image.registered_extensions()[suffix])
    picture.save(path, **options)
    return path
