"""Converting a checkpoint of the public release of SLDDM-TPG to a diffusers folder."""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, DDIMScheduler
from diffusers.loaders.single_file_utils import convert_ldm_vae_checkpoint
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor
from transformers import CLIPVisionConfig, CLIPVisionModel

from ...core.errors import TpgbenchError
from ...core.folders import new_folder
from .pipeline import SLDDMPipeline
from .release_networks import (
    LDN_PREFIX,
    UNET_PREFIX,
    Shapes,
    load_release_conditioner,
    load_release_ldn,
    load_release_unet,
    refuse,
    without_prefix,
)

_VAE_PREFIX = "first_stage_model."
_CLIP_PREFIX = "cond_stage_model.transformer."
# The part of a tensor, by the prefix of its name.
_PARTS = {
    LDN_PREFIX: "ldn",
    # A checkpoint of stage 1 holds only the LDN, without a prefix.
    "feature_encoder.": "ldn",
    "sim.": "ldn",
    "diff.": "ldn",
    "affine_block.": "ldn",
    UNET_PREFIX: "unet",
    _VAE_PREFIX: "vae",
    _CLIP_PREFIX: "image_encoder",
    "cond_stage_model.mapper.": "conditioner",
    "cond_stage_model.final_ln.": "conditioner",
    "proj_out.": "conditioner",
    "proj_out_cpsd.": "conditioner",
    "learnable_vector": "conditioner",
}
# The noise schedule, which the scheduler computes, and the network of the release's VGG loss.
_NOT_NEEDED = (
    "betas",
    "alphas_cumprod",
    "sqrt_",
    "log_one_minus_alphas_cumprod",
    "posterior_",
    "logvar",
    "scale_factor",
    "vgg.",
)
_LDN_FACTOR = 0.5
_NEGATIVE = "structured"


@dataclass(frozen=True)
class ReleaseReport:
    """The result of converting a checkpoint.

    Attributes:
        out: The folder that was written.
        parts: The networks in it.
        absent: Parts that the checkpoint lacks; if there are none, the folder is a pipeline.
        unknown: Names of tensors of no part; they were left out.
    """

    out: Path
    parts: tuple[str, ...]
    absent: tuple[str, ...]
    unknown: tuple[str, ...]


def convert_slddm_release(checkpoint: str | Path, out: str | Path) -> ReleaseReport:
    """Write the networks of a release checkpoint as a diffusers folder.

    Each part that the checkpoint holds becomes a subfolder: ``ldn``, ``unet``, ``conditioner``,
    ``vae``, ``image_encoder``. With all five, ``SLDDMPipeline.from_pretrained`` loads the folder,
    with the release's settings: the LDN reads latents times 0.5, and guidance steers away from
    f_A. The folder is written whole or not at all.

    Args:
        checkpoint: ``.ckpt``, ``.pt``, ``.pth`` or ``.safetensors``; only tensors are read,
            no code in it is run.
        out: The folder to make.

    Raises:
        TpgbenchError: The file is damaged, holds more than tensors or no part of SLDDM, a part of
            it has missing, unknown or misshapen tensors, or ``out`` cannot be written.
    """
    checkpoint, out = Path(checkpoint), Path(out)
    parts, unknown = _split(read_tensors(checkpoint))
    if not parts:
        raise TpgbenchError(
            f"{checkpoint}: no tensor of SLDDM-TPG is in it (first of {len(unknown)}: "
            f"{', '.join(unknown[:3]) or 'none'}); give a checkpoint of the public release"
        )
    try:
        networks = {name: _LOADERS[name](tensors) for name, tensors in parts.items()}
    except TpgbenchError as error:
        raise TpgbenchError(f"{checkpoint}: {error}") from error
    except (ValueError, ZeroDivisionError) as error:  # of a network's class
        raise TpgbenchError(
            f"{checkpoint}: the shapes of its tensors do not fit together ({_first_line(error)}); "
            "give the complete checkpoint of the public release"
        ) from error
    absent = tuple(name for name in _LOADERS if name not in networks)
    with new_folder(out) as staging:
        if absent:
            for name, network in networks.items():
                network.save_pretrained(staging.folder / name)
        else:
            pipeline = SLDDMPipeline(
                **networks,
                scheduler=_scheduler(),
                ldn_factor=_LDN_FACTOR,
                negative=_NEGATIVE,
            )
            pipeline.save_pretrained(staging.folder)
    return ReleaseReport(out, tuple(networks), absent, tuple(unknown))


