"""Models of the Hugging Face hub: a folder of one's own, else the hub's cache, else a download."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from .errors import TpgbenchError
from .files import sha256_file
from .weights import is_offline, weights_folder

WEIGHTS = "model.safetensors"  # the only format that is read: others may run code


class HubModel(BaseModel):
    """One model that a metric needs.

    Attributes:
        name: What ``tpgbench weights`` calls it: ``"clip"``.
        repository: Its id on the hub.
        variable: The environment variable that names another id, or a folder.
        files: Patterns of the files that are needed beside the weights.
        licence: SPDX identifier, or a word on the terms.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    repository: str
    variable: str
    files: tuple[str, ...]
    licence: str


def hub_location(model: HubModel) -> str:
    """Return the id or the folder from which a model is taken.

    It is what the model's variable says; else the folder in `weights_folder` that is named as the
    repository (``clip-vit-large-patch14``), if it is there; else the repository's id.
    """
    copied = weights_folder() / model.repository.rpartition("/")[2]
    given = os.environ.get(model.variable)
    return given or (str(copied) if copied.is_dir() else model.repository)


def find_hub_model(model: HubModel) -> Path | None:
    """Return the folder with the model's files if they are here; None otherwise."""
    try:
        return _open(model, download=False)
    except TpgbenchError:
        return None


def get_hub_model(model: HubModel) -> Path:
    """Return the folder with the model's files, downloading them if need be.

    Raises:
        TpgbenchError: They are not here and cannot be downloaded, or there are no safetensors.
    """
    return _open(model, download=not is_offline())


def how_to_get_hub_model(model: HubModel) -> str:
    """Return one line on how a user gets the model."""
    return (
        f"run 'tpgbench weights fetch {model.name}' where there is a network, or set "
        f"{model.variable} to a folder with the files of {model.repository}"
    )


def hub_label(model: HubModel) -> str:
    """Return the model's name and its weights' hash for recipes: ``"clip-vit-...-1a2b3c4d"``.

    Where the model is not here it is the name alone.
    """
    name = Path(hub_location(model)).name
    folder = find_hub_model(model)
    if folder is None:
        return name
    path = folder / WEIGHTS
    return f"{name}-{_hash(path, path.stat().st_mtime_ns)}"


def _open(model: HubModel, *, download: bool) -> Path:
    location = hub_location(model)
    folder = Path(location).expanduser()
    if not folder.is_dir():
        from huggingface_hub import snapshot_download

        try:
            folder = Path(
                snapshot_download(
                    location,
                    allow_patterns=[*model.files, WEIGHTS],
                    local_files_only=not download,
                )
            )
        except Exception as error:  # the hub's own, its HTTP client's, or the system's
            raise TpgbenchError(
                f"{location} is not here ({type(error).__name__}): {how_to_get_hub_model(model)}"
            ) from error
    if not (folder / WEIGHTS).is_file():
        raise TpgbenchError(
            f"{folder}: holds no {WEIGHTS}, and other formats are not read, for they may run "
            f"code: {how_to_get_hub_model(model)}"
        )
    return folder


@lru_cache(maxsize=8)
def _hash(path: Path, modified: int) -> str:
    # ``modified`` is for the cache: gigabytes are read once, and again only if they change.
    return sha256_file(path)[:8]
