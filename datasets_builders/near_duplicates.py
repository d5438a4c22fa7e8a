"""Which photos look alike: a perceptual hash, confirmed by coarse colours.

The hash is the usual one of the discrete cosine transform (C. Zauner, Implementation and
Benchmarking of Perceptual Image Hash Functions, 2010). It sees light and dark only, so garments of
one cut on one background share it; colours on a coarse grid tell them apart.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from ..images import Image

MAX_BITS = 6  # of 64: hashes that differ in more are of different photos
MAX_COLOUR_DIFFERENCE = 8.0  # mean over the grid, of 255
_SIDE = 32
_HASH_SIDE = 8
_GRID = 8
_FLAT = 2.0  # standard deviation of grey under which the hash would be of noise
_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)
_BLOCK = 128  # of products at a time: 10 MiB for 20,000 photos


def _cosines() -> NDArray[np.float64]:
    """Return the lowest frequencies of the orthonormal cosine transform (DCT-II), one a row."""
    frequencies, positions = np.arange(_HASH_SIDE)[:, None], np.arange(_SIDE)
    rows = np.cos(np.pi * frequencies * (2 * positions + 1) / (2 * _SIDE)) * np.sqrt(2 / _SIDE)
    rows[0] /= np.sqrt(2)
    cosines: NDArray[np.float64] = rows
    return cosines


# As matrices: for so few coefficients faster than a transform, and scipy need not be imported.
_COSINES = _cosines()
_MEANS = np.kron(
    np.eye(_GRID, dtype=np.float32), np.full(_SIDE // _GRID, _GRID / _SIDE, np.float32)
)


@dataclass(frozen=True, slots=True)
class Appearance:
    """How a photo looks from afar.

    Attributes:
        phash: 64 bits, as 8 bytes.
        colours: RGB on a grid of 8 by 8, row by row, as 192 bytes.
    """

    phash: bytes
    colours: bytes


def describe_appearance(image: Image) -> Appearance | None:
    """Return how a photo looks; None if it is of one plain colour, as other photos may be too.

    Args:
        image: uint8 (height, width, 3).
    """
    small = PIL.Image.fromarray(image).resize((_SIDE, _SIDE), PIL.Image.Resampling.BOX)
    pixels = np.asarray(small, dtype=np.float32)
    grey = pixels @ _LUMA
    if grey.std() < _FLAT:
        return None
    # Rounded, for in a symmetric photo many come to nothing but for their last digits.
    low = np.round(_COSINES @ grey @ _COSINES.T, 3)
    rows = (_MEANS @ pixels.reshape(_SIDE, -1)).reshape(_GRID, _SIDE, 3)
    colours = _MEANS @ rows
    return Appearance(
        phash=np.packbits(low > np.median(low)).tobytes(),
        colours=np.rint(colours).astype(np.uint8).tobytes(),
    )


def find_near_duplicates(appearances: Sequence[Appearance]) -> Iterator[tuple[int, int, float]]:
    """Yield every two that look alike: ``(earlier, later, mean colour difference)``.

    Each is compared with each, in blocks of matrix products: 20,000 take about two seconds and
    no more memory than one block.
    """
    if not appearances:
        return
    packed = np.frombuffer(b"".join(one.phash for one in appearances), dtype=np.uint8)
    # As signs, the product of two hashes is 64 less twice the bits in which they differ.
    signs = np.unpackbits(packed).reshape(-1, 64).astype(np.float32) * 2 - 1
    colours = np.frombuffer(b"".join(one.colours for one in appearances), dtype=np.uint8)
    colours = colours.reshape(len(appearances), -1)
    for start in range(0, len(signs), _BLOCK):
        block = signs[start : start + _BLOCK]
        earlier = signs[: start + len(block)]
        for row, equal_bits in enumerate(block @ earlier.T, start):
            near = np.flatnonzero(equal_bits[:row] >= 64 - 2 * MAX_BITS)
            differences = _colour_difference(colours[near], colours[row])
            for other, difference in zip(near, differences, strict=True):
                if difference <= MAX_COLOUR_DIFFERENCE:
                    yield int(other), row, float(difference)


def _colour_difference(many: NDArray[np.uint8], one: NDArray[np.uint8]) -> NDArray[np.float64]:
    differences = np.abs(many.astype(np.int16) - one.astype(np.int16))
    means: NDArray[np.float64] = differences.mean(axis=1)
    return means
