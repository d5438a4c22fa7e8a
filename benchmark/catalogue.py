"""The registered models, metrics and datasets, and what is missing on this machine."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict

from ..core.registry import Registry
from ..core.weights import WeightFile, is_offline, weights_folder
from ..datasets_builders.base import DATASETS
from ..metrics.base import METRICS
from .model import MODELS
from .run.environment import available_devices, describe_environment
from .weight_list import WeightStatus, list_weights


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ModelEntry(_Entry):
    """One line of ``tpgbench list models``."""

    name: str
    task: str
    licence: str
    weights: tuple[str, ...]
    title: str
    source: str
    options: dict[str, str]
    defaults: dict[str, str]


class MetricEntry(_Entry):
    """One line of ``tpgbench list metrics``."""

    name: str
    tasks: tuple[str, ...]
    higher_is_better: bool
    range: tuple[str, str]
    unit: str
    needs: tuple[str, ...]
    weights: tuple[str, ...]
    variants: tuple[str, ...]
    source: str


class DatasetEntry(_Entry):
    """One line of ``tpgbench list datasets``."""

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


def list_broken(kind: str) -> tuple[str, ...]:
    """Return why entries of a registry cannot be imported, a line each.

    Args:
        kind: ``"models"``, ``"metrics"`` or ``"datasets"``.
    """
    registries: dict[str, Registry[Any]] = {
        "models": MODELS,
        "metrics": METRICS,
        "datasets": DATASETS,
    }
    return registries[kind].load_all()[1]


def list_models() -> list[ModelEntry]:
    """Return every model of the registry that can be imported."""
    return [
        ModelEntry(
            name=name,
            task=model.task,
            licence=model.card.licence,
            weights=_names(model.card.weights),
            title=model.card.title,
            source=model.card.source,
            options={
                key: f"{field.description or ''} (default {field.default})".strip()
                for key, field in model.config_type.model_fields.items()
            },
            defaults={
                key: str(field.default) for key, field in model.config_type.model_fields.items()
            },
        )
        for name, model in MODELS.load_all()[0].items()
    ]


def list_metrics() -> list[MetricEntry]:
    """Return every metric of the registry that can be imported."""
    return [
        MetricEntry(
            name=name,
            tasks=tuple(sorted(metric.tasks)),
            higher_is_better=metric.higher_is_better,
            range=(f"{metric.range[0]:g}", f"{metric.range[1]:g}"),
            unit=metric.unit,
            needs=tuple(sorted(metric.needs)),
            weights=(*_names(metric.weights), *(model.name for model in metric.models)),
            variants=metric.variants,
            source=metric.source,
        )
        for name, metric in METRICS.load_all()[0].items()
    ]


def list_datasets() -> list[DatasetEntry]:
    """Return every dataset of the registry that can be imported."""
    return [
        DatasetEntry(
            name=name,
            task=dataset.task,
            licence=dataset.card.licence,
            splits=dataset.splits,
            size=dataset.default_size,
            embedded=dataset.embedded,
            title=dataset.card.title,
            source=dataset.card.source,
        )
        for name, dataset in DATASETS.load_all()[0].items()
    ]


def diagnose() -> Diagnosis:
    """Return versions, devices, weights, and registry entries that cannot be imported."""
    _, broken_models = MODELS.load_all()
    _, broken_metrics = METRICS.load_all()
    _, broken_datasets = DATASETS.load_all()
    return Diagnosis(
        environment=describe_environment(),
        devices=tuple(available_devices()),
        offline=is_offline(),
        weights_folder=str(weights_folder()),
        weights=list_weights(),
        broken=(*broken_models, *broken_metrics, *broken_datasets),
    )


def _names(weights: tuple[WeightFile, ...]) -> tuple[str, ...]:
    return tuple(file.name for file in weights)
