"""What a training of SLDDM-TPG can be told: networks, losses, stages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ..training.config import TrainingConfig
from ..training.presets import (
    TrainedPreset,
)
from .pipeline_folder import Background

Stage = Literal["autoencoder", "ldn", "sldm"]
STAGES: tuple[Stage, ...] = ("autoencoder", "ldn", "sldm")


class _Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class LdnSettings(_Settings):
    """Losses of stage 1.

    Attributes:
        scm_only: The share of the training in which the SCM trains alone.
        augmented_weight: Weight of the terms with the augmented garment C'.
        triplet_weight: Weight of the texture triplet loss.
        margin: Of the triplet loss.
        triplet: ``"paper"`` (hinge, pushes f_T of garment and pattern apart) or ``"release"``.
    """

    scm_only: float = Field(default=0.5, ge=0, le=1)
    augmented_weight: float = Field(default=0.001, ge=0)
    triplet_weight: float = Field(default=1.0, ge=0)
    margin: float = Field(default=1.0, gt=0)
    triplet: Literal["paper", "release"] = "paper"


class LossWeights(_Settings):
    """Weights of stage 2. A loss of weight 0 is not computed.

    Attributes:
        noise: Mean squared error of the U-Net's prediction on noised pattern latents.
        mse: Of the decoded one-step estimate against the pattern, or the masked garment.
        perceptual: The same, between feature maps.
        cls: Convolutional local similarity to the pattern.
        std: In-domain stable transformation.
        std_cross: Cross-domain stable transformation.
        l1: Beyond the paper: mean absolute error of the decoded estimate against the pattern.
        gradient: Beyond the paper: the same of its differences between neighbours.
        ssim: Beyond the paper: 1 - SSIM of the decoded estimate.
    """

    noise: float = Field(default=1.0, ge=0)
    mse: float = Field(default=0.1, ge=0)
    perceptual: float = Field(default=0.001, ge=0)
    cls: float = Field(default=1.0, ge=0)
    std: float = Field(default=5e-3, ge=0)
    std_cross: float = Field(default=1e-2, ge=0)
    l1: float = Field(default=0.0, ge=0)
    gradient: float = Field(default=0.0, ge=0)
    ssim: float = Field(default=0.0, ge=0)


class DiffusionSettings(_Settings):
    """What stage 2 learns from.

    Attributes:
        weights: Of the losses.
        train_backbone: Whether all of the U-Net trains, or the paper's part of it: the LDN
            attention (and the input convolution where it was widened).
        estimate_share: The share of labelled rows that are judged by their one-step estimate in
            place of their noise; None: each row is judged by both, as in the paper.
        full_noise_share: The share of rows at the last timestep, where sampling starts.
        estimate_from: The earliest timestep of an estimate from the garment latent.
        context_dropout: How often a row sees the negative branch.
        garment_dropout: How often a row's garment latent is zero, so that only contexts are left.
        cls_kernels: How many kernels the CLS loss takes from a pattern.
        cls_kernel_size: Their side in pixels.
        cls_stride: The CLS loss looks at every so many pixels.
        content: Whether the content feature f_S is used (zero otherwise).
        structured: Whether the structured feature f_A is used.
    """

    weights: LossWeights = LossWeights()
    train_backbone: bool = False
    estimate_share: float | None = Field(default=None, ge=0, le=1)
    full_noise_share: float = Field(default=0.0, ge=0, le=1)
    estimate_from: int = Field(default=0, ge=0, le=999)
    context_dropout: float = Field(default=0.2, ge=0, le=1)
    garment_dropout: float = Field(default=0.0, ge=0, le=1)
    cls_kernels: int = Field(default=4, ge=1)
    cls_kernel_size: int = Field(default=64, ge=1)
    cls_stride: int = Field(default=1, ge=1)
    content: bool = True
    structured: bool = True


class Networks(_Settings):
    """Arguments of the networks' classes, and what the pipeline is told of them.

    Attributes:
        autoencoder: Of `PatchAutoencoder`; None: the base model's own is used.
        encoder: Of `GarmentEncoder`; None: CLIP's.
        ldn: Of `LDN`.
        conditioner: Of `Conditioner`.
        unet: Of `SLDDMUNet`; None: the base model's is extended.
        scheduler: Of ``DDIMScheduler``.
        background: What surrounds the garment.
        signal_scaled: Whether noisy latents are taken times the share of the clean one in them.
    """

    autoencoder: dict[str, Any] | None = None
    encoder: dict[str, Any] | None = None
    ldn: dict[str, Any] = {}
    conditioner: dict[str, Any] = {}
    unet: dict[str, Any] | None = None
    scheduler: dict[str, Any]
    background: Background = "keep"
    signal_scaled: bool = False


class Preset(TrainedPreset):
    """A size of SLDDM-TPG.

    Attributes:
        datasets: What it trains on, in turns, unless the user says otherwise; one that stands
            here twice has two turns.
        networks: Their arguments.
        image_encoder: Hub id or folder of CLIP, or None.
        filler: The weight-free model that fills the rendered garments, or None. Presets that
            share rows and first stages share it.
        fill: Whether the garment latent is of the filled garment: the extension, not the paper.
        labelled: The share of rows whose pattern is used.
        only_labelled: Whether stage 2 leaves the other rows out.
        ldn: Stage 1.
        diffusion: Stage 2.
        training: How each stage trains.
        steps: Sampling steps unless the user says otherwise.
    """

    datasets: tuple[str, ...]
    networks: Networks
    image_encoder: str | None = None
    filler: str | None = None
    fill: bool = False
    labelled: float = Field(default=1.0, gt=0, le=1)
    only_labelled: bool = False
    ldn: LdnSettings = LdnSettings()
    diffusion: DiffusionSettings = DiffusionSettings()
    training: Mapping[Stage, TrainingConfig]
    steps: int = 50

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The stages that it has: a preset with a base model needs no autoencoder of its own."""
        return tuple(stage for stage in STAGES if stage in self.training)
