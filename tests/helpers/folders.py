"""What lies in a folder, and files that tests edit."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any


def tree(folder: Path) -> dict[str, bytes]:
    """Return the bytes of every file under a folder, by its path in it, with slashes."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def edit_info(**changes: Any) -> Callable[[Path], None]:
    """Return a function that replaces some fields of the `build.json` in a built dataset."""

    def edit(folder: Path) -> None:
        path = folder / "build.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))

    return edit
