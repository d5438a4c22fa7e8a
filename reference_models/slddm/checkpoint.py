"""Checkpoints: pipeline folders with a list of checksums, read only if the bytes are right."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from diffusers import DDIMScheduler
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors import SafetensorError
from torch import nn

from ...core.errors import TpgbenchError
from ..shared.autoencoder import PatchAutoencoder
from ..shared.shipping import (
    CHECKSUMS,
    check_folder,
    checked_sums,
    config_sums,
    forget_places,
    read_checksums,
    weight_sums,
    write_checksums,
)
from .conditioner import Conditioner
from .image_encoder import GarmentEncoder
from .latents import Background
from .ldn import LDN
from .networks import PARTS
from .pipeline import SLDDMPipeline
from .unet import SLDDMUNet

_INDEX = "model_index.json"
_Origin = Annotated[list[str], Field(min_length=2, max_length=2)]  # a part's module and class


class _Index(BaseModel):
    """``model_index.json``: the parts, and the settings of `SLDDMPipeline`."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    vae: _Origin
    image_encoder: _Origin
    ldn: _Origin
    conditioner: _Origin
    unet: _Origin
    scheduler: _Origin
    size: int = Field(ge=8, multiple_of=8)
    background: Background
    ldn_factor: float
    negative: Literal["defect", "structured"]
    fill: bool
    signal_scaled: bool
    steps: int = Field(ge=1, le=1000)

    def settings(self) -> dict[str, Any]:
        """Return what the pipeline was told beside its parts."""
        return self.model_dump(exclude={*PARTS, "scheduler"})


def check_shared(shared: Path | None, folder: Path) -> None:
    """Raise unless parts can be left out of a folder because a checkpoint has them.

    Raises:
        TpgbenchError: It is no checkpoint, damaged, or the folder itself.
    """
    if shared is None:
        return
    if not read_checksums(shared):
        raise TpgbenchError(
            f"--shared {shared}: lists no weights in a {CHECKSUMS}: give the folder of a "
            "checkpoint, such as --out of 'tpgbench convert slddm-training'"
        )
    if shared.resolve() == folder.resolve():
        raise TpgbenchError(f"--shared {shared}: is --out itself: give another checkpoint")
    check_folder(shared)


def write_parts(pipeline: SLDDMPipeline, folder: Path, *, shared: Path | None) -> None:
    """Write a pipeline in half precision, and the checksums, into an empty folder.

    Args:
        pipeline: The networks, in float32.
        folder: Where to.
        shared: Another checkpoint: parts equal to its own are left out and taken from there.
    """
    cast(pipeline, torch.float16)
    try:
        pipeline.save_pretrained(folder)
    finally:
        cast(pipeline, torch.float32)
    forget_places(folder)
    if shared is not None:
        known = read_checksums(shared)
        for part in PARTS:
            sums = weight_sums(folder, part)
            if sums and all(known.get(name) == value for name, value in sums.items()):
                shutil.rmtree(folder / part)
    sums = {name: one for part in PARTS for name, one in weight_sums(folder, part).items()}
    write_checksums(folder, sums)


def load_checkpoint(
    folder: Path, *, shared: Path | None = None
) -> tuple[SLDDMPipeline, dict[str, str]]:
    """Read a pipeline folder: a checkpoint, what a training left, or a converted release.

    Args:
        folder: With ``model_index.json``.
        shared: Where parts are that the folder lacks.

    Returns:
        The pipeline in float32, and the SHA-256 by name of every file that the patterns depend
        on: weights and configurations.

    Raises:
        TpgbenchError: A part is missing, damaged, of another preset, or not what its checksum says.
    """
    if not (folder / _INDEX).is_file():
        raise TpgbenchError(
            f"{folder}: has no {_INDEX}: give the folder of a pipeline, such as OUT/pipeline of "
            "'tpgbench train slddm --out OUT'"
        )
    index = _read_index(folder)
    places = _places(folder, shared)
    sums: dict[str, str] = {}
    for part, place in places.items():
        sums |= checked_sums(place, part) | config_sums(place, part)
    sums |= config_sums(folder, ".") | config_sums(folder, "scheduler")
    try:
        pipeline = SLDDMPipeline(
            **{part: _read_part(index, place, part) for part, place in places.items()},
            scheduler=DDIMScheduler.from_pretrained(folder, subfolder="scheduler"),
            **index.settings(),
        )
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        raise TpgbenchError(
            f"{folder}: cannot be loaded as an SLDDM pipeline: {str(error).splitlines()[0]}; it is "
            "damaged or of another model: get it again, or train one"
        ) from error
    _check_shapes(pipeline, folder)
    return pipeline, sums


