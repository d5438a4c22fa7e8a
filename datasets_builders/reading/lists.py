"""Reading the owners' text lists."""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Iterator

from ...core.errors import TpgbenchError


def decode(data: bytes, name: str) -> str:
    """Decode UTF-8, with or without a byte-order mark.

    Raises:
        TpgbenchError: It is not UTF-8.
    """
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise TpgbenchError(
            f"{name}: is not UTF-8 (byte {error.start}); save it as UTF-8"
        ) from error


def read_lines(data: bytes, name: str) -> Iterator[tuple[int, str]]:
    """Yield a list's lines with their numbers, from 1; blank lines are passed over.

    A byte-order mark, Windows line ends, and blanks around a line are taken off. Lines are NFC, as
    the names of files are.

    Args:
        data: The file's bytes.
        name: What to call it in an error.

    Raises:
        TpgbenchError: It is not UTF-8.
    """
    text = decode(data, name)
    # Not splitlines(), which also splits at characters that a file's name may hold.
    stream = io.StringIO(text, newline="\n")
    normal = (unicodedata.normalize("NFC", line) for line in stream)
    lines = ((number, line.strip(" \t\r\n")) for number, line in enumerate(normal, 1))
    return ((number, line) for number, line in lines if line)


def read_pairs(data: bytes, name: str) -> Iterator[tuple[int, tuple[str, str] | None]]:
    """Yield a list's lines of two names with their numbers; None for a line of one or three.

    Args:
        data: The file's bytes.
        name: What to call it in an error.

    Raises:
        TpgbenchError: It is not UTF-8.
    """
    for number, line in read_lines(data, name):
        words = line.split()
        yield number, (words[0], words[1]) if len(words) == 2 else None
