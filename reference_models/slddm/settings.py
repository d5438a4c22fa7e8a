"""The presets: one code, two sizes, and every choice by its name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

from ...datasets_builders.base import Track
from ..shared.settings import AUTOENCODER_TRAINING, LATENT_CHANNELS, SCHEDULE
from ..training.config import TrainingConfig
from ..training.presets import TrainedPreset, find_preset
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


SD15 = Preset(
    name="sd15",
    size=512,
    datasets=(),
    networks=Networks(
        scheduler=SCHEDULE | {"prediction_type": "epsilon", "timestep_spacing": "leading"},
    ),
    base="stable-diffusion-v1-5/stable-diffusion-v1-5",
    image_encoder="openai/clip-vit-large-patch14",
    labelled=0.5,
    training={
        "ldn": TrainingConfig(
            steps=20_000,
            batch_size=32,
            accumulation=8,
            learning_rate=1e-4,
            final_learning_rate=1e-6,
            warmup_steps=100,
            betas=(0.9, 0.98),
            weight_decay=1e-3,
            precision="bf16",
        ),
        "sldm": TrainingConfig(
            steps=100_000,
            batch_size=4,
            learning_rate=1e-5,
            schedule="constant",
            warmup_steps=3000,
            precision="bf16",
        ),
    },
)

_TINY_NETWORKS = Networks(
    autoencoder={"latent_channels": LATENT_CHANNELS},
    encoder={"embedding_dim": 96, "widths": (32, 64, 80)},
    ldn={
        "latent_channels": LATENT_CHANNELS,
        "latent_size": 16,
        "encoder_widths": (48, 64, 96),
        "hidden": 160,
        "features": 96,
        "predictor": 48,
        "ram_layers": 4,
        "heads": 2,
        "head_dim": 32,
    },
    conditioner={
        "image_dim": 96,
        "ldn_dim": 96,
        "context_dim": 96,
        "mapper_layers": 1,
    },
    unet={
        "sample_size": 16,
        "in_channels": 2 * LATENT_CHANNELS + 1,
        "out_channels": LATENT_CHANNELS,
        # Attention among 16 x 16 latents would take half of the time and bring little.
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        "block_out_channels": (64, 64, 64),
        "layers_per_block": 1,
        "cross_attention_dim": 96,
        "attention_head_dim": 1,
        "norm_num_groups": 16,
        "garment_residual": True,
        "one_token_contexts": True,
        "num_class_embeds": len(get_args(Track)),
        "explicit_attention": True,
    },
    scheduler=SCHEDULE | {"prediction_type": "sample", "timestep_spacing": "trailing"},
    background="mean",
    signal_scaled=True,
)
TINY = Preset(
    name="tiny",
    size=128,
    first_rows=1024,  # of each dataset: the first step waits for them
    datasets=("ctp-synth", "ctp-synth", "ctp-synth", "ctp-synth-unaligned"),
    networks=_TINY_NETWORKS,
    filler="autofill",
    diffusion=DiffusionSettings(
        weights=LossWeights(mse=1.0, perceptual=0.05, cls=0.1),
        train_backbone=True,
        estimate_share=0.4,
        full_noise_share=0.4,
        estimate_from=600,
        cls_kernel_size=32,
        cls_stride=4,
    ),
    training={
        "autoencoder": AUTOENCODER_TRAINING,
        "ldn": TrainingConfig(
            steps=600,
            batch_size=32,
            learning_rate=3e-4,
            final_learning_rate=1e-6,
            warmup_steps=50,
            betas=(0.9, 0.98),
            weight_decay=1e-3,
            precision="bf16",
        ),
        "sldm": TrainingConfig(
            steps=5000,
            batch_size=48,
            learning_rate=1e-3,
            final_learning_rate=1e-5,
            warmup_steps=200,
            precision="bf16",
            validate_every=250,
            preview_every=500,
        ),
    },
    steps=4,
)
_FILL_UNET = {**(_TINY_NETWORKS.unet or {}), "in_channels": 3 * LATENT_CHANNELS + 1}
TINY_FILL = TINY.model_copy(
    update={
        "name": "tiny-fill",
        "networks": _TINY_NETWORKS.model_copy(update={"unet": _FILL_UNET}),
        "fill": True,
        "diffusion": TINY.diffusion.model_copy(
            update={
                "estimate_share": 0.6,
                "weights": LossWeights(
                    noise=0.3, mse=0.0, perceptual=0.05, cls=0.1, l1=1.0, gradient=0.5, ssim=0.5
                ),
            }
        ),
    }
)

_SMOKE_TRAINING = TrainingConfig(
    steps=3, batch_size=8, learning_rate=1e-3, validate_every=3, preview_every=3, log_every=1
)
SMOKE = TINY_FILL.model_copy(
    update={
        "name": "smoke",
        "datasets": ("ctp-synth", "ctp-synth-unaligned"),  # in three steps each has a turn
        "size": 64,
        "first_rows": 64,
        "networks": TINY_FILL.networks.model_copy(
            update={
                "autoencoder": {"latent_channels": LATENT_CHANNELS, "width": 32},
                "ldn": {**_TINY_NETWORKS.ldn, "latent_size": 8, "encoder_widths": (16, 16)},
                "unet": {**_FILL_UNET, "sample_size": 8, "block_out_channels": (32, 32, 32)},
            }
        ),
        "labelled": 0.5,
        "training": dict.fromkeys(STAGES, _SMOKE_TRAINING),
        "steps": 2,
    }
)

_PRESETS = {preset.name: preset for preset in (TINY, TINY_FILL, SMOKE, SD15)}


def get_preset(name: str) -> Preset:
    """Return a preset.

    Raises:
        UnknownNameError: No such preset.
    """
    return find_preset(_PRESETS, "slddm", name)
