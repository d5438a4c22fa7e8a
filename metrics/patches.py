"""Square pieces of garments and patterns, for metrics that compare texture without ground truth."""

from __future__ import annotations

import hashlib

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from ..core.images import Box, Image, Mask

GARMENT_PATCHES = 16
GARMENT_PARTS = (4, 6, 8, 12, 16)  # a garment patch is this part of the frame's side, or less
EROSION = 64  # the mask's rim of 1/EROSION of the side is left out: it holds background and folds

# How large a pattern patch is, in parts of the pattern's side, and how many lie along the side.
PATTERN_SCALES = ((1.0, 1), (0.7, 2), (0.5, 3), (0.35, 4), (0.25, 4))


def garment_patches(garment: Image, mask: Mask) -> list[Image]:
    """Cut seeded random squares out of a garment, wholly within its eroded mask.

    All have one size, the largest of 1/4, 1/6, 1/8, 1/12 and 1/16 of the frame's shorter side
    that fits at 16 places, or else the smallest that fits at all. The places are drawn by a
    generator that the photo and the mask seed, so that they depend on nothing else.

    Args:
        garment: uint8 (height, width, 3).
        mask: True on the garment's visible pixels, bool (height, width).

    Returns:
        16 patches; fewer if there are fewer places, none if no patch fits.
    """
    short = min(mask.shape)
    inner = _erode(mask, max(1, short // EROSION))
    side, places = 0, np.empty((0, 2), np.intp)
    for part in GARMENT_PARTS:
        smaller = max(1, short // part)
        if len(found := np.argwhere(_fits(inner, smaller))):
            side, places = smaller, found
        if len(found) >= GARMENT_PATCHES:
            break
    digest = hashlib.sha256(garment.tobytes() + mask.tobytes()).digest()
    generator = np.random.default_rng(int.from_bytes(digest[:8], "little"))
    chosen = generator.permutation(places)[:GARMENT_PATCHES]
    return [garment[top : top + side, left : left + side] for top, left in chosen]


def pattern_patches(pattern: Image) -> list[Image]:
    """Cut squares of five scales out of a pattern, evenly spread: 46 in all.

    Args:
        pattern: uint8 (height, width, 3).

    Returns:
        Patches of 1, 0.7, 0.5, 0.35 and 0.25 of the shorter side.
    """
    height, width = pattern.shape[:2]
    found = []
    for scale, count in PATTERN_SCALES:
        side = max(1, round(scale * min(height, width)))
        tops = np.linspace(0, height - side, count).round().astype(int)
        lefts = np.linspace(0, width - side, count).round().astype(int)
        found += [pattern[top : top + side, left : left + side] for top in tops for left in lefts]
    return found


def largest_square(mask: Mask) -> Box:
    """Return the largest square that lies wholly within a mask, of several the most central.

    Args:
        mask: bool (height, width), True somewhere.
    """
    low, high = 1, min(mask.shape)
    while low < high:  # what holds a square holds every smaller one
        middle = (low + high + 1) // 2
        low, high = (middle, high) if _fits(mask, middle).any() else (low, middle - 1)
    places = np.argwhere(_fits(mask, low))
    centre = np.argwhere(mask).mean(axis=0) - (low - 1) / 2
    top, left = places[np.square(places - centre).sum(axis=1).argmin()]
    return Box(left=int(left), top=int(top), side=low)


def resize_square(image: Image, side: int) -> Image:
    """Resize to a square by Pillow's bicubic filter, which averages when it shrinks."""
    picture = PIL.Image.fromarray(image).resize((side, side), PIL.Image.Resampling.BICUBIC)
    return np.asarray(picture, dtype=np.uint8)


def settings() -> dict[str, str]:
    """Return how patches are cut, for recipes."""
    return {
        "garment-patches": str(GARMENT_PATCHES),
        "garment-parts": "+".join(f"1/{part}" for part in GARMENT_PARTS),
        "erosion": f"1/{EROSION}",
        "pattern-patches": "+".join(f"{n * n}x{scale:g}" for scale, n in PATTERN_SCALES),
    }


def _erode(mask: Mask, reach: int) -> Mask:
    """Return where all pixels within ``reach`` in both directions are set; beyond the edge none."""
    padded = np.pad(mask, reach)
    return _fits(padded, 2 * reach + 1)


def _fits(mask: Mask, side: int) -> NDArray[np.bool_]:
    """Return for each top left corner whether the square from there is all set."""
    sums = np.pad(mask.astype(np.int64).cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    inside = sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side]
    return np.asarray(inside == side * side)
