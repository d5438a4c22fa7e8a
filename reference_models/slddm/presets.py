"""The presets of SLDDM-TPG: the tiny ones, and Stable Diffusion 1.5 as in the paper."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack, get_args

from pydantic import BaseModel

from ...benchmark.model_options import parse_assignments
from ...core.errors import TpgbenchError, UnknownNameError
from ...datasets_builders.base import Track
from ..shared.settings import AUTOENCODER_TRAINING, LATENT_CHANNELS, SCHEDULE
from ..training.config import TrainingConfig
from ..training.presets import TrainingOptions, changed_values, find_preset, validated
from .settings import STAGES, DiffusionSettings, LossWeights, Networks, Preset

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
SMOKE_FILL = TINY_FILL.model_copy(
    update={
        "name": "smoke-fill",
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

_PRESETS = {preset.name: preset for preset in (TINY, TINY_FILL, SMOKE_FILL, SD15)}


def get_preset(name: str) -> Preset:
    """Return a preset.

    Raises:
        UnknownNameError: No such preset.
    """
    return find_preset(_PRESETS, "slddm", name)


def adjust_preset(
    preset: Preset,
    *,
    options: Sequence[str] = (),
    base: str | None = None,
    image_encoder: str | None = None,
    size: int | None = None,
    labelled: float | None = None,
    **training: Unpack[TrainingOptions],
) -> Preset:
    """Return a preset with everything changed that is not None.

    Args:
        preset: Where it starts from.
        options: Settings of the diffusion stage: ``"weights.cls=0"``, ``"structured=false"``.
        base: Hub id or folder of Stable Diffusion 1.5.
        image_encoder: Hub id or folder of CLIP.
        size: Side of the images in pixels, if the networks come from a base model.
        labelled: The share of rows whose pattern is used.
        training: Settings of the rows and of each stage.

    Raises:
        UnknownNameError: There is no such setting.
        TpgbenchError: A value of the wrong type or out of bounds.
    """
    if size is not None and size != preset.size and preset.networks.unet is not None:
        raise TpgbenchError(
            f"--size {size}: the networks of the preset '{preset.name}' are made for "
            f"{preset.size} px; leave it out, or give --preset sd15"
        )
    for option, given in (("--base", base), ("--image-encoder", image_encoder)):
        if given is not None and preset.base is None:
            raise TpgbenchError(
                f"{option} {given}: the preset '{preset.name}' has networks of its own; leave it "
                "out, or give --preset sd15"
            )
    own = {
        "base": base,
        "image_encoder": image_encoder,
        "size": size,
        "labelled": labelled,
    }
    values = changed_values(preset, own, training)
    for name, value in parse_assignments(options).items():
        _set(values["diffusion"], DiffusionSettings, name, value)
    return validated(Preset, values)


def _set(values: dict[str, Any], kind: type[BaseModel], name: str, value: str) -> None:
    head, _, rest = name.partition(".")
    if head not in kind.model_fields:
        raise UnknownNameError(f"setting of {kind.__name__}", head, kind.model_fields)
    nested = kind.model_fields[head].annotation
    if rest and isinstance(nested, type) and issubclass(nested, BaseModel):
        _set(values[head], nested, rest, value)
    elif rest or isinstance(values[head], dict):
        raise TpgbenchError(f"-o {name}={value}: '{head}' cannot be set so; see docs/training.md")
    else:
        values[head] = value
