"""Sample ids as file names."""

from __future__ import annotations

import hashlib
import re

_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_UNSAFE_RUN = re.compile(r"[^A-Za-z0-9._-]+")


def safe_stem(sample_id: str) -> str:
    """Return a file name without extension for any id; different ids, different names.

    A plain id stays as it is. Any other (slashes, Unicode, only dots, too long) becomes what is
    readable of it, ``~`` and a hash; ``~`` never occurs in a plain id.
    """
    if _SAFE.fullmatch(sample_id):
        return sample_id
    readable = _UNSAFE_RUN.sub("_", sample_id).strip("._-")[:60]
    digest = hashlib.sha256(sample_id.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{readable}~{digest[:24]}"
