"""The fingerprint of a packaged dataset: a digest of what determines its rows."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import JsonValue


class Fingerprint:
    """Takes rows one by one; those of one split in their order, the splits in any.

    The source's bytes stand for the images made from them: their digests and the builder's
    version and options determine the pixels, however they are encoded.

    Args:
        name: The dataset's name.
        builder_version: As in `build_info.BuildInfo`.
        options: As there.
    """

    def __init__(self, name: str, builder_version: int, options: Mapping[str, JsonValue]) -> None:
        self._head = (name, builder_version, dict(options))
        self._splits: dict[tuple[str, str], Any] = {}

    def add(
        self,
        config: str,
        split: str,
        record: Mapping[str, Any],
        sources: Iterable[tuple[str | None, str]],
    ) -> None:
        """Take a row.

        Args:
            config: Its configuration.
            split: Its split.
            record: Its columns; images are passed over.
            sources: Column and SHA-256 of each file that it was made from.
        """
        texts = {name: value for name, value in record.items() if not isinstance(value, dict)}
        digest = self._splits.setdefault((config, split), hashlib.sha256())
        digest.update(_canonical((texts, list(sources))))

    def hexdigest(self) -> str:
        """Return the digest of all that was taken, 64 hex digits."""
        splits = sorted((*key, digest.hexdigest()) for key, digest in self._splits.items())
        return hashlib.sha256(_canonical((self._head, splits))).hexdigest()


def _canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True).encode() + b"\n"
