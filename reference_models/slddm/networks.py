"""A preset's networks: fresh, from a base model, or from a folder of finished ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel

from ...errors import TpgbenchError
from .autoencoder import PatchAutoencoder
from .conditioner import Conditioner
from .image_encoder import GarmentEncoder
from .ldn import LDN
from .pipeline import SLDDMPipeline
from .settings import Preset
from .unet import SLDDMUNet

PARTS = ("vae", "image_encoder", "ldn", "conditioner", "unet")


def make_autoencoder(preset: Preset, folder: Path) -> Any:
    """Return the autoencoder: the folder's, the base model's, or a fresh one."""
    if (folder / "vae").is_dir():
        own = PatchAutoencoder if preset.networks.autoencoder is not None else AutoencoderKL
        return _load(own, folder / "vae")
    if preset.networks.autoencoder is not None:
        return PatchAutoencoder(**preset.networks.autoencoder)
    return _load(AutoencoderKL, preset.base, "vae")


def make_image_encoder(preset: Preset, folder: Path) -> Any:
    """Return the image encoder: the folder's, CLIP's, or a fresh one."""
    if preset.networks.encoder is not None:
        if (folder / "image_encoder").is_dir():
            return _load(GarmentEncoder, folder / "image_encoder")
        return GarmentEncoder(**preset.networks.encoder)
    from transformers import CLIPVisionModel

    return _load(CLIPVisionModel, preset.image_encoder)


def make_ldn(preset: Preset, folder: Path) -> LDN:
    """Return the LDN: the folder's, or a fresh one."""
    if (folder / "ldn").is_dir():
        ldn: LDN = _load(LDN, folder / "ldn")
        return ldn
    fresh: LDN = LDN(**preset.networks.ldn)
    return fresh


def make_pipeline(preset: Preset, folder: Path) -> SLDDMPipeline:
    """Return all networks as a pipeline; what the folder holds is taken from it.

    Raises:
        TpgbenchError: A part of the base model is missing or cannot be read.
    """
    if (folder / "unet").is_dir():
        unet = _load(SLDDMUNet, folder / "unet")
        conditioner = _load(Conditioner, folder / "conditioner")
    else:
        conditioner = Conditioner(**preset.networks.conditioner)
        if preset.networks.unet is not None:
            unet = SLDDMUNet(**preset.networks.unet)
        else:
            unet = SLDDMUNet.from_unet(_load(UNet2DConditionModel, preset.base, "unet"))
    return SLDDMPipeline(
        vae=make_autoencoder(preset, folder),
        unet=unet,
        ldn=make_ldn(preset, folder),
        conditioner=conditioner,
        image_encoder=make_image_encoder(preset, folder),
        scheduler=DDIMScheduler(**preset.networks.scheduler),
        size=preset.size,
        background=preset.networks.background,
        fill=preset.fill,
        steps=preset.steps,
    )


def _load(kind: Any, place: Path | str | None, part: str | None = None) -> Any:
    try:
        return kind.from_pretrained(place, subfolder=part) if part else kind.from_pretrained(place)
    except (OSError, ValueError, KeyError) as error:
        what = f"the part '{part}' of {place}" if part else str(place)
        raise TpgbenchError(
            f"{what} cannot be loaded as {kind.__name__}: {str(error).splitlines()[0]}; give a hub "
            "id or a diffusers folder that has it"
        ) from error
