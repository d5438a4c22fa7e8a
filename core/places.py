"""Texts that people share: the folders of this machine are left out of them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath

STAND_IN = "path/to"  # for whatever lies above a file or folder

# What ends a path within a sentence: quotes, brackets, signs that separate.
_PART = r"[^\s/\\'\"<>|:;,()\[\]{}=]+"
# Two parts at least: "red /blue" is no path. Nor are the slashes of a relative path or of a URL.
_POSIX = rf"(?<![\w.~/\\%+-])(?:file://)?/(?:{_PART}/)+(?P<posix>{_PART})?"
_WINDOWS = rf"(?<!\w)(?:[A-Za-z]:[\\/]|\\\\)(?:{_PART}[\\/])*(?P<windows>{_PART})?"
_PATH = re.compile(f"{_POSIX}|{_WINDOWS}")


def without_places(text: str) -> str:
    """Return a text with ``path/to/NAME`` for each absolute path in it.

    A path ends at a space, a quote or a sign that separates, unless it lies in the user's home or
    in the working folder, whose names may hold such characters.
    """
    for root in _own_folders():
        text = re.sub(rf"{re.escape(root)}(?=[/\\])", "/own/folder", text)
    return _PATH.sub(lambda found: _named(found["posix"] or found["windows"] or ""), text)


def place_name(path: str) -> str:
    """Return an absolute path as ``path/to/NAME``, and any other text as it is."""
    for kind in (PurePosixPath(path), PureWindowsPath(path)):
        if kind.is_absolute():
            return _named(kind.name)
    return path


def command_without_places(words: Sequence[str]) -> str:
    """Return a command for a POSIX shell, without the folders of this machine.

    Args:
        words: The command; a path is a word, or what follows the ``=`` of one.
    """
    return shlex.join(_word(word) for word in words)


def _word(word: str) -> str:
    option, equals, value = word.partition("=")
    return place_name(f"{option}={place_name(value)}" if equals else word)


def _named(name: str) -> str:
    return f"{STAND_IN}/{name}" if name else STAND_IN


def _own_folders() -> list[str]:
    """Return the working folder and the user's home, as far as there are any."""
    folders = []
    for find in (Path.cwd, Path.home):
        try:
            folders.append(str(find()))
        except (OSError, RuntimeError):  # the folder was deleted; a user without a home
            continue
    return [folder for folder in folders if len(Path(folder).parts) > 1]
