"""LoRA on cross-attention and convolutions, each with its own rank."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from ...core.errors import TpgbenchError
from ...core.files import write_atomic
from .adapter import LORA_FILE

ATTENTION = r".*attn2\.(to_q|to_k|to_v|to_out\.0)"
CONVOLUTION = r".*(resnets\.\d+\.(conv1|conv2|conv_shortcut)|(down|up)samplers\.0\.conv)"
_SAMPLED = 16


@dataclass(frozen=True)
class LoraRanks:
    """Ranks of the low-rank updates; 0 leaves a kind of layer out, but not both.

    Attributes:
        attention: Of the cross-attentions' four projections.
        convolution: Of the residual blocks' and the samplers' convolutions.
    """

    attention: int
    convolution: int

    def check(self) -> None:
        """Raise unless one is positive and none is negative.

        Raises:
            TpgbenchError: Otherwise.
        """
        if max(self.attention, self.convolution) < 1 or min(self.attention, self.convolution) < 0:
            raise TpgbenchError(
                f"--rank-attn {self.attention} --rank-conv {self.convolution}: give ranks of at "
                "least 1; 0 leaves a kind of layer out, but not both"
            )


def add_lora(unet: Any, ranks: LoraRanks) -> None:
    """Freeze a U-Net and add a trainable LoRA adapter, which is the identity at first.

    Args:
        unet: diffusers' ``UNet2DConditionModel``.
        ranks: Of the adapter; the scale is 1 whatever the rank.

    Raises:
        TpgbenchError: No or negative ranks, a rank above a layer's width, or no such layers.
    """
    from peft import LoraConfig

    patterns = {ATTENTION: ranks.attention, CONVOLUTION: ranks.convolution}
    ranks.check()
    used = {pattern: rank for pattern, rank in patterns.items() if rank}
    for pattern, rank in used.items():
        _check_widths(unet, pattern, rank)
    unet.requires_grad_(False)
    unet.add_adapter(
        LoraConfig(
            r=max(used.values()),
            lora_alpha=max(used.values()),
            target_modules="|".join(f"(?:{pattern})" for pattern in used),
            rank_pattern=used,
            alpha_pattern=used,
        )
    )


def save_lora(unet: Any, folder: Path) -> None:
    """Write the adapter in diffusers' standard format, for ``load_lora_weights``."""
    from diffusers.utils import convert_state_dict_to_diffusers
    from peft.utils import get_peft_model_state_dict

    layers = convert_state_dict_to_diffusers(get_peft_model_state_dict(unet))
    # diffusers renames the matrices of attention only, and infers the naming of a file from its
    # first name: if that is a convolution's, it would silently skip attention.
    layers = {
        "unet."
        + name.replace(".lora_A.", ".lora.down.").replace(".lora_B.", ".lora.up."): value.detach()
        .cpu()
        .contiguous()
        for name, value in layers.items()
    }
    write_atomic(folder / LORA_FILE, save(layers, {"format": "pt"}))


def check_lora(path: Path, unet: Any) -> None:
    """Raise unless every matrix of a LoRA file fits its layer.

    Args:
        path: A file in diffusers' format.
        unet: The base model's.

    Raises:
        TpgbenchError: It cannot be read, or is of another base.
    """
    try:
        with safe_open(path, framework="pt") as stored:
            shapes = {name: stored.get_slice(name).get_shape() for name in stored.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise TpgbenchError(
            f"{path}: cannot be read as LoRA weights ({type(error).__name__}): train them with "
            "'tpgbench train lora-dae'"
        ) from error
    layers = {f"unet.{name}": module for name, module in unet.named_modules()}
    for name, shape in shapes.items():
        layer, _, part = name.partition(".lora")
        weight = getattr(layers.get(layer), "weight", None)
        down = part.startswith(("_A", ".down"))
        if weight is None or shape[1 if down else 0] != weight.shape[1 if down else 0]:
            found = "there is no such layer" if weight is None else f"it is {list(weight.shape)}"
            raise TpgbenchError(
                f"{path}: belongs to another base model: {name} has shape {shape}, and here "
                f"{found}: give the base that it was trained on with -o base=DIR|ID"
            )


def _check_widths(unet: Any, pattern: str, rank: int) -> None:
    widths = {
        name: min(module.weight.shape[:2])
        for name, module in unet.named_modules()
        if re.fullmatch(pattern, name) and getattr(module, "weight", None) is not None
    }
    if not widths:
        raise TpgbenchError(
            "the base model's U-Net has no layers with the names of Stable Diffusion's: give a "
            "base with the architecture of Stable Diffusion 1.5"
        )
    narrowest = min(widths, key=widths.__getitem__)
    if rank > widths[narrowest]:
        raise TpgbenchError(
            f"rank {rank} is above the width {widths[narrowest]} of {narrowest}: give a rank of "
            "at most that"
        )


def sample_weights(unet: Any) -> tuple[float, ...]:
    """Return some weights of a U-Net's first convolution, which LoRA does not change."""
    weights = unet.conv_in.weight.detach().float().cpu().flatten()
    places = torch.linspace(0, len(weights) - 1, _SAMPLED).long()
    return tuple(round(value, 6) for value in weights[places].tolist())
