"""The folder of a base model, checked and listed without loading a network.

Nothing here imports torch: a run's identity is made from what this module finds.
"""

from __future__ import annotations

import json
from pathlib import Path

from ...core.errors import TpgbenchError
from ...core.folders import recover
from ...core.hub import get_pipeline_folder

NETWORKS = ("unet", "vae", "text_encoder")
_PARTS = ("vae", "text_encoder", "tokenizer", "unet", "scheduler")
_TEXTS = (".json", ".txt")  # configurations and vocabularies


def find_base(location: str) -> Path:
    """Return the folder of a text-to-image model of Stable Diffusion 1.5's kind.

    Args:
        location: Hub id or folder.

    Raises:
        TpgbenchError: It is unavailable or of another kind.
    """
    folder = get_pipeline_folder(location)
    recover(folder / "vae")
    try:
        index = json.loads((folder / "model_index.json").read_bytes())
    except (OSError, ValueError) as error:
        raise TpgbenchError(
            f"{location}: has no readable model_index.json: give the folder or hub id of a "
            "diffusers pipeline such as Stable Diffusion 1.5"
        ) from error
    name = str(index.get("_class_name"))
    missing = [part for part in _PARTS if not (index.get(part) or [None])[0]]
    unet = (index.get("unet") or [None, None])[1]
    if missing or unet != "UNet2DConditionModel" or "XL" in name:
        lacks = f"has no {' and no '.join(missing)}" if missing else f"its U-Net is {unet}"
        raise TpgbenchError(
            f"{location}: a {name} is not of Stable Diffusion 1.5's kind ({lacks}): give a base "
            "with that architecture"
        )
    return folder


def base_files(location: str) -> list[Path]:
    """Return the files of a base that `load_base` reads and its photos depend on.

    Args:
        location: Hub id or folder.

    Raises:
        TpgbenchError: It is unavailable, of another kind, or incomplete.
    """
    folder = find_base(location)
    files: list[Path] = []
    for part in NETWORKS:
        weights = sorted((folder / part).glob("*.safetensors"))
        # The names of variants, such as fp16, have one more dot.
        plain = [path for path in weights if path.name.count(".") == 1]
        if not plain:
            raise not_loadable(location, f"its '{part}' has no weights (*.safetensors)")
        files += plain
    texts = [path for part in _PARTS for path in sorted((folder / part).glob("*"))]
    return files + [path for path in texts if path.suffix in _TEXTS]


def not_loadable(location: str, reason: str) -> TpgbenchError:
    """Return the error for a base that is incomplete, damaged, or of another kind."""
    return TpgbenchError(
        f"{location}: cannot be loaded as Stable Diffusion: {reason}; it is damaged or of another "
        "kind: download it again, or give another base"
    )
