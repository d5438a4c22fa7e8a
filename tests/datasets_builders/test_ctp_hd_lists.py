"""Reading the owner's lists: whatever editor saved them, the names come out."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tpgbench.core.errors import TpgbenchError
from tpgbench.core.files import leads_outside
from tpgbench.core.picture_files import split_suffix
from tpgbench.datasets_builders.reading import lists
from tpgbench.datasets_builders.reading.lists import read_lines
from tpgbench.datasets_builders.reading.metadata import read_metadata
from tpgbench.datasets_builders.reading.sources import SourceFolder

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
    assert [name for _, name in lines] == [unicodedata.normalize("NFC", name) for name in listed]
    step = end.count("\n")
    assert [number for number, _ in lines] == [1 + step * i for i in range(len(listed))]


@pytest.mark.parametrize(
    "data", ["é.jpg".encode("latin-1"), "\ufeffa.jpg\n".encode("utf-16-le"), b"a\nb\xff"]
)
def test_another_encoding_is_refused(data):
    with pytest.raises(TpgbenchError, match=r"train\.txt: is not UTF-8 \(byte \d+\); save it as"):
        list(read_lines(data, "train.txt"))


def test_the_place_of_what_is_not_utf_8_counts_from_the_start():
    with pytest.raises(TpgbenchError, match=r"train\.txt: is not UTF-8 \(byte 7\)"):
        list(read_lines(b"a.jpg\nb\xff\n", "train.txt"))


def test_a_list_is_of_bounded_size(monkeypatch):
    monkeypatch.setattr(lists, "MAX_LINES", 1_000)
    assert len(list(read_lines(b"a.jpg\n" * 1_000, "train.txt"))) == 1_000
    with pytest.raises(TpgbenchError, match=r"^train\.txt: has more than 1,000 lines; split"):
        list(read_lines(b"a.jpg\n" * 1_001, "train.txt"))
    with pytest.raises(TpgbenchError, match=r"^m\.csv: has more than 1,000 lines"):
        list(read_metadata(b"file_name,caption\n" + b"a.jpg,b\n" * 1_000, "m.csv"))
    line = b"a" * lists.MAX_LINE_BYTES
    assert len(list(read_lines(line[1:] + b"\n" + line, "train.txt"))) == 2
    with pytest.raises(TpgbenchError, match=r"^train\.txt:2: is longer than 1 MiB"):
        list(read_lines(b"a\n" + line + b"a", "train.txt"))
    monkeypatch.setattr(lists, "MAX_BYTES", 100)
    for read, name in ((read_lines, "train.txt"), (read_metadata, "m.csv")):
        with pytest.raises(TpgbenchError, match=f"^{name}: is larger than 256 MiB, so it is no"):
            list(read(b"file_name,caption\n" * 10, name))


def test_a_list_that_is_too_large_is_not_read(tmp_path, monkeypatch):
    with (tmp_path / "train.txt").open("wb") as stream:
        stream.truncate(lists.MAX_BYTES + 1)
    monkeypatch.setattr(type(tmp_path), "read_bytes", pytest.fail)
    with pytest.raises(TpgbenchError, match=r"^train\.txt: is larger than 256 MiB"):
        SourceFolder(tmp_path).read_list("train.txt")


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
