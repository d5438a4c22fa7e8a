"""LoRA-DAE under the harness."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from ...benchmark.fit import resize
from ...benchmark.memory import explain_out_of_memory
from ...benchmark.model import Model, ModelCard, ModelConfig
from ...benchmark.sample import MannequinSample
from ...core.errors import TpgbenchError
from ...core.images import Image, to_uint8
from .adapter import Enhancement, adapter_files, find_adapter, read_adapter
from .base_folder import base_files
from .tokens import check_caption, describe_unread

if TYPE_CHECKING:
    from torch import Tensor

_CHECKPOINT = Path(__file__).parents[1] / "checkpoints" / "lora-dae"
_DTYPES = {"fp32": "float32", "bf16": "bfloat16"}  # as torch names them
# What FreeU's authors recommend for Stable Diffusion 1.5.
_FREEU = {"s1": 0.9, "s2": 0.2, "b1": 1.5, "b2": 1.6}


class LoraDaeConfig(ModelConfig):
    """Options of `LoraDae`."""

    lora: Literal["full", "attention", "none"] = Field(
        "full", description="Which LoRA: attention and convolutions, attention alone, or none."
    )
    enhancement: Enhancement = Field(
        "statistics", description="none, statistics (training-free) or learned."
    )
    gamma: float = Field(0.5, ge=0, le=4, description="Strength of the training-free enhancement.")
    max_gain: float = Field(1.2, ge=1, le=4, description="Cap of its gain per step.")
    max_total_gain: float = Field(
        2.0, ge=1, le=100, description="Cap of the product of its gains over all steps."
    )
    masked: bool = Field(
        False,
        description="Enhance inside the garment mask only; for bases that draw the garment there.",
    )
    steps: int = Field(25, ge=1, le=999, description="DDIM steps.")
    guidance: float | None = Field(
        None,
        ge=0,
        le=30,
        description="Guidance scale, 1 is no guidance; default: the checkpoint's.",
    )
    freeu: bool = Field(False, description="Use FreeU, for comparison.")
    pag: float = Field(
        0.0, ge=0, le=20, description="Scale of perturbed-attention guidance; 0 is none."
    )
    base: str | None = Field(None, description="Another base model: a folder or hub id.")


class LoraDae(Model[MannequinSample]):
    """The paper's method as far as its abstract describes it; the base model can be chosen."""

    name = "lora-dae"
    task = "mannequin"
    card = ModelCard(
        title="LoRA-DAE, re-implemented from its abstract",
        source="Liu et al., Application Research of Computers 42(8), 2025, 2267-2273",
        licence="Apache-2.0",
        trained_on="mannequin-synth, train",
        limits="Only the paper's abstract is public: ranks, bands and equations are ours. The base "
        "takes the caption only; conditions are not used. The embedded base was trained on 160 "
        "thousand drawn photos: mannequins are blurred, colours of garments often wrong.",
        parameters=5_169_683,
    )
    config_type: ClassVar[type[LoraDaeConfig]] = LoraDaeConfig
    devices = ("cpu", "cuda", "mps")
    precisions = ("fp32", "bf16")
    batch_size = 8
    config: LoraDaeConfig

    def weight_files(self, weights: str | None) -> dict[str, Path]:
        """Return the files that the photos depend on, by folder and name.

        Args:
            weights: The folder of a training, or a hub id; None for the embedded checkpoint.

        Raises:
            TpgbenchError: A part is unavailable, missing or damaged.
        """
        config, adapter = self.config, self._adapter(weights)
        files = [
            *base_files(self._base(adapter)),
            *adapter_files(adapter, config.lora, config.enhancement),
        ]
        return {f"{path.parent.name}/{path.name}": path for path in files}

    def load(self, device: str, precision: str, weights: str | None) -> None:
        """Load base, LoRA and enhancement.

        Args:
            device: Where to.
            precision: ``"fp32"`` or ``"bf16"``.
            weights: As for `weight_files`.

        Raises:
            TpgbenchError: A part is unavailable, damaged, or belongs to another base.
        """
        import torch
        from torch import nn

        from .pipeline import load_base, load_lora, set_enhancement

        config, adapter = self.config, self._adapter(weights)
        card = read_adapter(adapter)
        pipeline = load_base(self._base(adapter))
        if config.lora != "none":
            load_lora(pipeline, adapter)
        set_enhancement(
            pipeline,
            adapter,
            config.enhancement,
            gamma=config.gamma,
            max_gain=config.max_gain,
            max_total_gain=config.max_total_gain,
        )
        if config.freeu:
            pipeline.enable_freeu(**_FREEU)
        if config.pag:
            pipeline = _with_pag(pipeline)
        for part in (pipeline.unet, pipeline.vae, pipeline.text_encoder):
            nn.Module.to(part, getattr(torch, _DTYPES[precision]))
        self.pipeline = pipeline.to(device)
        self.size = card.size
        self.guidance = card.guidance if config.guidance is None else config.guidance

    def generate(self, samples: Sequence[MannequinSample], seeds: Sequence[int]) -> Sequence[Image]:
        """Return one uint8 image (size, size, 3) per sample, in order.

        Photos are generated at the size of the training and resized.

        Args:
            samples: The batch.
            seeds: One per sample.

        Raises:
            TpgbenchError: A caption is empty, a mask is missing, or memory ran out.
        """
        import torch

        captions = [check_caption(sample.caption) for sample in samples]
        for sample, caption in zip(samples, captions, strict=True):
            unread = describe_unread(caption, self.pipeline.tokenizer)
            if unread is not None:
                warnings.warn(f"{sample.sample_id}: {unread}", stacklevel=2)
        masks = [sample.mask for sample in samples]
        self.pipeline.scheduler.set_mask(self._mask(masks) if self.config.masked else None)
        extra = {"pag_scale": self.config.pag} if self.config.pag else {}
        with explain_out_of_memory(len(samples), "photos", smaller="a smaller base"):
            photos = self.pipeline(
                captions,
                height=self.size,
                width=self.size,
                num_inference_steps=self.config.steps,
                guidance_scale=self.guidance,
                generator=[torch.Generator().manual_seed(seed) for seed in seeds],
                output_type="np",
                **extra,
            ).images
        images = to_uint8(photos)
        return [resize(one, sample.size) for one, sample in zip(images, samples, strict=True)]

    def _adapter(self, weights: str | None) -> Path:
        if weights is None and not _CHECKPOINT.is_dir():
            raise TpgbenchError(
                "lora-dae: this version ships no checkpoint: train one with 'tpgbench train "
                "lora-dae --out DIR' and give --weights DIR"
            )
        return find_adapter(_CHECKPOINT if weights is None else weights, self.config.lora)

    def _base(self, adapter: Path) -> str:
        return self.config.base or read_adapter(adapter).base_location(adapter)

    def _mask(self, masks: Sequence[Any]) -> Tensor:
        import torch

        if any(mask is None for mask in masks):
            raise TpgbenchError(
                "masked=true: a sample has no garment mask: give a split with conditions, such as "
                "--split paired"
            )
        return torch.from_numpy(np.stack(masks))[:, None].float()


def _with_pag(pipeline: Any) -> Any:
    from diffusers import StableDiffusionPAGPipeline

    made = StableDiffusionPAGPipeline(
        **pipeline.components, requires_safety_checker=False, pag_applied_layers=["mid"]
    )
    made.set_progress_bar_config(disable=True)
    return made
