"""The dataset card, ``README.md``: its YAML is what plain ``datasets.load_dataset`` reads."""

from __future__ import annotations

import re
from collections import Counter
from copy import deepcopy
from pathlib import Path
from typing import Any

from ..base import DatasetCard
from ..reading.build_info import BuildInfo
from ..reading.findings import FindingKind, count_left_out
from ..reading.schema import RowSchema

CARD_NAME = "README.md"
_SIZE_CATEGORIES = (
    (1_000, "n<1K"),
    (10_000, "1K<n<10K"),
    (100_000, "10K<n<100K"),
    (1_000_000, "100K<n<1M"),
)
# The Hub's names of tasks, and of those licences that it knows and a builder may state.
_TASKS = {"tpg": ["image-to-image"], "mannequin": ["text-to-image"]}
_DTYPES: dict[str, Any] = {
    "text": "string",
    "photo": {"image": {"mode": "RGB"}},
    "mask": {"image": {"mode": "L"}},
    "picture": "image",
}
_LICENCES = frozenset(
    {"apache-2.0", "cc-by-4.0", "cc-by-nc-4.0", "cc-by-nc-sa-4.0", "cc-by-sa-4.0", "cc0-1.0", "mit"}
)


def write_card(folder: Path, info: BuildInfo, card: DatasetCard, schema: RowSchema) -> None:
    """Write the card of a built dataset into its folder."""
    from huggingface_hub import DatasetCardData

    front = DatasetCardData(**_metadata(info, card, schema)).to_yaml()
    splits = "\n".join(
        f"| {name} | {split.rows} | {split.unlabelled} |" for name, split in info.by_split().items()
    )
    columns = "\n".join(
        f"| `{column.name}` | {column.kind} | {'yes' if column.nullable else 'no'} |"
        for column in schema.columns
    )
    text = f"""---
{front}
---

# {card.title}

- Task: {info.task}
- Source: {card.source}
- Terms: {card.licence}
- Samples are compared at {info.default_size} px unless a run says otherwise

| split | rows | of them without truth |
|---|---|---|
{splits}

| column | kind | may be null |
|---|---|---|
{columns}

## Provenance

- Packaged by tpgbench, builder `{info.name}` version {info.builder_version}
- {_options(info)}
- Fingerprint: `{info.fingerprint}`
- The files that it was made from, with their SHA-256: `manifest.parquet`
- The files that it consists of, with their SHA-256, and all findings: `build.json`
- Check a copy: `tpgbench verify-dataset DIR`

## Known limits

{_limits(info, card)}
{_citation(card)}"""
    (folder / CARD_NAME).write_text(text, encoding="utf-8")


def _metadata(info: BuildInfo, card: DatasetCard, schema: RowSchema) -> dict[str, Any]:
    rows = sum(split.rows for split in info.by_split().values())
    category = next((name for limit, name in _SIZE_CATEGORIES if rows < limit), "n>1M")
    configs = [config for config, splits in info.configs.items() if splits]
    return {
        "pretty_name": card.title,
        **_licence(card.licence),
        "task_categories": _TASKS[info.task],
        "size_categories": [category],
        "configs": [
            {
                "config_name": config,
                "default": config == configs[0],
                "data_files": [
                    {"split": split, "path": f"{info.data_path(config)}/{split}-*"}
                    for split in info.configs[config]
                ],
            }
            for config in configs
        ],
        "dataset_info": [_dataset_info(info, config, schema) for config in configs],
    }


def _dataset_info(info: BuildInfo, config: str, schema: RowSchema) -> dict[str, Any]:
    sizes = {
        split: sum(info.files[file].size for file in info.shards(config, split))
        for split in info.configs[config]
    }
    size = sum(sizes.values())
    return {
        "config_name": config,
        # Copies, or YAML would write references.
        "features": [
            {"name": column.name, "dtype": deepcopy(_DTYPES[column.kind])}
            for column in schema.columns
        ],
        "splits": [
            {"name": split, "num_bytes": sizes[split], "num_examples": known.rows}
            for split, known in info.configs[config].items()
        ],
        "download_size": size,
        "dataset_size": size,
    }


def _licence(licence: str) -> dict[str, str]:
    """Return the Hub's fields; terms that it has no name for are named by their words."""
    if licence.lower() in _LICENCES:
        return {"license": licence.lower()}
    name = re.sub(r"[^a-z0-9.]+", "-", licence.lower()).strip("-")
    return {"license": "other", "license_name": name}


def _options(info: BuildInfo) -> str:
    options = ", ".join(f"{name} {value}" for name, value in info.options.items())
    return f"Options: {options or 'none'}"


def _limits(info: BuildInfo, card: DatasetCard) -> str:
    lines = list(card.limits)
    # A part of a dataset must not pass for the whole.
    lines += [
        f"{finding.where} {finding.detail}."
        for finding in info.findings
        if finding.kind is FindingKind.COUNT
    ]
    left_out = count_left_out(info.findings)
    if info.findings:
        kinds = Counter(finding.kind for finding in info.findings)
        counts = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
        lines.append(f"The build had {len(info.findings)} findings ({counts}).")
    lines.append(f"Rows of the source that were left out: {left_out}.")
    return "\n".join(f"- {line}" for line in lines)


def _citation(card: DatasetCard) -> str:
    return f"\n## Citation\n\n```bibtex\n{card.citation}\n```\n" if card.citation else ""
