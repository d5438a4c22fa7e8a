"""Splitting rows without tearing apart those that show one garment."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from .near_duplicates import Appearance, find_near_duplicates

HELD_OUT = ("test", "validation")
HELD_OUT_SHARE = 0.1  # of the rows, for each of them
_SEED = "tpgbench split 1:"


def group_rows(
    garment_ids: Sequence[str | None], appearances: Sequence[Appearance | None]
) -> list[int]:
    """Return the number of the group that each row belongs to.

    Rows of one garment id are one group. A row without an id joins those that look alike.

    Args:
        garment_ids: One per row, or None.
        appearances: One per row, or None where it is not known or needed.
    """
    known = [row for row, look in enumerate(appearances) if look is not None]
    looks = [look for look in appearances if look is not None]
    links = [
        (known[earlier], known[later])
        for earlier, later, _ in find_near_duplicates(looks)
        if garment_ids[known[earlier]] is None or garment_ids[known[later]] is None
    ]
    first_of: dict[str, int] = {}
    for row, garment in enumerate(garment_ids):
        if garment is not None:
            links.append((first_of.setdefault(garment, row), row))
    count = len(garment_ids)
    heads, tails = np.array(links, dtype=np.intp).reshape(-1, 2).T
    graph = coo_array((np.ones(len(links), dtype=np.int8), (heads, tails)), shape=(count, count))
    labels = connected_components(graph, directed=False)[1]
    return [int(label) for label in labels]


def split_groups(groups: Sequence[int], names: Sequence[str]) -> list[str]:
    """Return each row's split: about 10 % test, 10 % validation, the rest train.

    Whole groups are drawn, in an order that a hash of their first name decides; each goes to the
    first split that it brings nearer to its share. Where none does, the smallest group is held
    out, as long as one is left for training.

    Args:
        groups: The group of each row.
        names: The name of each row; no two are equal.
    """
    sizes = Counter(groups)
    first_name: dict[int, str] = {}
    for group, name in zip(groups, names, strict=True):
        first_name[group] = min(name, first_name.get(group, name))
    free = sorted(sizes, key=lambda group: _draw(first_name[group]))
    wanted = HELD_OUT_SHARE * len(groups)
    split_of: dict[int, str] = {}
    for split in HELD_OUT:
        held = 0
        for group in free:
            if held + sizes[group] / 2 <= wanted:
                split_of[group] = split
                held += sizes[group]
        if held == 0 and len(free) > 1:
            split_of[min(free, key=lambda group: sizes[group])] = split
        free = [group for group in free if group not in split_of]
    return [split_of.get(group, "train") for group in groups]


def _draw(name: str) -> bytes:
    return hashlib.sha256((_SEED + name).encode()).digest()
