"""Splitting by garment: no group is torn, the shares are kept, and only names decide."""

from __future__ import annotations

import random
from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from tpgbench.datasets_builders.packaging.grouped_split import group_rows, split_groups
from tpgbench.datasets_builders.packaging.near_duplicates import Appearance

NAMES = [f"{number:04d}.jpg" for number in range(1000)]


def look(seed):
    rng = np.random.default_rng(seed)
    return Appearance(rng.bytes(8), rng.bytes(192))


def test_equal_ids_and_equal_looks_are_groups():
    groups = group_rows(
        ["a", None, "b", None, "a", None], [None, look(1), None, look(2), None, look(1)]
    )
    assert groups[0] == groups[4]
    assert groups[1] == groups[5]
    assert len(set(groups)) == 4


def test_a_row_without_an_id_joins_the_garment_that_it_looks_like():
    groups = group_rows(["a", "b", None], [look(1), look(2), look(2)])
    assert groups[1] == groups[2] != groups[0]


def test_garments_with_ids_of_their_own_stay_apart_however_alike():
    assert len(set(group_rows(["a", "b"], [look(1), look(1)]))) == 2


def test_shares_are_near_to_what_was_asked():
    counts = Counter(split_groups(range(1000), NAMES))
    assert counts == {"train": 800, "validation": 100, "test": 100}


def test_the_order_of_the_rows_decides_nothing():
    groups = [number // 3 for number in range(1000)]
    expected = dict(zip(NAMES, split_groups(groups, NAMES), strict=True))
    order = list(range(1000))
    random.Random(1).shuffle(order)
    names, mixed = [NAMES[i] for i in order], [groups[i] + 7 for i in order]
    assert dict(zip(names, split_groups(mixed, names), strict=True)) == expected


@given(st.lists(st.integers(0, 40), min_size=1, max_size=200))
def test_no_group_is_torn_and_training_is_never_empty(groups):
    splits = split_groups(groups, NAMES[: len(groups)])
    pairs = set(zip(groups, splits, strict=True))
    assert len(pairs) == len(set(groups))
    assert "train" in splits
    if len(set(groups)) >= 3:
        assert set(splits) == {"train", "validation", "test"}


@given(st.integers(30, 300), st.integers(1, 3))
def test_held_out_shares_miss_by_less_than_a_group(rows, size):
    groups = [number // size for number in range(rows)]
    counts = Counter(split_groups(groups, NAMES[:rows]))
    for split in ("test", "validation"):
        assert abs(counts[split] - rows / 10) <= size
