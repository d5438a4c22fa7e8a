"""Which CLIP metrics use; importing it imports no torch."""

from __future__ import annotations

from ...hub import HubModel

CLIP = HubModel(
    name="clip",
    repository="openai/clip-vit-large-patch14",
    variable="TPGBENCH_CLIP",
    files=("config.json", "merges.txt", "tokenizer*.json", "vocab.json", "special_*.json"),
    licence="MIT",
)