def cast(pipeline: SLDDMPipeline, dtype: torch.dtype) -> None:
    """Bring all networks of a pipeline to a precision, in place."""
    for part in PARTS:
        # diffusers' own `to` warns of modules that want float32, of which there are none.
        nn.Module.to(getattr(pipeline, part), dtype)


def _places(folder: Path, shared: Path | None) -> dict[str, Path]:
    """Return in which folder each part is."""
    places = {
        part: place
        for part in PARTS
        for place in (shared, folder)  # its own comes last, and counts
        if place is not None and (place / part).is_dir()
    }
    missing = [part for part in PARTS if part not in places]
    if not missing:
        return places
    listed = read_checksums(folder)
    left_out = listed and not any(name.split("/")[0] in missing for name in listed)
    raise TpgbenchError(
        f"{folder}: has no {' and no '.join(repr(part) for part in missing)}: "
        + (
            "copy them there from the checkpoint that it shares them with, or convert its training "
            "without --shared"
            if left_out
            else "the pipeline is not complete; get it again"
        )
    )


def _read_part(index: _Index, place: Path, part: str) -> Any:
    kind = _part_class(getattr(index, part)[1], part)
    # Safetensors only: the other format may run code.
    return kind.from_pretrained(
        place, subfolder=part, torch_dtype=torch.float32, use_safetensors=True
    )


def _part_class(name: str, part: str) -> Any:
    from diffusers import AutoencoderKL
    from transformers import CLIPVisionModel

    kinds = {
        "vae": (PatchAutoencoder, AutoencoderKL),
        "image_encoder": (GarmentEncoder, CLIPVisionModel),
        "ldn": (LDN,),
        "conditioner": (Conditioner,),
        "unet": (SLDDMUNet,),
    }
    for kind in kinds[part]:
        if kind.__name__ == name:
            return kind
    known = " or ".join(kind.__name__ for kind in kinds[part])
    raise ValueError(f"the part '{part}' is a {name}, not a {known}")


def _read_index(folder: Path) -> _Index:
    path = folder / _INDEX
    try:
        stored = json.loads(path.read_text())
        if not isinstance(stored, dict):
            raise ValueError("it holds no settings by name")
        # What begins with an underscore is diffusers' own.
        return _Index.model_validate({k: one for k, one in stored.items() if not k.startswith("_")})
    except ValidationError as error:
        first = error.errors()[0]
        reason = f"{'.'.join(map(str, first['loc']))}: {first['msg'].lower()}"
    except (OSError, ValueError) as error:
        reason = f"cannot be read ({error})"
    raise TpgbenchError(
        f"{path}: {reason}; it is damaged or of another model: get it again, or train one"
    )


def _check_shapes(pipeline: SLDDMPipeline, folder: Path) -> None:
    """Raise unless the parts fit together: they may come from different presets."""
    latents = pipeline.vae.config.latent_channels
    parts = pipeline.unet.config, pipeline.ldn.config, pipeline.conditioner.config
    unet, ldn, conditioner = parts
    copies = 3 if pipeline.config.fill else 2
    wanted = {
        "unet.in_channels": (unet.in_channels, copies * latents + 1),
        "unet.out_channels": (unet.out_channels, latents),
        "ldn.latent_channels": (ldn.latent_channels, latents),
        "conditioner.ldn_dim": (conditioner.ldn_dim, ldn.features),
        "unet.cross_attention_dim": (unet.cross_attention_dim, conditioner.context_dim),
    }
    for name, (found, needed) in wanted.items():
        if found != needed:
            raise TpgbenchError(
                f"{folder}: {name} is {found} where the other parts need {needed}: the parts are "
                "of different presets; get the whole folder again"
            )
