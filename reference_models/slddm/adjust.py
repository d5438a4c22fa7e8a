"""A preset with some of its settings changed by the user."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from ...errors import TpgbenchError, UnknownNameError
from .settings import DiffusionSettings, Preset


def adjust_preset(
    preset: Preset,
    *,
    options: Sequence[str] = (),
    base: str | None = None,
    image_encoder: str | None = None,
    size: int | None = None,
    labelled: float | None = None,
    first_rows: int | None = None,
    steps: int | None = None,
    batch_size: int | None = None,
    accumulation: int | None = None,
    learning_rate: float | None = None,
    precision: str | None = None,
    minutes: float | None = None,
    validate_every: int | None = None,
    tracker: str | None = None,
    seed: int | None = None,
) -> Preset:
    """Return a preset with everything changed that is not None.

    Args:
        preset: Where it starts from.
        options: Settings of the diffusion stage, ``"weights.cls=0"``, ``"structured=false"``.
        base: Hub id or folder of Stable Diffusion 1.5.
        image_encoder: Hub id or folder of CLIP.
        size: Side of the pictures in pixels, where the networks come from a base model.
        labelled: The share of rows whose pattern is used.
        first_rows: Of an endless dataset: how many the training starts with.
        steps: Of each stage.
        batch_size: Of each stage.
        accumulation: Of each stage.
        learning_rate: Of each stage.
        precision: Of each stage.
        minutes: After which each stage stops.
        validate_every: Steps between figures, and between pictures.
        tracker: As accelerate names it.
        seed: Of each stage.

    Raises:
        UnknownNameError: There is no such setting.
        TpgbenchError: A value of the wrong type or out of bounds.
    """
    training = {
        "steps": steps,
        "batch_size": batch_size,
        "accumulation": accumulation,
        "learning_rate": learning_rate,
        "precision": precision,
        "max_minutes": minutes,
        "validate_every": validate_every,
        "preview_every": validate_every,
        "tracker": tracker,
        "seed": seed,
    }
    if size is not None and size != preset.size and preset.networks.unet is not None:
        raise TpgbenchError(
            f"--size {size}: the networks of the preset '{preset.name}' are made for "
            f"{preset.size} px; leave it out, or take sd15"
        )
    wanted = {name: value for name, value in training.items() if value is not None}
    values = preset.model_dump()
    values["training"] = {
        stage: config.model_dump() | wanted for stage, config in preset.training.items()
    }
    own = {
        "base": base,
        "image_encoder": image_encoder,
        "size": size,
        "labelled": labelled,
        "first_rows": first_rows,
    }
    values |= {name: value for name, value in own.items() if value is not None}
    for option in options:
        name, equals, value = option.partition("=")
        if not equals:
            raise TpgbenchError(f"-o {option}: write it as -o key=value")
        _set(values["diffusion"], DiffusionSettings, name, value)
    try:
        return Preset.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise TpgbenchError(f"{where}={first['input']}: {first['msg'].lower()}") from error


def _set(values: dict[str, Any], kind: type[BaseModel], name: str, value: str) -> None:
    head, _, rest = name.partition(".")
    if head not in kind.model_fields:
        raise UnknownNameError(f"setting of {kind.__name__}", head, kind.model_fields)
    nested = kind.model_fields[head].annotation
    if rest and isinstance(nested, type) and issubclass(nested, BaseModel):
        _set(values[head], nested, rest, value)
    elif rest or isinstance(values[head], dict):
        raise TpgbenchError(f"-o {name}={value}: '{head}' is no such setting; see its docs")
    else:
        values[head] = value
