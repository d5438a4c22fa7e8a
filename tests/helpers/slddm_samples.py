"""Photos and models small enough for the tests of SLDDM."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import PIL.Image
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from tpgbench.reference_models.shared.shipping import new_checkpoint
from tpgbench.reference_models.slddm.checkpoint import write_parts
from tpgbench.reference_models.slddm.networks import make_pipeline
from tpgbench.reference_models.slddm.pipeline import SLDDMPipeline
from tpgbench.reference_models.slddm.presets import SMOKE_FILL, TINY
from tpgbench.reference_models.slddm.settings import Preset
from transformers import CLIPVisionConfig, CLIPVisionModel

NOWHERE = Path("no-such-folder")

# The paper's method, where SMOKE_FILL is of the extension.
SMALL = SMOKE_FILL.model_copy(
    update={
        "fill": False,
        "networks": SMOKE_FILL.networks.model_copy(
            update={
                "unet": {
                    **(SMOKE_FILL.networks.unet or {}),
                    "in_channels": (TINY.networks.unet or {})["in_channels"],
                }
            }
        ),
    }
)


def untrained(preset: Preset = SMALL) -> SLDDMPipeline:
    torch.manual_seed(0)
    pipeline = make_pipeline(preset, NOWHERE)
    pipeline.set_progress_bar_config(disable=True)
    for part in ("vae", "unet", "ldn", "conditioner", "image_encoder"):
        getattr(pipeline, part).eval()
    return pipeline


def save_checkpoint(pipeline: SLDDMPipeline, folder: Path, *, shared: Path | None = None) -> Path:
    with new_checkpoint(folder) as staging:
        write_parts(pipeline, staging, shared=shared)
    return folder


def garments(count: int, size: int = 64) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(7)
    images = torch.rand(count, 3, size, size, generator=generator) * 2 - 1
    masks = torch.zeros(count, 1, size, size)
    masks[:, :, 8:-8, 4:-4] = 1
    return images, masks


def generators(count: int) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed) for seed in range(count)]


def photo_folder(folder: Path, count: int = 6, *, masks: bool = True, unlabelled: int = 2) -> Path:
    """Photos of 64 px with masks and patterns; the last have no pattern."""
    rng = np.random.default_rng(0)
    for index in range(count):
        tile = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8).repeat(2, axis=0).repeat(2, axis=1)
        pattern = np.tile(tile, (4, 4, 1))
        mask = np.zeros((64, 64), dtype=np.uint8)
        mask[6:58, 6:58] = 255
        shade = np.linspace(0.6, 1, 64)[:, None, None]
        pictures = {"garment": (pattern * shade).astype(np.uint8)}
        if masks:
            pictures["mask"] = mask
        if index < count - unlabelled:
            pictures["pattern"] = pattern
        for kind, picture in pictures.items():
            (folder / kind).mkdir(parents=True, exist_ok=True)
            PIL.Image.fromarray(picture).save(folder / kind / f"{index}.png")
    return folder


def narrow_stable_diffusion(folder: Path) -> Path:
    """Stable Diffusion 1.5's shape, a tenth of its width, as a diffusers folder."""
    widths = (16, 16, 16, 16)
    torch.manual_seed(0)
    AutoencoderKL(
        down_block_types=["DownEncoderBlock2D"] * 4,
        up_block_types=["UpDecoderBlock2D"] * 4,
        block_out_channels=widths,
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=8,
        scaling_factor=0.18215,
    ).save_pretrained(folder / "vae")
    UNet2DConditionModel(
        sample_size=8,
        block_out_channels=widths,
        layers_per_block=1,
        cross_attention_dim=24,
        attention_head_dim=2,
        norm_num_groups=8,
    ).save_pretrained(folder / "unet")
    return folder


def narrow_clip(folder: Path) -> Path:
    config = CLIPVisionConfig(
        hidden_size=32,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        patch_size=56,
        image_size=224,
    )
    CLIPVisionModel(config).save_pretrained(folder)
    return folder
