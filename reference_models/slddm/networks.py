"""The networks of a preset: new, from a base model, or from a folder of trained ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, DDIMScheduler, ModelMixin, UNet2DConditionModel
from safetensors import SafetensorError

from ...core.errors import TpgbenchError
from ...core.hub import get_pipeline_folder
from ..shared.autoencoder import PatchAutoencoder
from ..shared.quiet import quiet_libraries
from .conditioner import Conditioner
from .image_encoder import GarmentEncoder
from .ldn import LDN
from .pipeline import SLDDMPipeline
from .settings import Preset
from .unet import SLDDMUNet


def make_autoencoder(preset: Preset, folder: Path) -> Any:
    """Return the autoencoder: the folder's, the base model's, or a new one."""
    if (folder / "vae").is_dir():
        own = PatchAutoencoder if preset.networks.autoencoder is not None else AutoencoderKL
        return _load(own, folder / "vae")
    if preset.networks.autoencoder is not None:
        return PatchAutoencoder(**preset.networks.autoencoder)
    return _load(AutoencoderKL, preset.base, "vae")


def make_image_encoder(preset: Preset, folder: Path) -> Any:
    """Return the image encoder: the folder's, CLIP's, or a new one."""
    if preset.networks.encoder is not None:
        if (folder / "image_encoder").is_dir():
            return _load(GarmentEncoder, folder / "image_encoder")
        return GarmentEncoder(**preset.networks.encoder)
    from transformers import CLIPVisionModel

    return _load(CLIPVisionModel, preset.image_encoder)


def make_ldn(preset: Preset, folder: Path, vae: Any) -> LDN:
    """Return the LDN: the folder's, or a new one for the latents of ``vae``.

    Raises:
        TpgbenchError: The preset's size is not divisible by the patch size of the autoencoder.
    """
    if (folder / "ldn").is_dir():
        ldn: LDN = _load(LDN, folder / "ldn")
        return ldn
    side, rest = divmod(preset.size, _patch_size(vae))
    if rest:
        raise TpgbenchError(
            f"--size {preset.size}: give a size divisible by {_patch_size(vae)}, the patch size "
            "of the autoencoder"
        )
    latents = {"latent_channels": vae.config.latent_channels, "latent_size": side}
    fresh: LDN = LDN(**latents | preset.networks.ldn)
    return fresh


def make_pipeline(preset: Preset, folder: Path) -> SLDDMPipeline:
    """Return all networks as a pipeline; networks in the folder are loaded from it.

    Dimensions that the preset does not set follow from the base model and the image encoder.

    Raises:
        TpgbenchError: A part of the base model is missing or cannot be read.
    """
    vae, image_encoder = make_autoencoder(preset, folder), make_image_encoder(preset, folder)
    ldn = make_ldn(preset, folder, vae)
    if (folder / "unet").is_dir():
        unet = _load(SLDDMUNet, folder / "unet")
        conditioner = _load(Conditioner, folder / "conditioner")
        classes = (preset.networks.unet or {}).get("num_class_embeds")
        if classes is not None and unet.config.num_class_embeds is None:
            unet = unet.with_class_embeddings(classes)
    else:
        if preset.networks.unet is not None:
            unet = SLDDMUNet(**preset.networks.unet)
        else:
            unet = SLDDMUNet.from_unet(_load(UNet2DConditionModel, preset.base, "unet"))
        lengths = {
            "image_dim": _embedding_length(image_encoder),
            "ldn_dim": ldn.config.features,
            "context_dim": unet.config.cross_attention_dim,
        }
        conditioner = Conditioner(**lengths | preset.networks.conditioner)
    return SLDDMPipeline(
        vae=vae,
        unet=unet,
        ldn=ldn,
        conditioner=conditioner,
        image_encoder=image_encoder,
        scheduler=DDIMScheduler(**preset.networks.scheduler),
        size=preset.size,
        background=preset.networks.background,
        signal_scaled=preset.networks.signal_scaled,
        fill=preset.fill,
        steps=preset.steps,
    )


def _patch_size(vae: Any) -> int:
    if isinstance(vae, PatchAutoencoder):
        return int(vae.config.patch_size)
    levels: int = len(vae.config.block_out_channels)
    return 1 << (levels - 1)


def _embedding_length(image_encoder: Any) -> int:
    own = isinstance(image_encoder, GarmentEncoder)
    config = image_encoder.config
    return int(config.embedding_dim if own else config.hidden_size)


def _load(kind: Any, place: Path | str | None, part: str | None = None) -> Any:
    where = {} if part is None else {"subfolder": part}
    what = f"the part '{part}' of {place}" if part else str(place)
    if not isinstance(place, Path):
        place = get_pipeline_folder(str(place), part)
    try:
        with quiet_libraries():
            if issubclass(kind, ModelMixin):
                _check_class(kind, kind.load_config(place, **where)["_class_name"])
            # Safetensors only: the other format may run code.
            network, report = kind.from_pretrained(
                place,
                **where,
                torch_dtype=torch.float32,
                use_safetensors=True,
                output_loading_info=True,
            )
        if report["missing_keys"]:
            raise ValueError(f"it has no weight '{min(report['missing_keys'])}'")
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        raise TpgbenchError(
            f"{what} cannot be loaded as {kind.__name__}: {str(error).splitlines()[0]}; give a hub "
            "id or a diffusers folder that has it"
        ) from error
    return network


def _check_class(kind: Any, name: str) -> None:
    if name != kind.__name__:
        raise ValueError(f"it is of the class {name}")
