"""Published test splits, whose number of images everyone shares."""

from __future__ import annotations

from collections.abc import Collection

from ...core.errors import UnknownNameError

# Test images of a split, for those that have fewer than the FID has dimensions.
PUBLISHED = {
    "viton-hd": 2_032,
    "viton-hd-clean": 1_990,  # without the repeats, and the garments that are in train too
}


def published_split(counts: Collection[int]) -> str | None:
    """Return the split that sets are by their numbers of images; None for other numbers.

    Args:
        counts: The number of each set.
    """
    found = [name for name, images in PUBLISHED.items() if set(counts) == {images}]
    return found[0] if found else None


def published_images(name: str) -> int:
    """Return how many images a complete published test split has.

    Raises:
        UnknownNameError: No such split.
    """
    if name not in PUBLISHED:
        raise UnknownNameError("published test split", name, PUBLISHED)
    return PUBLISHED[name]
