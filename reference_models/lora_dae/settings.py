"""What a training of LoRA-DAE can be told: networks, ranks, stages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ..training.config import TrainingConfig
from ..training.presets import (
    TrainedPreset,
)

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
