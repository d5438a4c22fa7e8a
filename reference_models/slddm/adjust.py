"""A preset with some of its settings changed by the user."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

from pydantic import BaseModel

from ...core.errors import TpgbenchError, UnknownNameError
from ..training.presets import TrainingOptions, changed_values, validated
from .settings import DiffusionSettings, Preset


def adjust_preset(
    preset: Preset,
    *,
    options: Sequence[str] = (),
    base: str | None = None,
    image_encoder: str | None = None,
    size: int | None = None,
    labelled: float | None = None,
    **training: Unpack[TrainingOptions],
) -> Preset:
    """Return a preset with everything changed that is not None.

    Args:
        preset: Where it starts from.
        options: Settings of the diffusion stage, ``"weights.cls=0"``, ``"structured=false"``.
        base: Hub id or folder of Stable Diffusion 1.5.
        image_encoder: Hub id or folder of CLIP.
        size: Side of the pictures in pixels, where the networks come from a base model.
        labelled: The share of rows whose pattern is used.
        training: Of the rows and of each stage.

    Raises:
        UnknownNameError: There is no such setting.
        TpgbenchError: A value of the wrong type or out of bounds.
    """
    if size is not None and size != preset.size and preset.networks.unet is not None:
        raise TpgbenchError(
            f"--size {size}: the networks of the preset '{preset.name}' are made for "
            f"{preset.size} px; leave it out, or take sd15"
        )
    for option, given in (("--base", base), ("--image-encoder", image_encoder)):
        if given is not None and preset.base is None:
            raise TpgbenchError(
                f"{option} {given}: the preset '{preset.name}' has networks of its own; leave it "
                "out, or take --preset sd15"
            )
    own = {
        "base": base,
        "image_encoder": image_encoder,
        "size": size,
        "labelled": labelled,
    }
    values = changed_values(preset, own, training)
    for option in options:
        name, equals, value = option.partition("=")
        if not equals:
            raise TpgbenchError(f"-o {option}: write it as -o key=value")
        _set(values["diffusion"], DiffusionSettings, name, value)
    return validated(Preset, values)


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
