"""Reading metadata: what a line says, what is wrong with it, and that nothing else comes out."""

from __future__ import annotations

import csv
import io
import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tpgbench.core.errors import TpgbenchError
from tpgbench.datasets_builders.reading.lists import read_lines, read_pairs
from tpgbench.datasets_builders.reading.metadata import Entry, read_metadata


def read(text, name="metadata.jsonl"):
    return list(read_metadata(text if isinstance(text, bytes) else text.encode(), name))


def one(record, name="metadata.jsonl"):
    [(number, entry)] = read(json.dumps(record), name)
    assert number == 1
    return entry


def test_a_line_says_what_a_photo_shows():
    entry = one(
        {"file_name": "a.jpg", "caption": "ein rotes Kleid 红色连衣裙", "garment_id": "g",
         "condition": "c.png", "mask": "m.png", "split": "test", "source": "me", "year": 2024}
    )  # fmt: skip
    assert entry == Entry(
        "a.jpg", "ein rotes Kleid 红色连衣裙", "g", "c.png", "m.png", "test",
        {"source": "me", "year": 2024},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("garment", "expected"),
    [(7, "7"), (7.0, "7"), ("7", "7"), ("", None), (None, None), (float("nan"), None)],
)
def test_a_number_is_its_text_and_nothing_is_none(garment, expected):
    record = {"file_name": "a.jpg", "caption": "x", "garment_id": garment}
    assert one(record).garment_id == expected


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('{"file_name": "a.jpg", "caption": NaN}', "has no caption; write one"),
        ('{"file_name": "a.jpg", "caption": "nan"}', "has no caption; write one"),
        ('{"file_name": "a.jpg", "caption": "  "}', "has no caption; write one"),
        ('{"file_name": "a.jpg"}', "has no caption; write one"),
        ('{"caption": "a"}', "has no file_name; write one"),
        ('{"file_name": "a.jpg", "caption": ["a"]}', "its caption is no text"),
        ('{"file_name": true, "caption": "a"}', "its file_name is no text"),
        ('{"file_name": "a.jpg", "caption": "a"', "is not JSON; write one object per line"),
        ("[" * 100_000, "is not JSON; write one object per line"),
        ('["a.jpg", "a"]', "is not a JSON object"),
        ("1" * 5000, "is not JSON; write one object per line"),
        ('{"file_name": "a.jpg", "caption": "\\ud83d"}', "holds half of a surrogate pair; write"),
    ],
)
def test_a_wrong_line_is_named_and_the_others_are_read(line, problem):
    good = '{"file_name": "b.jpg", "caption": "b"}'
    found = read(f"{good}\r\n{line}\r\n\r\n{good}")
    assert [number for number, _ in found] == [1, 2, 4]
    assert found[1][1].startswith(problem)
    assert found[0][1] == found[2][1] == Entry("b.jpg", "b")


def test_csv_is_read_with_its_quotes_line_breaks_and_byte_order_mark():
    text = (
        b"\xef\xbb\xbffile_name,caption,garment_id\r\n"
        b'a.jpg,"red, ""new""\nand long",3\r\nb.jpg,blue\r\n'
    )
    assert read(text, "metadata.csv") == [
        (3, Entry("a.jpg", 'red, "new"\nand long', "3")),
        (4, Entry("b.jpg", "blue")),
    ]


def test_a_csv_line_with_an_open_comma_is_named():
    found = read("file_name,caption\na.jpg,red, blue\nb.jpg,ok\n,x\n", "metadata.csv")
    assert found[0] == (2, "has more values than there are columns; quote its commas")
    assert found[1] == (3, Entry("b.jpg", "ok"))
    assert found[2] == (4, "has no file_name; write one")


@pytest.mark.parametrize(
    ("data", "name", "message"),
    [
        (b"file_name;caption\na;b\n", "metadata.csv", "has no column file_name and no column capt"),
        (b"file_name,text\na,b\n", "metadata.csv", r"no column caption \(it has file_name, text\)"),
        (b"", "metadata.csv", r"\(it has none\)"),
        (b'file_name,caption\na,"b\n', "metadata.csv", r"metadata\.csv:2: is not CSV"),
        (b"file_name,caption\na," + b"b" * 200_000, "metadata.csv", "is not CSV .field larger"),
        (b"caf\xe9", "metadata.csv", r"metadata\.csv: is not UTF-8 \(byte 3\)"),
        (b"caf\xe9", "metadata.jsonl", r"metadata\.jsonl: is not UTF-8"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused(data, name, message):
    with pytest.raises(TpgbenchError, match=message):
        read(data, name)


def usable(entry):
    """What the build relies on."""
    assert isinstance(entry, str | Entry)
    if isinstance(entry, Entry):
        assert entry.file_name.strip()
        assert entry.caption.strip()
        texts = [entry.file_name, entry.caption, entry.garment_id, entry.condition, entry.split]
        assert all(text is None or isinstance(text, str) for text in texts)
        json.dumps([*texts, dict(entry.rest)], allow_nan=False, ensure_ascii=False).encode()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)
COLUMN = st.sampled_from(["file_name", "caption", "garment_id", "mask", "split", "x", ""])


@settings(max_examples=300, deadline=None)
@given(records=st.lists(st.dictionaries(COLUMN, JSON, max_size=5) | JSON, max_size=5))
def test_any_json_is_an_entry_or_a_problem(records):
    lines = [json.dumps(record) for record in records]
    found = read("\n".join(lines))
    assert len(found) == len(lines)
    for _, entry in found:
        usable(entry)


@settings(max_examples=400, deadline=None)
@given(data=st.binary(max_size=200), head=st.booleans(), kind=st.sampled_from(["jsonl", "csv"]))
@example(data=b'{"file_name": "a", "caption": 1e999, "x": [-1e999]}', head=False, kind="jsonl")
def test_any_bytes_are_entries_problems_or_one_clear_error(data, head, kind):
    if head:
        data = (b"file_name,caption,x\n" if kind == "csv" else b'{"file_name": "') + data
    try:
        found = read(data, f"metadata.{kind}")
    except TpgbenchError as error:
        assert str(error).startswith("metadata.")  # noqa: PT017
    else:
        for _, entry in found:
            usable(entry)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(*[st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1)] * 2),
        max_size=6,
    )
)
def test_what_csv_writes_is_read_back(rows):
    rows = [(name.strip(), text.strip()) for name, text in rows]
    rows = [row for row in rows if all(cell not in ("", "nan", "NaN") for cell in row)]
    buffer = io.StringIO()
    csv.writer(buffer).writerows([("file_name", "caption"), *rows])
    found = read(buffer.getvalue(), "metadata.csv")
    assert [(entry.file_name, entry.caption) for _, entry in found] == rows


@settings(max_examples=300, deadline=None)
@given(data=st.binary(max_size=200))
def test_any_bytes_are_lines_or_one_clear_error(data):
    try:
        lines = list(read_lines(data, "list.txt"))
        pairs = list(read_pairs(data, "list.txt"))
    except TpgbenchError as error:
        assert str(error).startswith("list.txt: is not UTF-8")  # noqa: PT017
    else:
        assert [number for number, _ in lines] == [number for number, _ in pairs]
        assert all(line.strip(" \t\r") == line != "" for _, line in lines)
        assert all(pair is None or all(pair) for _, pair in pairs)