def read_tensors(checkpoint: Path) -> dict[str, Tensor]:
    """Return the tensors of a checkpoint by name, without running any code in it.

    Args:
        checkpoint: ``.safetensors``, or a file of ``torch.save``: a state dict, or a dict with one
            under ``"state_dict"``.

    Raises:
        TpgbenchError: It is missing, damaged, or holds more than tensors and plain values.
    """
    try:
        if checkpoint.suffix == ".safetensors":
            return load_file(checkpoint)
        stored = torch.load(checkpoint, map_location="cpu", weights_only=True, mmap=True)
    except pickle.UnpicklingError as error:
        raise TpgbenchError(
            f"{checkpoint}: holds more than tensors, or is damaged ({_first_line(error)}); if "
            "you trust it, save its tensors alone: torch.save(torch.load(path, "
            "weights_only=False)['state_dict'], 'tensors.pt')"
        ) from error
    except (OSError, RuntimeError, SafetensorError, EOFError, ValueError) as error:
        raise TpgbenchError(
            f"{checkpoint}: cannot be read as a checkpoint: {_first_line(error)}; download it "
            "again and compare its checksum"
        ) from error
    if isinstance(stored, dict):
        stored = stored.get("state_dict", stored)
    if not isinstance(stored, dict) or not all(isinstance(name, str) for name in stored):
        raise TpgbenchError(f"{checkpoint}: holds no tensors by name; give a state dict")
    return {name: value for name, value in stored.items() if isinstance(value, Tensor)}


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _split(
    tensors: Mapping[str, Tensor],
) -> tuple[dict[str, dict[str, Tensor]], list[str]]:
    """Return tensors by part and name, and the names that are of no part."""
    parts: dict[str, dict[str, Tensor]] = {}
    unknown = []
    for name, tensor in tensors.items():
        part = next((part for prefix, part in _PARTS.items() if name.startswith(prefix)), None)
        if part is not None:
            parts.setdefault(part, {})[name] = tensor
        elif not name.startswith(_NOT_NEEDED):
            unknown.append(name)
    return parts, unknown


def _load_vae(tensors: Mapping[str, Tensor]) -> AutoencoderKL:
    shapes = Shapes("VAE", without_prefix(tensors, _VAE_PREFIX))
    levels = range(shapes.count("encoder.down."))
    channels = [shapes[f"encoder.down.{level}.block.0.conv2.weight"][0] for level in levels]
    with torch.device("meta"):
        vae = AutoencoderKL(
            down_block_types=["DownEncoderBlock2D"] * len(channels),
            up_block_types=["UpDecoderBlock2D"] * len(channels),
            block_out_channels=channels,
            layers_per_block=shapes.count("encoder.down.0.block."),
            latent_channels=shapes["decoder.conv_in.weight"][1],
            sample_size=512,
            scaling_factor=0.18215,
        )
    try:
        converted = convert_ldm_vae_checkpoint(tensors, vae.config)
    except KeyError as error:
        refuse("VAE", missing=[str(error.args[0])])
        raise
    # Tensors that it does not find may be None.
    found = {name: tensor for name, tensor in converted.items() if tensor is not None}
    return _filled(vae, found, "VAE")


def _load_image_encoder(tensors: Mapping[str, Tensor]) -> CLIPVisionModel:
    named = without_prefix(without_prefix(tensors, _CLIP_PREFIX), "vision_model.")
    named = {name: tensor for name, tensor in named.items() if "position_ids" not in name}
    shapes = Shapes("image encoder", named)
    width, _, patch, _ = shapes.of("embeddings.patch_embedding.weight", 4)
    positions = shapes["embeddings.position_embedding.weight"][0]
    config = CLIPVisionConfig(
        hidden_size=width,
        intermediate_size=shapes["encoder.layers.0.mlp.fc1.weight"][0],
        num_hidden_layers=shapes.count("encoder.layers."),
        num_attention_heads=width // 64,
        patch_size=patch,
        image_size=patch * math.isqrt(positions - 1),
    )
    with torch.device("meta"):
        encoder = CLIPVisionModel(config)
    filled: CLIPVisionModel = _filled(encoder, named, "image encoder")
    return filled


def _filled(network: Any, given: Mapping[str, Tensor], part: str) -> Any:
    wanted = network.state_dict()
    missing = sorted(wanted.keys() - given.keys())
    unknown = sorted(given.keys() - wanted.keys())
    misshapen = [
        name for name in wanted if name in given and given[name].shape != wanted[name].shape
    ]
    refuse(part, missing=missing, unknown=unknown, misshapen=misshapen)
    network.load_state_dict(given, assign=True)
    return network.eval()


def _scheduler() -> DDIMScheduler:
    return DDIMScheduler(
        beta_schedule="scaled_linear",
        beta_start=0.00085,
        beta_end=0.0120,
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
    )


_LOADERS: dict[str, Callable[[Mapping[str, Tensor]], Any]] = {
    "ldn": load_release_ldn,
    "unet": lambda tensors: load_release_unet(tensors).unet,
    "conditioner": load_release_conditioner,
    "vae": _load_vae,
    "image_encoder": _load_image_encoder,
}
