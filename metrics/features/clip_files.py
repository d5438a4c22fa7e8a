"""Which CLIP metrics use; importing it imports no torch."""

from __future__ import annotations

from ...core.hub import HubModel

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
