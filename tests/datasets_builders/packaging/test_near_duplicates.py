"""Finding photos that look alike: what counts as the same, what does not, and how fast."""

from __future__ import annotations

import io
from itertools import combinations

import numpy as np
import PIL.Image
import pytest
from pictures import photo
from tpgbench.datasets_builders.packaging.near_duplicates import (
    MAX_BITS,
    MAX_COLOUR_DIFFERENCE,
    Appearance,
    describe_appearance,
    find_near_duplicates,
)

SIZE = (96, 128)


def jpeg(image, quality):
    buffer = io.BytesIO()
    PIL.Image.fromarray(image).save(buffer, "JPEG", quality=quality)
    return np.asarray(PIL.Image.open(buffer).convert("RGB"))


def resized(image, size):
    return np.asarray(PIL.Image.fromarray(image).resize(size, PIL.Image.Resampling.LANCZOS))


def pairs(*images):
    looks = [describe_appearance(image) for image in images]
    return {(one, other) for one, other, _ in find_near_duplicates(looks)}


@pytest.mark.parametrize(
    "change",
    [
        lambda image: image.copy(),
        lambda image: jpeg(image, 40),
        lambda image: resized(image, (48, 64)),
        lambda image: resized(image, (301, 402)),
        lambda image: np.clip(image.astype(int) + 5, 0, 255).astype(np.uint8),
        lambda image: jpeg(resized(image[1:-1, 1:-1], (192, 256)), 70),
    ],
    ids=["copy", "jpeg", "smaller", "larger", "brighter", "cropped, larger and jpeg"],
)
@pytest.mark.parametrize("seed", range(5))
def test_the_same_photo_stored_otherwise_looks_alike(change, seed):
    assert pairs(photo(seed, SIZE), change(photo(seed, SIZE))) == {(0, 1)}


def test_other_photos_do_not():
    assert pairs(*(photo(seed, SIZE) for seed in range(120))) == set()


def test_the_same_cut_in_another_colour_does_not():
    shirt = np.full((128, 96, 3), 255, dtype=np.uint8)
    red, blue = shirt.copy(), shirt.copy()
    red[30:100, 20:76] = (150, 60, 60)
    blue[30:100, 20:76] = (60, 80, 190)
    assert describe_appearance(red).phash == describe_appearance(blue).phash
    assert pairs(red, blue) == set()


@pytest.mark.parametrize("colour", [0, 128, 255])
def test_a_plain_colour_has_no_look(colour):
    assert describe_appearance(np.full((40, 40, 3), colour, dtype=np.uint8)) is None


def test_a_description_is_of_fixed_size():
    look = describe_appearance(photo(1, SIZE))
    assert (len(look.phash), len(look.colours)) == (8, 192)
    assert look == describe_appearance(photo(1, SIZE))


def test_all_pairs_within_the_bounds_are_found_across_blocks():
    """Against brute force, with more looks than a block holds and families of close ones."""
    rng = np.random.default_rng(3)
    looks = []
    for _ in range(300):
        bits = rng.integers(0, 2, 64, dtype=np.uint8)
        colours = rng.integers(0, 230, 192, dtype=np.uint8)
        for flips in (0, 2, 6, 7):
            other = bits.copy()
            other[rng.permutation(64)[:flips]] ^= 1
            shift = rng.integers(0, 12, dtype=np.uint8)
            looks.append(Appearance(np.packbits(other).tobytes(), (colours + shift).tobytes()))
    order = rng.permutation(len(looks))
    looks = [looks[index] for index in order]

    def alike(one, other):
        bits = (int.from_bytes(one.phash) ^ int.from_bytes(other.phash)).bit_count()
        colours = [np.frombuffer(look.colours, np.uint8).astype(int) for look in (one, other)]
        return bits <= MAX_BITS and np.abs(colours[0] - colours[1]).mean() <= MAX_COLOUR_DIFFERENCE

    bits = np.array([np.frombuffer(look.phash, np.uint64)[0] for look in looks])
    expected = set()
    for one, other in combinations(range(len(looks)), 2):
        if int(bits[one] ^ bits[other]).bit_count() <= MAX_BITS and alike(looks[one], looks[other]):
            expected.add((one, other))
    assert len(expected) > 300
    found = list(find_near_duplicates(looks))
    assert {pair[:2] for pair in found} == expected
    assert len(found) == len(expected)


def test_nothing_is_like_nothing():
    assert list(find_near_duplicates([])) == []
