"""A preset with some of its settings changed by the user."""

from __future__ import annotations

from pydantic import ValidationError

from ...errors import TpgbenchError
from .settings import Preset


def adjust_preset(
    preset: Preset,
    *,
    rank_attn: int | None = None,
    rank_conv: int | None = None,
    size: int | None = None,
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
        rank_attn: Of the LoRA on cross-attention; 0 for none there.
        rank_conv: Of the LoRA on convolutions; 0 for none there.
        size: Side of the photos in pixels.
        steps: Of each stage.
        batch_size: Of each stage.
        accumulation: Of each stage.
        learning_rate: Of each stage.
        precision: Of each stage.
        minutes: After which each stage stops.
        validate_every: Steps between figures.
        tracker: As accelerate names it.
        seed: Of each stage.

    Raises:
        TpgbenchError: A value out of bounds.
    """
    training = {
        "steps": steps,
        "batch_size": batch_size,
        "accumulation": accumulation,
        "learning_rate": learning_rate,
        "precision": precision,
        "max_minutes": minutes,
        "validate_every": validate_every,
        "tracker": tracker,
        "seed": seed,
    }
    wanted = {name: value for name, value in training.items() if value is not None}
    own = {"rank_attention": rank_attn, "rank_convolution": rank_conv, "size": size}
    values = preset.model_dump() | {name: value for name, value in own.items() if value is not None}
    values["training"] = {
        stage: config.model_dump() | wanted for stage, config in preset.training.items()
    }
    try:
        return Preset.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise TpgbenchError(f"{where}={first['input']}: {first['msg'].lower()}") from error
