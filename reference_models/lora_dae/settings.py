"""The presets of LoRA-DAE: the tiny base with its LoRA, and Stable Diffusion 1.5."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ..shared.settings import AUTOENCODER_TRAINING, LATENT_CHANNELS, SCHEDULE
from ..training.config import TrainingConfig
from ..training.presets import TrainedPreset, find_preset

Stage = Literal["autoencoder", "base", "lora", "statistics", "gains"]
STAGES: tuple[Stage, ...] = ("autoencoder", "base", "lora", "statistics", "gains")
BASE_STAGES: tuple[Stage, ...] = ("autoencoder", "base")


class BaseNetworks(BaseModel):
    """Arguments of the networks of a base model that is trained from nothing.

    Attributes:
        autoencoder: Of `PatchAutoencoder`.
        text_encoder: Of transformers' ``CLIPTextConfig``.
        unet: Of ``UNet2DConditionModel``.
        scheduler: Of ``DDIMScheduler``.
        max_length: Tokens of a caption.
        explicit_attention: Whether it trains with an explicit softmax, which is faster than torch's
            fused attention on a CPU at these sizes. Nothing else changes.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    autoencoder: dict[str, Any]
    text_encoder: dict[str, Any]
    unet: dict[str, Any]
    scheduler: dict[str, Any]
    max_length: int
    explicit_attention: bool = False


class Preset(TrainedPreset):
    """A size of LoRA-DAE.

    Attributes:
        dataset: What it trains on unless the user says otherwise.
        networks: Of the base, if it is trained from nothing.
        smooth: The base sees garments blurred by so many pixels: it learns no fine texture.
        rank_attention: Of the LoRA on cross-attention.
        rank_convolution: Of the LoRA on convolutions.
        caption_dropout: How often a photo goes without its caption.
        mirror: Whether half of the photos are mirrored.
        held_out_rows: How many rows a stage is validated by.
        statistics_rows: How many rows the band statistics are gathered from.
        bins: Into which they divide the timesteps.
        sampling_steps: That the trained enhancement is for.
        guidance: Scale of classifier-free guidance unless the user says otherwise.
        training: How each stage trains.
    """

    dataset: str | None
    networks: BaseNetworks | None = None
    smooth: float = 0.0
    rank_attention: int = 8
    rank_convolution: int = 8
    caption_dropout: float = Field(default=0.1, ge=0, le=1)
    mirror: bool = False
    held_out_rows: int = 32
    statistics_rows: int = 512
    bins: int = 20
    sampling_steps: int = 25
    guidance: float = Field(default=7.5, ge=0)
    training: Mapping[Stage, TrainingConfig]


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
        # Attention among 16 x 16 latents would take half of the time and bring little.
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
        # Else sampling starts from a brightness that training never saw: walls would all be grey.
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
