"""Which photos look alike: a perceptual hash, confirmed by coarse colours.

The hash is the usual one of the discrete cosine transform (C. Zauner, Implementation and
Benchmarking of Perceptual Image Hash Functions, 2010). It sees light and dark only, so garments of
one cut on one background share it; colours on a coarse grid distinguish them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from ...core.images import Image

MAX_BITS = 6  # of 64: hashes that differ in more are of different photos
MAX_COLOUR_DIFFERENCE = 8.0  # mean over the grid, of 255
_SIDE = 32
_HASH_SIDE = 8
_GRID = 8
_HASH_BYTES = _HASH_SIDE**2 // 8
_PACKED = _HASH_BYTES + 3 * _GRID**2
_FLAT = 2.0  # standard deviation of grey under which the hash would be of noise
_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)
_TILE = 512  # photos that are compared with as many at a time: products of 1 MiB


def _cosines() -> NDArray[np.float64]:
    """Return the lowest frequencies of the orthonormal cosine transform (DCT-II), one per row."""
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
    """How a photo looks at low resolution.

    Attributes:
        phash: 64 bits, as 8 bytes.
        colours: RGB on a grid of 8 by 8, row by row, as 192 bytes.
    """

    phash: bytes
    colours: bytes


class AppearanceList(Sequence[Appearance]):
    """Appearances in 200 bytes each, a third of what they take as objects."""

    def __init__(self) -> None:
        self._packed = bytearray()

    def append(self, appearance: Appearance) -> None:
        """Add one."""
        self._packed += appearance.phash + appearance.colours

    def __len__(self) -> int:
        return len(self._packed) // _PACKED

    @overload
    def __getitem__(self, index: int) -> Appearance: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Appearance]: ...

    def __getitem__(self, index: int | slice) -> Appearance | Sequence[Appearance]:
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(len(self)))]
        if not 0 <= index < len(self):
            raise IndexError(index)
        packed = bytes(self._packed[index * _PACKED : (index + 1) * _PACKED])
        return Appearance(packed[:_HASH_BYTES], packed[_HASH_BYTES:])


def describe_appearance(image: Image) -> Appearance | None:
    """Return how a photo looks; None if it is of one plain colour, as other photos may be too.

    Args:
        image: uint8 (height, width, 3).
    """
    small = PIL.Image.fromarray(image).resize((_SIDE, _SIDE), PIL.Image.Resampling.BOX)
    pixels = np.asarray(small, dtype=np.float32)
    grey = pixels @ _LUMA
    strays = (grey - grey.mean()).ravel()
    if strays @ strays < _FLAT**2 * strays.size:
        return None
    # Rounded, for in a symmetric photo many come to nothing but for their last digits.
    low = np.round(_COSINES @ grey @ _COSINES.T, 3)
    ranked = np.sort(low, axis=None)
    median = (ranked[low.size // 2 - 1] + ranked[low.size // 2]) / 2
    rows = (_MEANS @ pixels.reshape(_SIDE, -1)).reshape(_GRID, _SIDE, 3)
    colours = _MEANS @ rows
    return Appearance(
        phash=np.packbits(low > median).tobytes(),
        colours=np.rint(colours).astype(np.uint8).tobytes(),
    )


def find_near_duplicates(appearances: Sequence[Appearance]) -> Iterator[tuple[int, int, float]]:
    """Yield every two that look alike: ``(earlier, later, mean colour difference)``, in any order.

    Each is compared with each, in tiles of matrix products: 20,000 take about a second and no
    more memory than one tile.
    """
    hashes = np.frombuffer(b"".join(one.phash for one in appearances), dtype=np.uint8)
    colours = np.frombuffer(b"".join(one.colours for one in appearances), dtype=np.uint8)
    hashes = hashes.reshape(len(appearances), _HASH_BYTES)
    colours = colours.reshape(len(appearances), 3 * _GRID**2)
    for top in range(0, len(hashes), _TILE):
        later = _signs(hashes[top : top + _TILE])
        for left in range(0, top + 1, _TILE):
            equal_bits = later @ _signs(hashes[left : left + _TILE]).T
            rows, columns = np.nonzero(equal_bits >= 64 - 2 * MAX_BITS)
            rows, columns = rows + top, columns + left
            rows, columns = rows[columns < rows], columns[columns < rows]
            for start in range(0, len(rows), _TILE):
                pairs = columns[start : start + _TILE], rows[start : start + _TILE]
                differences = _colour_differences(colours[pairs[0]], colours[pairs[1]])
                near = differences <= MAX_COLOUR_DIFFERENCE
                yield from zip(
                    pairs[0][near].tolist(),
                    pairs[1][near].tolist(),
                    differences[near].tolist(),
                    strict=True,
                )


def _signs(hashes: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return bits as signs: the product of two hashes is 64 less twice the bits that differ."""
    return np.unpackbits(hashes, axis=1).astype(np.float32) * 2 - 1


def _colour_differences(some: NDArray[np.uint8], others: NDArray[np.uint8]) -> NDArray[np.float64]:
    differences = np.abs(some.astype(np.int16) - others.astype(np.int16))
    means: NDArray[np.float64] = differences.mean(axis=1)
    return means
