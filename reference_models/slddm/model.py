"""SLDDM-TPG under the harness, with the checkpoint that this repository trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from pydantic import Field

from ...benchmark.fit import resize
from ...benchmark.memory import explain_out_of_memory
from ...benchmark.model import MODELS, Model, ModelCard, ModelConfig
from ...benchmark.sample import Sample
from ...core.errors import TpgbenchError
from ...core.hub import get_pipeline_folder
from ...core.images import MASK_THRESHOLD, Image
from ...datasets_builders.base import Track
from .pipeline_folder import PipelineFolder, open_pipeline_folder

if TYPE_CHECKING:
    from torch import Tensor

    from .pipeline import SLDDMPipeline

_CHECKPOINTS = Path(__file__).parents[1] / "checkpoints"
_PAPER = "arXiv 2603.16747"
_DTYPES = {"fp32": "float32", "bf16": "bfloat16"}  # as torch names them
_FILLER = "autofill"


class SLDDMConfig(ModelConfig):
    """Options of `SLDDM`."""

    steps: int | None = Field(
        None, ge=1, le=1000, description="DDIM steps; default: the checkpoint's own number."
    )
    guidance: float = Field(
        1.0,
        ge=0.0,
        le=20.0,
        description="Guidance scale against the negative branch; 1 is no guidance, as in the "
        "release.",
    )
    strength: float = Field(
        1.0,
        gt=0.0,
        le=1.0,
        description="Share of the noise that is added to the garment latent at the start.",
    )
    track: Track | None = Field(
        None,
        description="Which pattern to generate, for weights trained on both: aligned with the "
        "garment, or unaligned, the canonical tile; default: the track of the dataset.",
    )


class SLDDM(Model):
    """The paper's method; its embedded checkpoint is the preset ``tiny``."""

    name = "slddm"
    task = "tpg"
    card = ModelCard(
        title="SLDDM-TPG: semi-supervised latent disentangled diffusion, trained here at 128 px",
        source=_PAPER,
        licence="Apache-2.0",
        parameters=3_601_991,
        trained_on="ctp-synth and ctp-synth-unaligned, train",
        limits="Undertrained: a few hours on one core. One sampling step scores best so far; more "
        "steps leave grain. Trained on drawn garments only; photos need the preset sd15, whose "
        "weights you train or convert yourself.",
    )
    config_type: ClassVar[type[SLDDMConfig]] = SLDDMConfig
    devices = ("cpu", "cuda", "mps")
    precisions = ("fp32", "bf16")
    batch_size = 16
    checkpoint: ClassVar[str] = "slddm"
    preset: ClassVar[str] = "tiny"
    config: SLDDMConfig

    def weight_files(self, weights: str | None) -> dict[str, Path]:
        """Return the files that the patterns depend on, by their names in the pipeline folder.

        Args:
            weights: A pipeline folder or hub id, or None for the embedded checkpoint.

        Raises:
            TpgbenchError: They are unavailable, incomplete, damaged, or of the other model.
        """
        return self._open(weights).files()

    def load(self, device: str, precision: str, weights: str | None) -> None:
        """Load the networks.

        Args:
            device: Where to.
            precision: ``"fp32"`` or ``"bf16"``.
            weights: As for `weight_files`.

        Raises:
            TpgbenchError: They are unavailable or damaged.
        """
        import torch
        from diffusers.models.attention_processor import AttnProcessor2_0

        from .checkpoint import cast, load_networks

        pipeline = load_networks(self._open(weights))
        pipeline.set_progress_bar_config(disable=True)
        if precision == "fp32":
            # Explicit attention, which the tiny preset trains with, is faster in bfloat16 alone.
            pipeline.unet.set_attn_processor(AttnProcessor2_0())
        cast(pipeline, getattr(torch, _DTYPES[precision]))
        self.pipeline: SLDDMPipeline = pipeline.to(device)

    def generate(self, samples: Sequence[Sample], seeds: Sequence[int]) -> Sequence[Image]:
        """Return one uint8 image (size, size, 3) per sample, in order.

        Photos are resized to the size that the networks were trained at, and patterns back.

        Args:
            samples: The batch.
            seeds: One per sample.

        Raises:
            TpgbenchError: Memory ran out.
        """
        import torch

        from .held_out import to_images

        size = self.pipeline.config.size
        fitted = [_at_size(sample, size) for sample in samples]
        masks = torch.from_numpy(np.stack([one.mask for one in fitted]))[:, None].float()
        with explain_out_of_memory(len(samples), "garments", smaller="weights of a smaller preset"):
            (patterns,) = self.pipeline(
                _to_pixels([one.garment for one in fitted]),
                masks,
                self._fill(fitted),
                tracks=[self.config.track or sample.track for sample in samples],
                num_inference_steps=self.config.steps,
                guidance_scale=self.config.guidance,
                strength=self.config.strength,
                generator=[torch.Generator().manual_seed(seed) for seed in seeds],
                output_type="pt",
                return_dict=False,
            )
        images = to_images(patterns)
        return [resize(one, sample.size) for one, sample in zip(images, samples, strict=True)]

    def _open(self, weights: str | None) -> PipelineFolder:
        if weights is None:
            shared = _CHECKPOINTS / SLDDM.checkpoint
            opened = open_pipeline_folder(self._embedded(), shared=shared)
        else:
            opened = open_pipeline_folder(get_pipeline_folder(weights))
        if opened.index.fill != (self.checkpoint == SLDDMFill.checkpoint):
            right = SLDDMFill.name if opened.index.fill else SLDDM.name
            raise TpgbenchError(f"{opened.path}: is a checkpoint of '{right}': run --model {right}")
        if self.config.track and not opened.knows_tracks():
            raise TpgbenchError(
                f"-o track={self.config.track}: {opened.path} knows one kind of pattern only: "
                "leave it out, or give weights that were trained on both tracks"
            )
        return opened

    def _embedded(self) -> Path:
        folder = _CHECKPOINTS / self.checkpoint
        if not folder.is_dir():
            raise TpgbenchError(
                f"the embedded checkpoint of '{self.name}' is not in this installation: train one, "
                f"'tpgbench train slddm --preset {self.preset} --out DIR', and give "
                "--weights DIR/pipeline"
            )
        return folder

    def _fill(self, fitted: Sequence[Sample]) -> Tensor | None:
        return None


class SLDDMFill(SLDDM):
    """Our extension: diffusion starts from the garment, filled by its own autocorrelation."""

    name = "slddm-fill"
    version = 2
    card = SLDDM.card.model_copy(
        update={
            "title": "SLDDM-TPG from the garment filled by its autocorrelation (our extension)",
            "source": f"{_PAPER}, on top of the baseline '{_FILLER}': not the paper's method",
            "parameters": 3_615_815,
        }
    )
    checkpoint: ClassVar[str] = "slddm-fill"
    preset: ClassVar[str] = "tiny-fill"

    def _fill(self, fitted: Sequence[Sample]) -> Tensor:
        filler = MODELS.get(_FILLER)
        return _to_pixels(filler(filler.config_type()).generate(fitted, [0] * len(fitted)))


def _at_size(sample: Sample, size: int) -> Sample:
    mask = resize(sample.mask.astype(np.uint8) * np.uint8(255), size) >= MASK_THRESHOLD
    return replace(sample, size=size, garment=resize(sample.garment, size), mask=mask)


def _to_pixels(images: Sequence[Image]) -> Tensor:
    """Return images as (B, 3, S, S) in [-1, 1]."""
    import torch

    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float() / 127.5 - 1
