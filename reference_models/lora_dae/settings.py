"""The settings of a training of LoRA-DAE: networks, ranks, stages."""

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
    """Arguments of the networks of a base model that is trained from scratch.

    Attributes:
        autoencoder: Of `PatchAutoencoder`.
        text_encoder: Of transformers' ``CLIPTextConfig``.
        unet: Of ``UNet2DConditionModel``.
        scheduler: Of ``DDIMScheduler``.
        max_length: Tokens per caption.
        explicit_attention: Whether to train with an explicit softmax, which at these sizes is
            faster than torch's fused attention on a CPU. Nothing else changes.
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
        dataset: To train on by default.
        networks: Of the base, if it is trained from scratch.
        smooth: Standard deviation of the blur, in pixels, of the garments that the base is trained
            on: it learns no fine texture.
        rank_attention: Of the LoRA on cross-attention.
        rank_convolution: Of the LoRA on convolutions.
        caption_dropout: Probability that a photo gets an empty caption.
        mirror: Whether half of the photos are mirrored.
        held_out_rows: Rows that a stage is validated on.
        statistics_rows: Rows that the band statistics are gathered from.
        bins: Bins of timesteps of the statistics.
        sampling_steps: Number of steps that the trained enhancement is made for.
        guidance: Default scale of classifier-free guidance.
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
