"""Checkpoints: pipeline folders with a list of checksums, which are checked when they are read."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import torch
from diffusers import DDIMScheduler
from safetensors import SafetensorError
from torch import nn

from ...core.errors import TpgbenchError
from ..shared.autoencoder import PatchAutoencoder
from ..shared.shipping import (
    CHECKSUMS,
    check_folder,
    forget_places,
    read_checksums,
    weight_sums,
    write_checksums,
)
from .conditioner import Conditioner
from .image_encoder import GarmentEncoder
from .ldn import LDN
from .pipeline import SLDDMPipeline
from .pipeline_folder import (
    PARTS,
    SCHEDULER,
    PipelineFolder,
    PipelineIndex,
    not_loadable,
    open_pipeline_folder,
)
from .unet import SLDDMUNet


def check_shared(shared: Path | None, folder: Path) -> None:
    """Raise unless a checkpoint can share its parts with a new folder.

    Raises:
        TpgbenchError: It is not a checkpoint, is damaged, or is the folder itself.
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
    """Write a pipeline in half precision, with its checksums, into an empty folder.

    Args:
        pipeline: The networks, in float32.
        folder: Where to.
        shared: Another checkpoint; parts that are equal in it are left out.
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


def load_checkpoint(folder: Path, *, shared: Path | None = None) -> SLDDMPipeline:
    """Read a pipeline folder: a checkpoint, the result of a training, or a converted release.

    Args:
        folder: With ``model_index.json``.
        shared: Where parts are that the folder lacks.

    Returns:
        The pipeline in float32.

    Raises:
        TpgbenchError: A part is missing, damaged, of another preset, or differs from its checksum.
    """
    return load_networks(open_pipeline_folder(folder, shared=shared))


def load_networks(opened: PipelineFolder) -> SLDDMPipeline:
    """Read the networks of an opened pipeline folder; see `load_checkpoint`.

    Raises:
        TpgbenchError: A part is damaged, of another preset, or differs from its checksum.
    """
    folder, index = opened.path, opened.index
    opened.files()  # checks them
    try:
        pipeline = SLDDMPipeline(
            **{part: _read_part(index, place, part) for part, place in opened.places.items()},
            scheduler=DDIMScheduler.from_pretrained(folder, subfolder=SCHEDULER),
            **index.settings(),
        )
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        raise not_loadable(folder, str(error).splitlines()[0]) from error
    _check_shapes(pipeline, folder)
    return pipeline


def cast(pipeline: SLDDMPipeline, dtype: torch.dtype) -> None:
    """Convert all networks of a pipeline to a precision, in place."""
    for part in PARTS:
        # diffusers' own `to` warns about modules that need float32; there are none here.
        nn.Module.to(getattr(pipeline, part), dtype)


def _read_part(index: PipelineIndex, place: Path, part: str) -> Any:
    from diffusers import AutoencoderKL
    from transformers import CLIPVisionModel

    kinds = (
        *(PatchAutoencoder, AutoencoderKL, GarmentEncoder, CLIPVisionModel),
        *(LDN, Conditioner, SLDDMUNet),
    )
    kind: Any = {one.__name__: one for one in kinds}[index.class_of(part)]
    return kind.from_pretrained(
        place, subfolder=part, torch_dtype=torch.float32, use_safetensors=True
    )


def _check_shapes(pipeline: SLDDMPipeline, folder: Path) -> None:
    """Raise unless the shapes of the parts match: they may come from different presets."""
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
                "of different presets; download the whole folder again"
            )
