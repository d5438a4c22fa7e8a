"""The dataset card, ``README.md``: its YAML is what plain ``datasets.load_dataset`` reads."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from .base import DatasetCard
from .build_info import BuildInfo
from .schema import RowSchema
from .shards import DATA_FOLDER

CARD_NAME = "README.md"
_SIZE_CATEGORIES = (
    (1_000, "n<1K"),
    (10_000, "1K<n<10K"),
    (100_000, "10K<n<100K"),
    (1_000_000, "100K<n<1M"),
)


def write_card(folder: Path, info: BuildInfo, card: DatasetCard, schema: RowSchema) -> None:
    """Write the card of a built dataset into its folder."""
    front = _front_matter(info, card)
    splits = "\n".join(
        f"| {name} | {split.rows} | {split.unlabelled} |" for name, split in info.splits.items()
    )
    columns = "\n".join(
        f"| `{column.name}` | {column.kind} | {'yes' if column.nullable else 'no'} |"
        for column in schema.columns
    )
    text = f"""---
{front}
---

# {card.title}

- Source: {card.source}
- Terms: {card.licence}
- Packaged by tpgbench, builder version {info.builder_version}
- Fingerprint: `{info.fingerprint}`
- Left out, and why: see `build.json` ({len(info.findings)} findings)
- Source files with their SHA-256: see `manifest.parquet`

| split | rows | of them without truth |
|---|---|---|
{splits}

| column | kind | may be null |
|---|---|---|
{columns}
"""
    (folder / CARD_NAME).write_text(text, encoding="utf-8")


def _front_matter(info: BuildInfo, card: DatasetCard) -> str:
    rows = sum(split.rows for split in info.splits.values())
    category = next((name for limit, name in _SIZE_CATEGORIES if rows < limit), "n>1M")
    lines = [
        f"pretty_name: {_quoted(card.title)}",
        "license: other",
        f"license_name: {_quoted(card.licence)}",
        f"size_categories: [{_quoted(category)}]",
        "configs:",
        "- config_name: default",
        "  data_files:",
        *_data_files(list(info.splits)),
    ]
    return "\n".join(lines)


def _data_files(splits: Sequence[str]) -> list[str]:
    return [
        line
        for split in splits
        for line in (f"  - split: {split}", f"    path: {DATA_FOLDER}/{split}-*")
    ]


def _quoted(text: str) -> str:
    """A JSON string is a YAML string."""
    return json.dumps(text, ensure_ascii=False)
