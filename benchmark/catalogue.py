"""The registered models, metrics and datasets, and what is missing on this machine."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict
from pydantic.fields import FieldInfo

from ..core.registry import Registry
from ..core.weights import WeightFile, is_offline, weights_folder
from ..datasets_builders.base import DATASETS, DatasetSource
from ..metrics.base import METRICS, Metric
from ..metrics.folders.presets import PRESETS
from .model import MODELS, Model
from .run.environment import available_devices, describe_environment
from .weight_list import WeightStatus, list_weights


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


Kind = Literal["models", "datasets", "metrics"]
EntryT = TypeVar("EntryT", bound=_Entry)


class ModelEntry(_Entry):
    """A model of ``tpgbench list models``.

    Attributes:
        options: What each option means, with its default.
        defaults: The default of each option, as typed after ``-o NAME=``; None for none.
    """

    name: str
    task: str
    licence: str
    weights: tuple[str, ...]
    title: str
    source: str
    options: dict[str, str]
    defaults: dict[str, str | None]


class MetricEntry(_Entry):
    """A metric of ``tpgbench list metrics``.

    Attributes:
        variants: What may follow the name and ``@``; the first is the default.
        presets: The presets that it is part of, each with the name by which the preset asks for it.
    """

    name: str
    tasks: tuple[str, ...]
    higher_is_better: bool
    range: tuple[str, str]
    unit: str
    needs: tuple[str, ...]
    weights: tuple[str, ...]
    variants: tuple[str, ...]
    presets: dict[str, str]
    source: str


class DatasetEntry(_Entry):
    """A dataset of ``tpgbench list datasets``."""

    name: str
    task: str
    licence: str
    splits: tuple[str, ...]
    size: int
    embedded: bool
    title: str
    source: str


class Diagnosis(_Entry):
    """What ``tpgbench doctor`` finds."""

    environment: dict[str, str]
    devices: tuple[str, ...]
    offline: bool
    weights_folder: str
    weights: tuple[WeightStatus, ...]
    broken: tuple[str, ...]


def list_models() -> list[ModelEntry]:
    """Return every model of the registry that can be imported."""
    return _entries(MODELS, _model_entry)[0]


def list_metrics() -> list[MetricEntry]:
    """Return every metric of the registry that can be imported."""
    return _entries(METRICS, _metric_entry)[0]


def list_datasets() -> list[DatasetEntry]:
    """Return every dataset of the registry that can be imported."""
    return _entries(DATASETS, _dataset_entry)[0]


def find_broken(kind: Kind) -> tuple[str, ...]:
    """Return a line for each registered entry that a list leaves out because it is broken."""
    if kind == "models":
        return _entries(MODELS, _model_entry)[1]
    if kind == "metrics":
        return _entries(METRICS, _metric_entry)[1]
    return _entries(DATASETS, _dataset_entry)[1]


def _entries(
    registry: Registry[Any], describe: Callable[[str, Any], EntryT]
) -> tuple[list[EntryT], tuple[str, ...]]:
    """Return what a registry holds, and a line for each entry that cannot be described."""
    found, broken = registry.load_all()
    entries, lines = [], list(broken)
    for name, one in found.items():
        try:
            entries.append(describe(name, one))
        except Exception as error:  # a class of another package may hold anything
            reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
            lines.append(f"the {registry.kind} '{name}' cannot be described ({reason})")
    return entries, tuple(lines)


def _model_entry(name: str, model: type[Model[Any]]) -> ModelEntry:
    fields = model.config_type.model_fields
    defaults = {key: _typed_default(field) for key, field in fields.items()}
    return ModelEntry(
        name=name,
        task=model.task,
        licence=model.card.licence,
        weights=_names(model.card.weights),
        title=model.card.title,
        source=model.card.source,
        options={
            key: f"{field.description or ''} (default {defaults[key] or 'none'})".strip()
            for key, field in fields.items()
        },
        defaults=defaults,
    )


def _typed_default(field: FieldInfo) -> str | None:
    if field.is_required():
        return None
    default = field.get_default(call_default_factory=True)
    if default is None or isinstance(default, str):
        return default
    return json.dumps(default, default=str)


def _metric_entry(name: str, metric: type[Metric]) -> MetricEntry:
    return MetricEntry(
        name=name,
        tasks=tuple(sorted(metric.tasks)),
        higher_is_better=metric.higher_is_better,
        range=(f"{metric.range[0]:g}", f"{metric.range[1]:g}"),
        unit=metric.unit,
        needs=tuple(sorted(metric.needs)),
        weights=(*_names(metric.weights), *(model.name for model in metric.models)),
        variants=metric.variants,
        presets={
            preset.name: key
            for preset in PRESETS.values()
            for key in preset.metrics
            if key.partition("@")[0] == name
        },
        source=metric.source,
    )


def _dataset_entry(name: str, dataset: type[DatasetSource]) -> DatasetEntry:
    return DatasetEntry(
        name=name,
        task=dataset.task,
        licence=dataset.card.licence,
        splits=dataset.splits,
        size=dataset.default_size,
        embedded=dataset.embedded,
        title=dataset.card.title,
        source=dataset.card.source,
    )


def diagnose() -> Diagnosis:
    """Return versions, devices, weights, and registry entries that cannot be imported."""
    return Diagnosis(
        environment=describe_environment(),
        devices=tuple(available_devices()),
        offline=is_offline(),
        weights_folder=str(weights_folder()),
        weights=list_weights(),
        broken=(*find_broken("models"), *find_broken("metrics"), *find_broken("datasets")),
    )


def _names(weights: tuple[WeightFile, ...]) -> tuple[str, ...]:
    return tuple(file.name for file in weights)
