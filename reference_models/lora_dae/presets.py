"""The presets of LoRA-DAE: the tiny base with its LoRA, and Stable Diffusion 1.5."""

from __future__ import annotations

from typing import Unpack

from ..shared.settings import AUTOENCODER_TRAINING, LATENT_CHANNELS, SCHEDULE
from ..training.config import TrainingConfig
from ..training.presets import TrainingOptions, changed_values, find_preset, validated
from .settings import BaseNetworks, Preset

SD15 = Preset(
    name="sd15",
    size=512,
    dataset=None,
    base="stable-diffusion-v1-5/stable-diffusion-v1-5",
    training={
        "lora": TrainingConfig(
            steps=15_000,
            batch_size=4,
            learning_rate=1e-4,
            warmup_steps=200,
            precision="bf16",
        ),
        "gains": TrainingConfig(steps=1000, batch_size=4, learning_rate=1e-3, precision="bf16"),
    },
)

_TINY_NETWORKS = BaseNetworks(
    autoencoder={"latent_channels": LATENT_CHANNELS},
    text_encoder={
        "hidden_size": 128,
        "intermediate_size": 256,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "projection_dim": 128,
    },
    unet={
        "sample_size": 16,
        "in_channels": LATENT_CHANNELS,
        "out_channels": LATENT_CHANNELS,
        # Attention at 16 x 16 latents would take half of the time and improve little.
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        "block_out_channels": (64, 96, 96),
        "layers_per_block": 1,
        "cross_attention_dim": 128,
        "attention_head_dim": 4,
        "norm_num_groups": 16,
    },
    scheduler=SCHEDULE
    | {
        "prediction_type": "v_prediction",
        "timestep_spacing": "trailing",
        # Otherwise sampling starts at a brightness that training never has: all walls turn grey.
        "rescale_betas_zero_snr": True,
    },
    max_length=40,
    explicit_attention=True,
)
_TINY_TRAINING = TrainingConfig(
    steps=7000,
    batch_size=16,
    learning_rate=6e-4,
    final_learning_rate=1e-5,
    warmup_steps=200,
    precision="bf16",
    validate_every=500,
)
TINY = Preset(
    name="tiny",
    size=128,
    dataset="mannequin-synth",
    networks=_TINY_NETWORKS,
    smooth=4.0,
    guidance=2.0,
    mirror=True,
    reuse=16,
    training={
        "autoencoder": AUTOENCODER_TRAINING,
        "base": _TINY_TRAINING,
        "lora": _TINY_TRAINING.model_copy(update={"steps": 2000, "learning_rate": 1e-3}),
        "gains": TrainingConfig(steps=500, batch_size=32, learning_rate=2e-3, precision="bf16"),
    },
)

_SMOKE_TRAINING = TrainingConfig(
    steps=2, batch_size=4, learning_rate=1e-3, log_every=1, validate_every=2, tracker=None
)
SMOKE = TINY.model_copy(
    update={
        "name": "smoke",
        "size": 64,
        "first_rows": 8,
        "held_out_rows": 2,
        "statistics_rows": 4,
        "bins": 3,
        "rank_attention": 2,
        "rank_convolution": 3,
        "sampling_steps": 2,
        "networks": _TINY_NETWORKS.model_copy(
            update={
                "autoencoder": {"latent_channels": LATENT_CHANNELS, "width": 32},
                "unet": {
                    **_TINY_NETWORKS.unet,
                    "sample_size": 8,
                    "block_out_channels": (32, 32, 32),
                },
            }
        ),
        "training": dict.fromkeys(("autoencoder", "base", "lora", "gains"), _SMOKE_TRAINING),
    }
)

_PRESETS = {preset.name: preset for preset in (TINY, SMOKE, SD15)}


def get_preset(name: str) -> Preset:
    """Return a preset.

    Raises:
        UnknownNameError: No such preset.
    """
    return find_preset(_PRESETS, "lora-dae", name)


def adjust_preset(
    preset: Preset,
    *,
    rank_attn: int | None = None,
    rank_conv: int | None = None,
    size: int | None = None,
    **training: Unpack[TrainingOptions],
) -> Preset:
    """Return a preset with everything changed that is not None.

    Args:
        preset: Where it starts from.
        rank_attn: Of the LoRA on cross-attention; 0 for no LoRA there.
        rank_conv: Of the LoRA on convolutions; 0 for no LoRA there.
        size: Side of the photos in pixels.
        training: Settings of the rows and of each stage.

    Raises:
        TpgbenchError: A value out of bounds.
    """
    own = {
        "rank_attention": rank_attn,
        "rank_convolution": rank_conv,
        "size": size,
    }
    return validated(Preset, changed_values(preset, own, training))
