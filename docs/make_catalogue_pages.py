"""Write docs/models and docs/datasets: a page per registered model and dataset, from its card.

python docs/make_catalogue_pages.py [FOLDER]
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from make_metric_pages import REPOSITORY, read_doc
from tpgbench.benchmark.model import MODELS, Model
from tpgbench.core.errors import TpgbenchError
from tpgbench.core.registry import BUILTIN_DATASETS, BUILTIN_MODELS
from tpgbench.datasets_builders.base import DATASETS, DatasetSource
from tpgbench.datasets_builders.packaging.build import PackagedDataset
from tpgbench.datasets_builders.reading.schema import SCHEMAS

_NOTE = "<!-- Made by docs/make_catalogue_pages.py: change the class, not this page. -->"
_BOUNDS = {
    "minimum": "at least",
    "exclusiveMinimum": "above",
    "maximum": "at most",
    "exclusiveMaximum": "below",
}


def model_page(name: str) -> str:
    """Return the page of a model of the registry."""
    model = MODELS.get(name)
    facts = {
        "task": model.task,
        "source": model.card.source,
        "licence": model.card.licence,
        "parameters": f"{model.card.parameters:,}" if model.card.parameters else "none",
        "trained on": model.card.trained_on or "nothing: it needs no training",
        "weights": ", ".join(file.name for file in model.card.weights) or "none to download",
        "devices": ", ".join(model.devices),
        "precisions": ", ".join(model.precisions),
        "samples per call": str(model.batch_size),
        "version": str(model.version),
    }
    parts = [
        *_head(name, model.card.title, model),
        _table(("", ""), facts.items()),
        _limits([model.card.limits] if model.card.limits else []),
        f"## Options\n\n{_options(model)}",
        _use([f"tpgbench run --model {name}"]),
    ]
    return _join(parts)


def dataset_page(name: str) -> str:
    """Return the page of a dataset of the registry."""
    dataset = DATASETS.get(name)
    card = dataset.card
    facts = {
        "task": dataset.task,
        "source": card.source,
        "licence": card.licence,
        "size": f"{dataset.default_size} px, unless `--size` says otherwise",
    }
    if dataset.task == "tpg":
        facts["track"] = str(getattr(dataset, "track", "aligned"))
    if issubclass(dataset, PackagedDataset):
        facts["configurations"] = ", ".join(dataset.configs)
        facts["where to get it"] = dataset.where_to_get
    parts = [
        *_head(name, card.title, dataset),
        _table(("", ""), facts.items()),
        _limits(card.limits),
        f"## Splits\n\n{_splits(dataset)}",
        f"## Columns\n\n{_columns(dataset)}",
        _use(_dataset_commands(dataset)),
        f"## Citation\n\n```bibtex\n{card.citation}\n```" if card.citation else "",
    ]
    return _join(parts)


def models_index() -> str:
    """Return the list of all models."""
    rows = []
    for name in BUILTIN_MODELS:
        model = MODELS.get(name)
        options = ", ".join(f"`{option}`" for option in model.config_type.model_fields) or "none"
        rows.append((f"[{name}]({name}.md)", model.task, model.card.title, options))
    text = (
        "The models of the registry. `-o key=value` sets an option. The trained ones have pages of "
        "their own: [SLDDM-TPG](../slddm.md) and [LoRA-DAE](../lora_dae.md)."
    )
    return _join([_NOTE, "# Models", text, _table(("model", "task", "title", "options"), rows)])


def datasets_index() -> str:
    """Return the list of all datasets."""
    rows = []
    for name in BUILTIN_DATASETS:
        dataset = DATASETS.get(name)
        ready = "nothing" if dataset.embedded else "building"
        rows.append(
            (
                f"[{name}]({name}.md)",
                dataset.task,
                dataset.card.licence,
                ", ".join(dataset.splits),
                ready,
                dataset.card.title,
            )
        )
    text = (
        "The datasets of the registry. Those that need building are packaged once from their "
        "owner's files ([how](../guides/datasets.md)). A folder of your own photos needs no entry "
        "here."
    )
    head = ("dataset", "task", "licence", "splits", "needs", "title")
    return _join([_NOTE, "# Datasets", text, _table(head, rows)])


def _head(name: str, title: str, thing: type) -> list[str]:
    return [_NOTE, f"# {name}", f"{title.rstrip('.')}.", read_doc(thing).text]


def _options(model: type[Model[Any]]) -> str:
    schema = model.config_type.model_json_schema()
    rows = []
    for name, field in schema.get("properties", {}).items():
        kind, bounds = _kind(field)
        default = "" if name in schema.get("required", ()) else f"`{_plain(field.get('default'))}`"
        rows.append((f"`{name}`", kind, default, bounds, field.get("description", "")))
    if not rows:
        return "It has none."
    return _table(("option", "type", "default", "bounds", "description"), rows)


def _kind(field: Mapping[str, Any]) -> tuple[str, str]:
    """Return an option's type and its bounds, from its JSON schema."""
    forms = field.get("anyOf", [field])
    kinds = []
    bounds: list[str] = []
    for form in forms:
        if "enum" in form:
            kinds.append(", ".join(f"`{choice}`" for choice in form["enum"]))
        elif "const" in form:
            kinds.append(f"`{form['const']}`")
        else:
            kinds.append({"null": "none"}.get(form.get("type", ""), form.get("type", "any")))
        bounds += [f"{word} {form[key]:g}" for key, word in _BOUNDS.items() if key in form]
    return " or ".join(kinds), ", ".join(bounds)


