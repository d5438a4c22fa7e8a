"""Reading the owners' text lists."""

from __future__ import annotations

import codecs
import io
import unicodedata
from collections.abc import Iterator

from ...core.errors import TpgbenchError

MAX_BYTES = 256 << 20  # of a list; one of a million names takes about 30 MB
MAX_LINES = 1_000_000
MAX_LINE_BYTES = 1 << 20  # a line of metadata may hold much; see `read_lines`


def decode(data: bytes, name: str) -> str:
    """Decode UTF-8, with or without a byte-order mark.

    Raises:
        TpgbenchError: It is not UTF-8, or it has over 256 MiB.
    """
    check_bytes(len(data), name)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _not_utf8(name, error.start) from error


def read_lines(data: bytes, name: str) -> Iterator[tuple[int, str]]:
    """Yield a list's lines with their numbers, from 1; blank lines are passed over.

    A byte-order mark, Windows line ends, and blanks around a line are taken off. Lines are NFC, as
    the names of files are. Only one line is decoded at a time.

    Args:
        data: The file's bytes.
        name: What to call it in an error.

    Raises:
        TpgbenchError: It is not UTF-8, or it has over 256 MiB, a million lines, or 1 MiB in one of
            them.
    """
    check_bytes(len(data), name)
    # By bytes, not splitlines(), which also splits at characters that a file's name may hold.
    stream, number, start = io.BytesIO(data.removeprefix(codecs.BOM_UTF8)), 0, 0
    while raw := stream.readline(MAX_LINE_BYTES + 1):
        number += 1
        if len(raw) > MAX_LINE_BYTES:
            raise TpgbenchError(f"{name}:{number}: is longer than 1 MiB; a line is one name or row")
        check_lines(number, name)
        try:
            text = raw.decode()
        except UnicodeDecodeError as error:
            raise _not_utf8(name, start + error.start) from error
        start += len(raw)
        if line := unicodedata.normalize("NFC", text).strip(" \t\r\n"):
            yield number, line


def check_bytes(size: int, name: str) -> None:
    """Refuse a list of over 256 MiB.

    Raises:
        TpgbenchError: It is so large.
    """
    if size > MAX_BYTES:
        raise TpgbenchError(
            f"{name}: is larger than 256 MiB, so it is no list of a dataset; replace or remove it"
        )


def check_lines(number: int, name: str) -> None:
    """Refuse a list of over a million lines.

    Raises:
        TpgbenchError: This line is beyond them.
    """
    if number > MAX_LINES:
        raise TpgbenchError(
            f"{name}: has more than {MAX_LINES:,} lines; split the dataset, or replace the list"
        )


def _not_utf8(name: str, byte: int) -> TpgbenchError:
    return TpgbenchError(f"{name}: is not UTF-8 (byte {byte}); save it as UTF-8")


def read_pairs(data: bytes, name: str) -> Iterator[tuple[int, tuple[str, str] | None]]:
    """Yield a list's lines of two names with their numbers; None for a line of one or three.

    Args:
        data: The file's bytes.
        name: What to call it in an error.

    Raises:
        TpgbenchError: As `read_lines`.
    """
    for number, line in read_lines(data, name):
        words = line.split()
        yield number, (words[0], words[1]) if len(words) == 2 else None
