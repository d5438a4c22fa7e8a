"""Models of the Hugging Face hub: from a local folder, the hub's cache, or a download."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from functools import lru_cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from .errors import TpgbenchError
from .files import known_sha256
from .folders import recover
from .weights import is_offline, weights_folder

WEIGHTS = "model.safetensors"  # the only format that is read: others can run code

_INDEX = "model_index.json"  # of a diffusers pipeline: its parts
_FILES = ("*.json", "*.safetensors", "*.txt")
_IGNORED = ("*.fp16.safetensors", "*.non_ema.safetensors", "safety_checker/*")


class HubModel(BaseModel):
    """One model that a metric needs.

    Attributes:
        name: Its name in ``tpgbench weights``: ``"clip"``.
        repository: Its id on the hub.
        revision: The full commit hash in that repository.
        variable: The environment variable that gives another id, or a folder.
        files: Patterns of its files, apart from the weights.
        licence: SPDX identifier, or a short description of the terms.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    repository: str
    revision: str
    variable: str
    files: tuple[str, ...]
    licence: str


def hub_location(model: HubModel) -> str:
    """Return the id or the folder from which a model is loaded.

    This is the value of the model's variable; without one, the folder in `weights_folder` with
    the repository's name (``clip-vit-large-patch14``) if it exists; else the repository's id.
    """
    copied = weights_folder() / model.repository.rpartition("/")[2]
    given = os.environ.get(model.variable)
    return given or (str(copied) if copied.is_dir() else model.repository)


def find_hub_model(model: HubModel) -> Path | None:
    """Return the folder with the model's files if they are available locally, else None."""
    try:
        return _open(model, download=False)
    except TpgbenchError:
        return None


def get_hub_model(model: HubModel) -> Path:
    """Return the folder with the model's files, downloading them if necessary.

    Raises:
        TpgbenchError: They cannot be downloaded, or there are no safetensors.
    """
    return _open(model, download=not is_offline())


def how_to_get_hub_model(model: HubModel) -> str:
    """Return one line that tells a user how to get the model."""
    return (
        f"run 'tpgbench weights fetch {model.name}' where there is a network, or set "
        f"{model.variable} to a folder with the files of {model.repository}"
    )


def hub_label(model: HubModel) -> str:
    """Return the `hub_hash` of a model, which identifies it in recipes.

    It is ``"unknown"`` if the model's files are not available locally.
    """
    folder = find_hub_model(model)
    return "unknown" if folder is None else hub_hash(model, folder)


def hub_hash(model: HubModel, folder: Path) -> str:
    """Return the first eight hex digits of the SHA-256 of all the model's files in a folder.

    The weights alone do not identify a model: its configuration and tokenizer matter too.
    """
    paths = {path for pattern in (*model.files, WEIGHTS) for path in folder.glob(pattern)}
    digest = hashlib.sha256()
    for path in sorted(paths):
        digest.update(f"{path.name}\0{known_sha256(path)}\n".encode())
    return digest.hexdigest()[:8]


def _open(model: HubModel, *, download: bool) -> Path:
    location = hub_location(model)
    folder = Path(location).expanduser()
    if not folder.is_dir():
        # Of a repository that the user chose, the newest commit is used.
        revision = model.revision if location == model.repository else None
        try:
            folder = _snapshot(location, revision, (*model.files, WEIGHTS), download)
        except Exception as error:  # of the hub, its HTTP client, or the system
            raise TpgbenchError(
                f"{location} is unavailable ({type(error).__name__}): {how_to_get_hub_model(model)}"
            ) from error
    if not (folder / WEIGHTS).is_file():
        raise TpgbenchError(
            f"{folder}: holds no {WEIGHTS}; other formats are not read because they can run "
            f"code: {how_to_get_hub_model(model)}"
        )
    return folder


def get_pipeline_folder(location: str, part: str | None = None) -> Path:
    """Return the folder of a diffusers pipeline or model: a local folder, or a snapshot.

    Args:
        location: A folder, or a repository's id.
        part: The only subfolder of the pipeline that is needed; None for all.

    Raises:
        TpgbenchError: There is no such folder, and no such repository is available.
    """
    folder = Path(location).expanduser()
    recover(folder)
    if folder.is_dir():
        return folder
    try:
        return _snapshot(location, None, _pipeline_files(location, part), not is_offline())
    except Exception as error:  # of the hub, its HTTP client, or the system
        raise TpgbenchError(
            f"{location} is no folder here, and unavailable on the hub ({type(error).__name__}): "
            "give a folder, or a repository's id where there is a network"
        ) from error


def _pipeline_files(repository: str, part: str | None) -> tuple[str, ...]:
    """Return the patterns of the files that are needed from a repository.

    Repositories of Stable Diffusion hold a second copy of the weights outside the parts' folders.
    """
    if part is not None:
        return tuple(f"{part}/{pattern}" for pattern in _FILES)
    index = _snapshot(repository, None, (_INDEX,), not is_offline()) / _INDEX
    if not index.is_file():
        return _FILES
    parts = [name for name in json.loads(index.read_bytes()) if not name.startswith("_")]
    return ("*.json", *(f"{part}/{pattern}" for part in parts for pattern in _FILES))


@lru_cache(maxsize=8)
def _snapshot(
    repository: str, revision: str | None, patterns: tuple[str, ...], download: bool
) -> Path:
    # Cached: the hub's client would ask the network for every sample.
    from huggingface_hub import snapshot_download
    from huggingface_hub.utils import logging as hub_logging

    # Without a network, the client warns at each of its six attempts; our error says it once.
    verbosity = hub_logging.get_verbosity()
    hub_logging.set_verbosity(logging.ERROR)
    try:
        folder = snapshot_download(
            repository,
            revision=revision,
            allow_patterns=list(patterns),
            ignore_patterns=list(_IGNORED),
            local_files_only=not download,
        )
    finally:
        hub_logging.set_verbosity(verbosity)
    return Path(folder)
