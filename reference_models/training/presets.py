"""The base of all presets, and how a user changes one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ...core.documents import first_problem
from ...core.errors import TpgbenchError, UnknownNameError
from .config import TrainingConfig


class TrainedPreset(BaseModel):
    """A size of a model, with all settings of its training.

    Attributes:
        name: ``"tiny"``, ...
        size: Side of the images in pixels.
        base: Hub id or folder of the diffusers pipeline that it starts from, or None.
        first_rows: Size of the first pool of rows, of an endless dataset.
        reuse: How often a row is drawn on average before one is added, of an endless dataset.
        training: How each stage trains.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    size: int = Field(ge=16)
    base: str | None = None
    first_rows: int = Field(default=2048, ge=1)
    reuse: float = Field(default=12.0, gt=0)
    training: Mapping[Any, TrainingConfig]


PresetT = TypeVar("PresetT", bound=TrainedPreset)


class TrainingOptions(TypedDict, total=False):
    """Settings of the rows and of every stage that a user may change; None keeps the preset's.

    Attributes:
        first_rows: As in `TrainedPreset`.
        reuse: As in `TrainedPreset`.
        steps: Optimiser steps.
        batch_size: Rows per process and batch.
        accumulation: Batches whose gradients are averaged per step.
        learning_rate: At its peak.
        precision: ``"fp32"`` or ``"bf16"``.
        minutes: After which a stage stops.
        validate_every: Steps between validations, and between previews.
        tracker: Its name in accelerate.
        seed: Of initial weights, sampling and noise.
    """

    first_rows: int | None
    reuse: float | None
    steps: int | None
    batch_size: int | None
    accumulation: int | None
    learning_rate: float | None
    precision: str | None
    minutes: float | None
    validate_every: int | None
    tracker: str | None
    seed: int | None


def changed_values(
    preset: TrainedPreset, own: Mapping[str, Any], training: TrainingOptions
) -> dict[str, Any]:
    """Return the values of a preset with everything changed that is not None.

    Args:
        preset: Where it starts from.
        own: Changes of the preset itself.
        training: Changes of its rows and of each of its stages.
    """
    wanted: dict[str, Any] = {name: given for name, given in training.items() if given is not None}
    rows = {name: wanted.pop(name) for name in ("first_rows", "reuse") if name in wanted}
    if "minutes" in wanted:
        wanted["max_minutes"] = wanted.pop("minutes")
    if "validate_every" in wanted:
        wanted["preview_every"] = wanted["validate_every"]
    given = {name: one for name, one in own.items() if one is not None}
    values = preset.model_dump() | given | rows
    values["training"] = {
        stage: config.model_dump() | wanted for stage, config in preset.training.items()
    }
    return values


def validated(kind: type[PresetT], values: Mapping[str, Any]) -> PresetT:
    """Return a preset of values.

    Raises:
        TpgbenchError: One is of the wrong type or out of bounds.
    """
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        raise TpgbenchError(first_problem(error).in_options) from error


def find_preset(presets: Mapping[str, PresetT], model: str, name: str) -> PresetT:
    """Return a model's preset by its name.

    Raises:
        UnknownNameError: No such preset.
    """
    if name not in presets:
        raise UnknownNameError(f"preset of {model}", name, presets)
    return presets[name]
