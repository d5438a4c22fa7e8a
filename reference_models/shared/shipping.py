"""Checkpoints that are shipped: checksums beside the weights, and no local paths."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from ...core.errors import TpgbenchError
from ...core.files import explain_os_errors, known_sha256, write_atomic
from ...core.folders import recover, replaced_folder

CHECKSUMS = "checksums.json"
_WEIGHTS = (".safetensors", ".bin")


def weight_files(folder: Path, part: str) -> dict[str, Path]:
    """Return every weight file of a part, by its name within the folder."""
    files = sorted((folder / part).glob("*"))
    return {f"{part}/{one.name}": one for one in files if one.suffix in _WEIGHTS}


def config_files(folder: Path, part: str) -> dict[str, Path]:
    """Return every configuration of a part, by its name within the folder.

    Equal weights with another configuration make other images. ``"."`` is the folder itself.
    """
    files = sorted((folder / part).glob("*.json"))
    return {(Path(part) / one.name).as_posix(): one for one in files if one.name != CHECKSUMS}


def weight_sums(folder: Path, part: str) -> dict[str, str]:
    """Return the SHA-256 of every weight file of a part, by its name within the folder."""
    return {name: known_sha256(file) for name, file in weight_files(folder, part).items()}


def write_checksums(folder: Path, sums: Mapping[str, str]) -> None:
    """Write ``checksums.json``."""
    write_atomic(folder / CHECKSUMS, (json.dumps(sums, indent=2) + "\n").encode())


def read_checksums(folder: Path) -> Mapping[str, str]:
    """Return the content of ``checksums.json``; empty if there is none.

    Raises:
        TpgbenchError: It cannot be read, or holds something else.
    """
    path = folder / CHECKSUMS
    if not path.is_file():
        return {}
    with explain_os_errors(path):
        try:
            listed = json.loads(path.read_text())
        except ValueError as error:
            raise TpgbenchError(
                f"{path}: is not JSON ({error}); download the folder again"
            ) from error
    if not isinstance(listed, dict) or not all(isinstance(one, str) for one in listed.values()):
        raise TpgbenchError(
            f"{path}: does not list a checksum for each file: it is damaged; download the folder "
            "again"
        )
    return listed


def checked_files(folder: Path, part: str) -> dict[str, Path]:
    """Return every weight file of a part, by its name within the folder.

    Raises:
        TpgbenchError: The SHA-256 of one differs from ``checksums.json``.

    Warns:
        UserWarning: There is no ``checksums.json``.
    """
    listed = read_checksums(folder)
    if not listed:
        warnings.warn(
            f"{folder}: has no {CHECKSUMS}, so its files are not checked for damage", stacklevel=2
        )
    _compare(folder, weight_sums(folder, part), listed)
    return weight_files(folder, part)


@contextmanager
def new_checkpoint(folder: Path) -> Iterator[Path]:
    """Make a checkpoint whole or not at all; it replaces an older one.

    Args:
        folder: Where it will be; empty, absent, or a checkpoint.

    Yields:
        An empty folder to write into.

    Raises:
        TpgbenchError: Something else is there, or it cannot be written.
    """
    recover(folder)
    with explain_os_errors(folder):
        if folder.exists() and not (folder / CHECKSUMS).is_file() and any(folder.iterdir()):
            raise TpgbenchError(
                f"{folder}: holds something other than a checkpoint; give another --out"
            )
    with replaced_folder(folder) as staging:
        yield staging


def check_folder(folder: Path) -> None:
    """Raise unless every file in ``checksums.json`` exists and has its checksum.

    Raises:
        TpgbenchError: One is missing or has changed.
    """
    listed = read_checksums(folder)
    missing = next((name for name in listed if not (folder / name).is_file()), None)
    if missing is not None:
        raise TpgbenchError(f"{folder}: has no '{missing}': it is not complete; download it again")
    _compare(folder, {name: known_sha256(folder / name) for name in listed}, listed)


def _compare(folder: Path, found: Mapping[str, str], listed: Mapping[str, str]) -> None:
    for name, value in found.items():
        if name in listed and listed[name] != value:
            raise TpgbenchError(
                f"{folder / name}: its sha256 begins {value[:12]}, not {listed[name][:12]} as "
                f"{CHECKSUMS} says: the file is damaged or was changed; download it again"
            )


def forget_places(folder: Path) -> None:
    """Remove from the configurations the local path that each part was loaded from."""
    for path in folder.rglob("*.json"):
        config = json.loads(path.read_text())
        if config.pop("_name_or_path", None) is not None:
            path.write_text(json.dumps(config, indent=2) + "\n")
