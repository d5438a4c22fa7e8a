"""Where the files of CLIP are; importing it imports no torch."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path

from ...errors import TpgbenchError
from ...files import sha256_file
from ...weights import is_offline, weights_folder

DEFAULT = "openai/clip-vit-large-patch14"
WEIGHTS = "model.safetensors"

_FILES = ("config.json", WEIGHTS, "merges.txt", "tokenizer*.json", "vocab.json", "special_*.json")


def clip_location() -> str:
    """Return the Hugging Face id or the folder of the CLIP to use.

    ``$TPGBENCH_CLIP`` if it is set, be it an id or a folder; else the folder
    ``clip-vit-large-patch14`` in the folder of weights, if it is there; else the id
    ``openai/clip-vit-large-patch14``.
    """
    copied = weights_folder() / DEFAULT.rpartition("/")[2]
    return os.environ.get("TPGBENCH_CLIP") or (str(copied) if copied.is_dir() else DEFAULT)


def get_clip_files() -> Path:
    """Return the folder with CLIP's files, downloading them by its id if need be.

    Raises:
        TpgbenchError: They are not here and cannot be downloaded.
    """
    location = clip_location()
    folder = Path(location).expanduser()
    if not folder.is_dir():
        from huggingface_hub import snapshot_download

        try:
            folder = Path(
                snapshot_download(
                    location, allow_patterns=list(_FILES), local_files_only=is_offline()
                )
            )
        except Exception as error:  # the hub raises its own, requests', httpx' and OSErrors
            raise TpgbenchError(
                f"CLIP is not here: {location} is no folder, and no model that can be had "
                f"({type(error).__name__}); run 'tpgbench weights fetch clip' where there is a "
                "network, or set TPGBENCH_CLIP to a folder with its safetensors files"
            ) from error
    if not (folder / WEIGHTS).is_file():
        raise TpgbenchError(
            f"{folder}: holds no {WEIGHTS}; other formats are not read, for they may run code: "
            f"get that file of {DEFAULT} or of another CLIP"
        )
    return folder


def clip_label() -> str:
    """Return the name and the weights' hash for recipes: ``"clip-vit-large-patch14-1a2b3c4d"``.

    Where CLIP is not here it is the name alone.
    """
    name = Path(clip_location()).name
    try:
        path = get_clip_files() / WEIGHTS
    except TpgbenchError:
        return name
    return f"{name}-{_hash(path, path.stat().st_mtime_ns)}"


@lru_cache(maxsize=8)
def _hash(path: Path, modified: int) -> str:
    # ``modified`` is for the cache: a file of gigabytes is read once, and again if it changes.
    return sha256_file(path)[:8]
