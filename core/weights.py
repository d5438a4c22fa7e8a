"""Weight files: found locally or downloaded once, and checked by SHA-256.

A download is always checked; a local file is checked unless the user accepts unverified files.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import IO

from pydantic import BaseModel, ConfigDict

from .errors import TpgbenchError
from .files import explain_os_errors, known_sha256, open_atomic, user_cache
from .progress import progress

_TIMEOUT_SECONDS = 30
_SECONDS_BETWEEN_TRIES = (1.0, 3.0)
_PASSING_STATUSES = (408, 429, 500, 502, 503, 504)  # which the next try may not meet
_CHUNK = 1 << 20

_downloads_forbidden = ContextVar("downloads_forbidden", default=False)


class WeightFile(BaseModel):
    """One file of weights that a model or a metric needs.

    Attributes:
        name: The file's name.
        url: The owner's download address.
        sha256: Hex SHA-256 of its bytes.
        licence: SPDX identifier, or a short description of the terms.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    url: str
    sha256: str
    licence: str


def weights_folder() -> Path:
    """Return the folder of weights: ``$TPGBENCH_WEIGHTS``, or the user's cache."""
    given = os.environ.get("TPGBENCH_WEIGHTS")
    return Path(given).expanduser() if given else user_cache("weights")


def is_offline() -> bool:
    """Return whether ``TPGBENCH_OFFLINE`` or `without_downloads` forbids downloads."""
    return _downloads_forbidden.get() or _is_set("TPGBENCH_OFFLINE")


@contextmanager
def without_downloads() -> Iterator[None]:
    """Forbid downloads in the block: nothing large is downloaded unless asked for by name."""
    token = _downloads_forbidden.set(True)
    try:
        yield
    finally:
        _downloads_forbidden.reset(token)


def accepts_unverified() -> bool:
    """Return whether ``TPGBENCH_UNVERIFIED_WEIGHTS`` accepts local files with another SHA-256."""
    return _is_set("TPGBENCH_UNVERIFIED_WEIGHTS")


def find_weights(weights: WeightFile, folder: Path | None = None) -> Path | None:
    """Return the file's path if it is available locally, unchecked; None otherwise.

    Args:
        weights: The file.
        folder: A folder to search before `weights_folder`.
    """
    places = [weights_folder()] if folder is None else [folder, weights_folder()]
    paths = [place / weights.name for place in places]
    return next((path for path in paths if path.is_file()), None)


def get_weights(weights: WeightFile, folder: Path | None = None) -> Path:
    """Return the file's path, downloading it if necessary; its SHA-256 is checked.

    A local file is only read, so many processes can share a folder. With
    ``TPGBENCH_UNVERIFIED_WEIGHTS`` a local file may differ from the owner's; recipes then show
    its own hash, from `weights_hash`. A download is checked in any case, shows its progress on
    stderr, and is tried three times if the network fails.

    Raises:
        TpgbenchError: It cannot be downloaded, or its SHA-256 is wrong.
    """
    path = find_weights(weights, folder)
    if path is not None:
        if not accepts_unverified() and (found := known_sha256(path)) != weights.sha256:
            raise TpgbenchError(
                f"{path}: its sha256 begins {found[:12]}, not {weights.sha256[:12]}: the file is "
                f"damaged or another one; remove it and download {weights.url}, or accept it with "
                "--unverified-weights (TPGBENCH_UNVERIFIED_WEIGHTS=1)"
            )
        return path
    if is_offline():
        cause = " and TPGBENCH_OFFLINE is set" if _is_set("TPGBENCH_OFFLINE") else ""
        raise TpgbenchError(f"{weights.name} is not here{cause}: {how_to_get(weights)}")
    return _download(weights, weights_folder() / weights.name)


def weights_hash(weights: WeightFile, folder: Path | None = None) -> str:
    """Return the first eight hex digits of the SHA-256 of the file from `get_weights`."""
    path = find_weights(weights, folder) if accepts_unverified() else None
    return (weights.sha256 if path is None else known_sha256(path))[:8]


def how_to_get(weights: WeightFile) -> str:
    """Return one line that tells a user how to get the file."""
    return (
        f"run 'tpgbench weights fetch {weights.name}' where there is a network, or download "
        f"{weights.url} and put it into the folder that 'tpgbench weights path' prints"
    )


def _is_set(variable: str) -> bool:
    return os.environ.get(variable, "").lower() not in ("", "0", "false", "no")


class _NetworkError(Exception):
    """A download that was cut off or refused; a disk that refuses is an ``OSError``.

    Args:
        reason: What happened.
        lasting: Whether another try would meet the same.
    """

    def __init__(self, reason: Exception | str, *, lasting: bool = False) -> None:
        super().__init__(str(reason))
        self.lasting = lasting


def _download(weights: WeightFile, path: Path) -> Path:
    waits = list(_SECONDS_BETWEEN_TRIES)
    while True:
        try:
            return _try_download(weights, path)
        except _NetworkError as error:
            if error.lasting or not waits:
                raise TpgbenchError(
                    f"{weights.url}: download failed ({error}); {how_to_get(weights)}"
                ) from error
            time.sleep(waits.pop(0))


def _try_download(weights: WeightFile, path: Path) -> Path:
    digest = hashlib.sha256()
    with (
        explain_os_errors(path),
        open_atomic(path) as target,
        _opened(weights) as (source, size),
        progress(f"download {weights.name}", size, unit="MB", scale=1_000_000) as advance,
    ):
        for chunk in _chunks(source, size):
            digest.update(chunk)
            target.write(chunk)
            advance(len(chunk))
        found = digest.hexdigest()
        if found != weights.sha256:
            raise TpgbenchError(
                f"{weights.url}: the sha256 of what was downloaded begins {found[:12]}, not "
                f"{weights.sha256[:12]}; it was deleted: try again, or {how_to_get(weights)}"
            )
    return path


@contextmanager
def _opened(weights: WeightFile) -> Iterator[tuple[IO[bytes], int | None]]:
    """Open a file at its owner's; the size is None where the owner does not tell it."""
    try:
        source = urllib.request.urlopen(weights.url, timeout=_TIMEOUT_SECONDS)  # noqa: S310
    except urllib.error.HTTPError as error:
        error.close()
        raise _NetworkError(error, lasting=error.code not in _PASSING_STATUSES) from error
    except (OSError, http.client.HTTPException) as error:
        # No such file (of a file:// URL), or no such host: without a network none is found.
        lasting = isinstance(getattr(error, "reason", None), FileNotFoundError | socket.gaierror)
        raise _NetworkError(error, lasting=lasting) from error
    with source:
        length = source.headers.get("Content-Length")
        yield source, int(length) if length and length.isdecimal() else None


def _chunks(source: IO[bytes], size: int | None) -> Iterator[bytes]:
    """Yield the bytes of an opened file, ``size`` in all."""
    received = 0
    while True:
        try:
            chunk = source.read(_CHUNK)
        except (OSError, http.client.HTTPException) as error:
            raise _NetworkError(error) from error
        if not chunk:
            break
        received += len(chunk)
        yield chunk
    # Python reports no error where a server closes the connection early.
    if size is not None and received < size:
        raise _NetworkError(f"the connection was closed after {received:,} of {size:,} bytes")
