"""Documents: a newer schema is refused, an older one migrated, damage is one line."""

from __future__ import annotations

import json
from typing import Any, ClassVar

import pytest
from pydantic import BaseModel, ValidationError, field_validator
from tpgbench.core.documents import Document, first_problem
from tpgbench.core.errors import TpgbenchError


class Notes(Document):
    way_out: ClassVar[str] = "take notes again"

    schema_version: int = 3

    lines: tuple[str, ...]
    author: str

    @classmethod
    def migrate(cls, content: dict[str, Any], version: int) -> dict[str, Any]:
        if version < 2:  # version 1 had one line
            content = {name: one for name, one in content.items() if name != "line"} | {
                "lines": [content["line"]]
            }
        return {"author": "unknown"} | content  # version 3 requires it


def test_what_is_written_comes_back(tmp_path):
    notes = Notes(lines=("a", "b"), author="é")
    notes.write(tmp_path / "notes.json")
    assert json.loads((tmp_path / "notes.json").read_text())["schema_version"] == 3
    assert Notes.read(tmp_path / "notes.json") == notes


@pytest.mark.parametrize(
    "content",
    [
        {"schema_version": 1, "line": "a"},
        {"schema_version": 2, "lines": ["a"]},
        {"schema_version": 3, "lines": ["a"], "author": "unknown"},
    ],
)
def test_each_older_version_is_migrated(tmp_path, content):
    (tmp_path / "notes.json").write_text(json.dumps(content))
    assert Notes.read(tmp_path / "notes.json") == Notes(lines=("a",), author="unknown")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"schema_version": 4, "more": 1}', "has schema version 4, .* up to 3; upgrade tpgbench"),
        (
            '{"schema_version": 3, "lines": []}',
            r"is damaged \(author: field required\); take",
        ),
        ('{"schema_version": 3, "lines": [1], "author": ""}', r"\(lines\.0: input should be a val"),
        ('{"lines": [], "author": ""}', "schema_version: it is not a number"),
        ("{", "invalid JSON"),
        ("[" * 100_000, "invalid JSON"),
        ("7", "it holds no fields by name"),
        ("\xff", "invalid JSON"),
    ],
)
def test_what_cannot_be_read_is_one_line(tmp_path, text, message):
    (tmp_path / "notes.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(TpgbenchError, match=message) as caught:
        Notes.read(tmp_path / "notes.json")
    assert str(tmp_path / "notes.json") in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_older_file_may_be_damaged_too(tmp_path):
    (tmp_path / "notes.json").write_text('{"schema_version": 2, "lines": 7}')
    with pytest.raises(TpgbenchError, match=r"is damaged \(lines: input should be"):
        Notes.read(tmp_path / "notes.json")
    (tmp_path / "notes.json").write_text('{"schema_version": 1}')
    with pytest.raises(TpgbenchError, match=r"is damaged \(not of schema version 1: KeyError"):
        Notes.read(tmp_path / "notes.json")


def test_an_absent_file_is_for_the_caller_to_explain(tmp_path):
    with pytest.raises(FileNotFoundError):
        Notes.read(tmp_path / "notes.json")


class Even(BaseModel):
    number: int

    @field_validator("number")
    @classmethod
    def _is_even(cls, number: int) -> int:
        if number % 2:
            raise ValueError("It is odd")
        return number


@pytest.mark.parametrize(
    ("content", "in_file", "in_options"),
    [
        ({"number": 1}, "number: it is odd", "number=1: it is odd"),
        ([], "the file: input should be", "options=[]: input should be"),
    ],
)
def test_a_problem_is_named_as_it_is_met(content, in_file, in_options):
    with pytest.raises(ValidationError) as caught:
        Even.model_validate(content)
    problem = first_problem(caught.value)
    assert problem.in_file.startswith(in_file)
    assert problem.in_options.startswith(in_options)
