"""Reading ``metadata.jsonl`` and ``metadata.csv``: one photo and its facts per line."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ...core.errors import TpgbenchError
from .lists import check_lines, decode, read_lines

_TEXTS = ("file_name", "caption", "garment_id", "condition", "mask", "split")
_REQUIRED = ("file_name", "caption")


@dataclass(frozen=True)
class Entry:
    """What a line says about one photo.

    Attributes:
        file_name: The photo, relative to the folder of the metadata.
        caption: What it shows.
        garment_id: Photos of one garment share it; None where it is not said.
        condition: A further picture that a model is given, relative as the photo is, or None.
        mask: The garment's mask, relative as the photo is, or None.
        split: ``"train"``, ... or None.
        rest: All other columns that have a value.
    """

    file_name: str
    caption: str
    garment_id: str | None = None
    condition: str | None = None
    mask: str | None = None
    split: str | None = None
    rest: Mapping[str, Any] = field(default_factory=dict)


def read_metadata(data: bytes, name: str) -> Iterator[tuple[int, Entry | str]]:
    """Yield each line's number and what it says, or what is wrong with it.

    Empty values, NaN and the text ``nan`` count as none. A number is taken as its text.

    Args:
        data: The file's bytes.
        name: What to call it in an error; its suffix says whether it is CSV or JSON Lines.

    Raises:
        TpgbenchError: It is not UTF-8, too large (see `read_lines`), or CSV that lacks columns or
            cannot be parsed.
    """
    records = _read_csv(data, name) if name.lower().endswith(".csv") else _read_jsonl(data, name)
    for number, record in records:
        yield number, record if isinstance(record, str) else make_entry(record)


def _read_jsonl(data: bytes, name: str) -> Iterator[tuple[int, dict[str, Any] | str]]:
    for number, line in read_lines(data, name):
        try:
            # NaN and Infinity are no JSON, but pandas writes them.
            record = json.loads(line, parse_constant=lambda _: None, parse_float=_finite)
            json.dumps(record, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            yield number, "holds half of a surrogate pair; write the whole character"
        except (ValueError, RecursionError):
            yield number, "is not JSON; write one object per line"
        else:
            yield number, record if isinstance(record, dict) else "is not a JSON object"


def _read_csv(data: bytes, name: str) -> Iterator[tuple[int, dict[str, Any] | str]]:
    reader = csv.reader(io.StringIO(decode(data, name), newline=""), strict=True)
    try:
        header = [column.strip() for column in next(reader, [])]
        missing = [column for column in _REQUIRED if column not in header]
        if missing:
            raise TpgbenchError(
                f"{name}: has no column {' and no column '.join(missing)} (it has "
                f"{', '.join(header) or 'none'}); separate them by commas"
            )
        for values in reader:
            check_lines(reader.line_num, name)
            if len(values) > len(header):
                yield reader.line_num, "has more values than there are columns; quote its commas"
            elif any(values):
                yield reader.line_num, dict(zip(header, values, strict=False))
    except csv.Error as error:
        raise TpgbenchError(f"{name}:{reader.line_num}: is not CSV ({error}); fix it") from error


def make_entry(record: Mapping[str, Any]) -> Entry | str:
    """Return what a record of column and value says, or what is wrong with it."""
    values = {column: _value(value) for column, value in record.items()}
    texts: dict[str, str] = {}
    for column in _TEXTS:
        value = values.pop(column, None)
        if isinstance(value, bool | list | dict):
            return f"its {column} is no text"
        if value is not None:
            texts[column] = str(value)
        elif column in _REQUIRED:
            return f"has no {column}; write one"
    rest = {column: value for column, value in values.items() if column and value is not None}
    return Entry(**texts, rest=rest)


def _value(value: Any) -> Any:
    """Return a value as it counts: None for what says nothing."""
    if isinstance(value, str):
        text = value.strip()
        return None if text in ("", "nan", "NaN") else text
    if isinstance(value, float) and value.is_integer():
        return int(value)  # 12.0 is how pandas writes the id 12 beside a missing one
    return value


def _finite(text: str) -> float | None:
    number = float(text)
    return number if math.isfinite(number) else None
