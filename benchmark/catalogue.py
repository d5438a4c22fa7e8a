"""What there is to choose from, and what is missing on this machine."""

from __future__ import annotations

from typing import TypeVar

from pydantic import BaseModel, ConfigDict

from ..datasets_builders.base import DATASETS
from ..errors import TpgbenchError
from ..metrics.base import METRICS
from ..registry import Registry
from ..weights import WeightFile, find_weights, how_to_get, is_offline, weights_folder
from .environment import available_devices, describe_environment
from .model import MODELS

T = TypeVar("T")


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


class WeightStatus(_Entry):
    """One weight file: where it is, or what its absence blocks and how to get it."""

    name: str
    path: str | None
    blocks: tuple[str, ...]
    how_to_get: str


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
        )
        for name, model in _loadable(MODELS)[0].items()
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
            weights=_names(metric.weights),
            variants=metric.variants,
            source=metric.source,
        )
        for name, metric in _loadable(METRICS)[0].items()
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
        for name, dataset in _loadable(DATASETS)[0].items()
    ]


def diagnose() -> Diagnosis:
    """Look at the machine: versions, devices, weights, registry entries that do not import."""
    models, broken_models = _loadable(MODELS)
    metrics, broken_metrics = _loadable(METRICS)
    _, broken_datasets = _loadable(DATASETS)
    needed: dict[WeightFile, list[str]] = {}
    for name, model in models.items():
        for weights in model.card.weights:
            needed.setdefault(weights, []).append(f"model {name}")
    for name, metric in metrics.items():
        for weights in metric.weights:
            needed.setdefault(weights, []).append(f"metric {name}")
    statuses = []
    for weights, users in needed.items():
        path = find_weights(weights)
        statuses.append(
            WeightStatus(
                name=weights.name,
                path=None if path is None else str(path),
                blocks=() if path is not None else tuple(users),
                how_to_get=how_to_get(weights),
            )
        )
    return Diagnosis(
        environment=describe_environment(),
        devices=tuple(available_devices()),
        offline=is_offline(),
        weights_folder=str(weights_folder()),
        weights=tuple(statuses),
        broken=(*broken_models, *broken_metrics, *broken_datasets),
    )


def _loadable(registry: Registry[T]) -> tuple[dict[str, type[T]], tuple[str, ...]]:
    """Import what can be imported; another package's broken entry must not hide the rest."""
    found: dict[str, type[T]] = {}
    broken: list[str] = []
    for name in registry:
        try:
            found[name] = registry.get(name)
        except TpgbenchError as error:
            broken.append(str(error))
    return found, tuple(broken)


def _names(weights: tuple[WeightFile, ...]) -> tuple[str, ...]:
    return tuple(file.name for file in weights)
