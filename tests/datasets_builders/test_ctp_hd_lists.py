"""Reading the owner's lists: whatever editor saved them, the names come out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tpgbench.core.errors import TpgbenchError
from tpgbench.core.files import leads_outside
from tpgbench.core.picture_files import split_suffix
from tpgbench.datasets_builders.reading.lists import read_lines

# Anything that UTF-8 can hold on one line, without the blanks at its ends.
names = (
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n\r"), min_size=1)
    .map(lambda text: text.strip(" \t\ufeff"))
    .filter(bool)
)


@given(
    listed=st.lists(names),
    mark=st.sampled_from(["", "\ufeff"]),
    end=st.sampled_from(["\n", "\r\n", "\n\n", " \t\r\n"]),
    closed=st.booleans(),
)
def test_names_survive_any_line_ends(listed, mark, end, closed):
    text = mark + end.join(listed) + end * closed
    lines = list(read_lines(text.encode(), "train.txt"))
    assert [name for _, name in lines] == listed
    step = end.count("\n")
    assert [number for number, _ in lines] == [1 + step * i for i in range(len(listed))]


@pytest.mark.parametrize(
    "data", ["é.jpg".encode("latin-1"), "\ufeffa.jpg\n".encode("utf-16-le"), b"a\nb\xff"]
)
def test_another_encoding_is_refused(data):
    with pytest.raises(TpgbenchError, match=r"train\.txt: is not UTF-8 \(byte \d+\); save it as"):
        read_lines(data, "train.txt")


@pytest.mark.parametrize("name", ["../a", "a/../../b", "/a", "..", r"..\a", r"C:\a", r"\\host\a"])
def test_names_that_lead_outside(name):
    assert leads_outside(name)


@pytest.mark.parametrize("name", ["a", "...", "..a", "a..", "a/b", "a:b", "...jpg", ".../b"])
def test_names_that_stay_inside(name):
    assert not leads_outside(name)


@pytest.mark.parametrize(
    ("name", "stem", "suffix"),
    [
        ("a.jpg", "a", ".jpg"),
        ("a.b.JPeG", "a.b", ".JPeG"),
        ("a.0001", "a.0001", ""),
        ("a", "a", ""),
        ("....png", "...", ".png"),
        (".png", ".png", ""),
        ("x/.png", "x/.png", ""),
        ("x.png/y", "x.png/y", ""),
    ],
)
def test_only_a_picture_s_suffix_is_split_off(name, stem, suffix):
    assert split_suffix(name) == (stem, suffix)
