"""Which CLIP metrics use; importing it imports no torch."""

from __future__ import annotations

from pathlib import Path

from ...core.hub import WEIGHTS, HubModel, get_hub_model, hub_hash, hub_label

CLIP_VERSION = 1  # of our own code around it; raise it when equal images get other vectors

CLIP = HubModel(
    name="clip",
    repository="openai/clip-vit-large-patch14",
    revision="32bd64288804d66eefd0ccbe215aa642df71cc41",
    variable="TPGBENCH_CLIP",
    files=(
        "config.json",
        "merges.txt",
        "preprocessor_config.json",
        "special_*.json",
        "tokenizer*.json",
        "vocab.json",
    ),
    licence="MIT",
)


def clip_folder(folder: Path | None = None) -> Path:
    """Return the folder with CLIP's files, downloading them if need be.

    Args:
        folder: Where to look first for a folder named as the repository,
            ``clip-vit-large-patch14``.

    Raises:
        TpgbenchError: They are unavailable.
    """
    return _given(folder) or get_hub_model(CLIP)


def clip_label(folder: Path | None = None) -> str:
    """Return what tells a CLIP from others in recipes: the hash of its files, or ``"unknown"``.

    Args:
        folder: As in `clip_folder`.
    """
    given = _given(folder)
    return hub_label(CLIP) if given is None else hub_hash(CLIP, given)


def _given(folder: Path | None) -> Path | None:
    if folder is None:
        return None
    copied = folder / CLIP.repository.rpartition("/")[2]
    return copied if (copied / WEIGHTS).is_file() else None
