"""The settings of a training of SLDDM-TPG: networks, losses, stages."""

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
        scm_only: The share of the training, from its start, with the SCM loss alone.
        augmented_weight: Weight of the terms with the augmented garment C'.
        triplet_weight: Weight of the texture triplet loss.
        margin: Of the triplet loss.
        triplet: ``"paper"`` (hinge) or ``"release"``: see `losses.texture_triplet_loss`.
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
        perceptual: The same, on feature maps.
        cls: Convolutional local similarity to the pattern.
        std: In-domain stable transformation.
        std_cross: Cross-domain stable transformation.
        l1: Beyond the paper: mean absolute error of the decoded estimate against the pattern.
        gradient: Beyond the paper: the same for differences of neighbouring pixels.
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
    """Losses and inputs of stage 2.

    Attributes:
        weights: Of the losses.
        train_backbone: Whether the whole U-Net is trained, or only the LDN attention and the input
            convolution, as in the paper.
        estimate_share: The share of labelled rows that get the losses of the one-step estimate
            instead of the noise loss; None: each row gets both, as in the paper.
        full_noise_share: The share of rows at the last timestep, where sampling starts.
        estimate_from: The earliest timestep of an estimate from the garment latent.
        context_dropout: Probability that a row gets the negative context.
        garment_dropout: Probability that a row's garment latent is zero, so that only the contexts
            remain.
        cls_kernels: Kernels per pattern in the CLS loss.
        cls_kernel_size: Their side in pixels.
        cls_stride: Factor by which the CLS loss averages images down.
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
    """Arguments of the networks' classes, and settings of the pipeline.

    Attributes:
        autoencoder: Of `PatchAutoencoder`; None for the base model's.
        encoder: Of `GarmentEncoder`; None for CLIP's.
        ldn: Of `LDN`.
        conditioner: Of `Conditioner`.
        unet: Of `SLDDMUNet`; None to extend the base model's.
        scheduler: Of ``DDIMScheduler``.
        background: Around the garment.
        signal_scaled: Whether noisy latents are scaled by their share of the clean latent.
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
        datasets: To train on by default, in turn; repeating a name gives it more turns.
        networks: Their arguments.
        image_encoder: Hub id or folder of CLIP, or None.
        filler: The weight-free model that fills the garments of its rows, or None. Presets that
            share rows and first stages share it.
        fill: Whether the garment latent is of the filled garment: our extension, not the paper.
        labelled: The share of rows whose pattern is used.
        only_labelled: Whether stage 2 uses labelled rows only.
        ldn: Stage 1.
        diffusion: Stage 2.
        training: How each stage trains.
        steps: Default number of sampling steps.
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
        """Its stages: a preset with a base model does not train an autoencoder."""
        return tuple(stage for stage in STAGES if stage in self.training)