def _splits(dataset: type[DatasetSource]) -> str:
    rows = []
    for split in dataset.splits:
        if dataset.embedded:
            try:
                count = f"{len(dataset().open(split).sample_ids()):,}"
            except TpgbenchError:  # what an endless split says without a limit
                count = "endless"
        else:
            count = "as its owner's files have it"
        rows.append((f"`{split}`", count))
    return _table(("split", "rows"), rows)


def _columns(dataset: type[DatasetSource]) -> str:
    packaged = issubclass(dataset, PackagedDataset)
    schema = dataset.schema if packaged else SCHEMAS[dataset.task]
    rows = []
    for column in schema.columns:
        facts = {"ground truth": column.name == schema.truth, "may be missing": column.nullable}
        facts_text = ", ".join(text for text, holds in facts.items() if holds)
        rows.append((f"`{column.name}`", column.kind, facts_text))
    return _table(("column", "kind", ""), rows)


def _dataset_commands(dataset: type[DatasetSource]) -> list[str]:
    model = {"tpg": "autofill", "mannequin": "lora-dae"}[dataset.task]
    name = dataset.name
    if dataset.embedded:
        return [f"tpgbench run --model {model} --dataset {name}", f"tpgbench show-dataset {name}"]
    return [
        f"tpgbench build-dataset {name} --source SOURCE --out data/{name}",
        f"tpgbench run --model {model} --dataset data/{name}",
    ]


def _limits(limits: Iterable[str]) -> str:
    lines = [f"- {limit}" for limit in limits]
    return "\n".join(["## Limits", "", *lines]) if lines else ""


def _use(commands: Iterable[str]) -> str:
    return "## Use\n\n```sh\n" + "\n".join(commands) + "\n```"


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    cells = [[str(cell).replace("|", r"\|").replace("\n", " ") for cell in row] for row in rows]
    names = list(head)
    lines = [f"| {' | '.join(names)} |", "|" + "---|" * len(names)]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in cells)])


def _plain(value: Any) -> str:
    """Write a default as one types it after ``-o key=``."""
    return str(value).lower() if value is None or isinstance(value, bool) else str(value)


def _join(parts: Iterable[str]) -> str:
    return "\n\n".join(part.strip() for part in parts if part) + "\n"


def main(folder: Path) -> None:
    """Write all pages into two folders, ``models`` and ``datasets``."""
    pages = {f"models/{name}": model_page(name) for name in BUILTIN_MODELS}
    pages |= {f"datasets/{name}": dataset_page(name) for name in BUILTIN_DATASETS}
    pages |= {"models/README": models_index(), "datasets/README": datasets_index()}
    for name, page in pages.items():
        path = folder / f"{name}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else REPOSITORY / "docs")
