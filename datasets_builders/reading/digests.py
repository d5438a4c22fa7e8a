"""Whether a packaged dataset's Parquet files are those that its ``build.json`` tells of."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ...core.errors import TpgbenchError
from ...core.files import known_sha256
from .build_info import BUILD_INFO_NAME, BuildInfo


def check_digests(folder: Path, info: BuildInfo, paths: Iterable[Path]) -> None:
    """Refuse files that are not as they were built: the fingerprint would speak of other rows.

    A process reads each file once, at about 1 GB/s, and again only if it changes.

    Args:
        folder: The dataset's folder.
        info: Its ``build.json``.
        paths: Some of its files.

    Raises:
        TpgbenchError: A file has another size or SHA-256 than ``build.json`` says, or is none
            of its files.
    """
    for path in paths:
        told = info.files.get(path.relative_to(folder).as_posix())
        if told is None or path.stat().st_size != told.size or known_sha256(path) != told.sha256:
            raise TpgbenchError(
                f"{path}: changed since it was built: build it again, or remove "
                f"{BUILD_INFO_NAME} to read what is there as a dataset of your own"
            )
