"""From folders or hub ids to a pipeline: a base, a LoRA on it, and the enhancement."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import torch
from diffusers import StableDiffusionPipeline
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError
from torch import nn

from ...core.errors import TpgbenchError
from ...core.files import write_atomic
from ...core.hub import get_pipeline_folder
from ..shared.autoencoder import PatchAutoencoder
from ..shared.quiet import quiet_libraries
from ..shared.shipping import check_folder
from .enhancement import (
    MAX_TOTAL_GAIN,
    AdaptiveEnhancementScheduler,
    GainRule,
    StatisticalGain,
)
from .gain_predictor import LearnedGain, load_gain_predictor
from .lora import FILE, check_lora, sample_weights
from .statistics import FILE as STATISTICS
from .statistics import BandStatistics

ADAPTER = "adapter.json"
OWN_CLASSES = (PatchAutoencoder,)  # diffusers loads a class only where its module is imported
Enhancement = Literal["none", "statistics", "learned"]
FOLDERS = {"full": "lora", "attention": "lora-attention"}
_NETWORKS = ("unet", "vae", "text_encoder")
_TOLD = (".json", ".txt")  # configurations and vocabularies
_PARTS = ("vae", "text_encoder", "tokenizer", "unet", "scheduler")


class AdapterCard(BaseModel):
    """``adapter.json``: what a LoRA-DAE belongs to.

    Attributes:
        format: Of the folder.
        base: Hub id or folder of the base model; a relative one starts at this file's folder.
        size: Side of the photos in pixels.
        rank_attention: Of the LoRA on cross-attention.
        rank_convolution: Of the LoRA on convolutions.
        trained_on: Dataset and split.
        guidance: Scale of classifier-free guidance unless the user says otherwise.
        base_weights: Some weights of the base, to know it by: `sample_weights`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1] = 1
    base: str
    size: int
    rank_attention: int
    rank_convolution: int
    trained_on: str
    guidance: float = 7.5
    base_weights: tuple[float, ...]

    def save(self, folder: Path) -> None:
        """Write it into a folder."""
        write_atomic(folder / ADAPTER, (self.model_dump_json(indent=2) + "\n").encode())

    def base_location(self, folder: Path) -> str:
        """Return where the base is, given the folder of this card."""
        near = folder / self.base
        if not near.is_dir() and self.base.startswith("."):
            raise TpgbenchError(
                f"{folder}: its base, {self.base}, is not there: keep the two together, or give "
                "the base with -o base="
            )
        return str(near.resolve()) if near.is_dir() else self.base


def read_adapter(folder: Path) -> AdapterCard:
    """Read ``adapter.json``.

    Raises:
        TpgbenchError: It is missing or wrong.
    """
    path = folder / ADAPTER
    try:
        return AdapterCard.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise TpgbenchError(
            f"{path}: cannot be read ({type(error).__name__}): give a folder that "
            "'tpgbench train lora-dae' made"
        ) from error


def load_base(location: str) -> StableDiffusionPipeline:
    """Load a text-to-image model of Stable Diffusion's kind, without its safety checker.

    Args:
        location: Hub id or folder.

    Raises:
        TpgbenchError: It cannot be had, is of another kind, or is damaged.
    """
    folder = get_pipeline_folder(location)
    _check_kind(folder, location)
    try:
        with quiet_libraries():
            pipeline = StableDiffusionPipeline.from_pretrained(
                folder,
                safety_checker=None,
                feature_extractor=None,
                requires_safety_checker=False,
                use_safetensors=True,  # the other format may run code
            )
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        raise TpgbenchError(
            f"{location}: cannot be loaded as Stable Diffusion: {str(error).splitlines()[0]}; it "
            "is damaged or of another kind: get it again, or give another base"
        ) from error
    for part in _NETWORKS:
        nn.Module.to(
            getattr(pipeline, part), torch.float32
        )  # diffusers' own warns where there is nothing to say
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def find_adapter(location: str | Path, lora: str = "full") -> Path:
    """Return the folder of a LoRA.

    Args:
        location: A training, a checkpoint or a single LoRA's folder, or a hub id.
        lora: ``"full"``, ``"attention"``, or ``"none"`` for any.

    Raises:
        TpgbenchError: It cannot be had, is damaged, or holds no such LoRA.
    """
    folder = get_pipeline_folder(str(location))
    check_folder(folder)
    if (folder / FILE).is_file():
        kind = "full" if read_adapter(folder).rank_convolution else "attention"
        if lora not in (kind, "none"):
            raise TpgbenchError(f"{folder}: its LoRA is of the kind '{kind}': give -o lora={kind}")
        return folder
    names = [FOLDERS[lora]] if lora in FOLDERS else list(FOLDERS.values())
    for name in names:
        if (folder / name).is_dir():
            return folder / name
    raise TpgbenchError(
        f"{folder}: has no {' and no '.join(names)}: give the --out of 'tpgbench train lora-dae"
        + (" --rank-conv 0'" if lora == "attention" else "'")
    )


def base_files(location: str) -> list[Path]:
    """Return the files of a base that `load_base` reads and its photos depend on."""
    folder = get_pipeline_folder(location)
    files = [path for part in _NETWORKS for path in sorted((folder / part).glob("*.safetensors"))]
    # Others have a variant in their names, such as fp16.
    weights = [path for path in files if path.name.count(".") == 1]
    told = [path for part in _PARTS for path in sorted((folder / part).glob("*"))]
    return weights + [path for path in told if path.suffix in _TOLD]


def load_pipeline(
    location: str | Path,
    *,
    lora: str = "full",
    base: str | Path | None = None,
    enhancement: Enhancement = "statistics",
    gamma: float = 0.5,
    max_gain: float = 1.2,
    max_total_gain: float = MAX_TOTAL_GAIN,
) -> StableDiffusionPipeline:
    """Load a LoRA-DAE on its base: a plain pipeline of diffusers with our scheduler.

    Args:
        location: A training's or checkpoint's folder, that of a single LoRA with its
            ``adapter.json`` and ``band_statistics.safetensors``, or a hub id.
        lora: ``"full"`` or ``"attention"``, where there are both.
        base: Hub id or folder of another base than ``adapter.json`` names.
        enhancement: ``"none"`` keeps plain DDIM; ``"statistics"`` is training-free; ``"learned"``
            takes the trained predictor.
        gamma: Of `StatisticalGain`.
        max_gain: Of `StatisticalGain`.
        max_total_gain: Of `AdaptiveEnhancementScheduler`.

    Raises:
        TpgbenchError: A part cannot be had or is of another base, schedule or resolution.
    """
    folder = find_adapter(location, lora)
    pipeline = load_base(str(base or read_adapter(folder).base_location(folder)))
    load_lora(pipeline, folder)
    set_enhancement(
        pipeline,
        folder,
        enhancement,
        gamma=gamma,
        max_gain=max_gain,
        max_total_gain=max_total_gain,
    )
    return pipeline


def load_lora(pipeline: Any, folder: Path) -> None:
    """Put the LoRA of a LoRA-DAE folder on a base.

    Raises:
        TpgbenchError: It cannot be read, or is of another base.
    """
    check_lora(folder / FILE, pipeline.unet)
    _check_base(read_adapter(folder), folder, pipeline.unet)
    with quiet_libraries():
        pipeline.load_lora_weights(str(folder), weight_name=FILE)


def set_enhancement(
    pipeline: Any,
    folder: Path,
    enhancement: Enhancement,
    *,
    gamma: float,
    max_gain: float,
    max_total_gain: float = MAX_TOTAL_GAIN,
) -> None:
    """Give a pipeline the scheduler with the enhancement that a LoRA-DAE folder holds.

    Raises:
        TpgbenchError: The statistics or the predictor are missing, or for another schedule.
    """
    rule: GainRule | None = None
    if enhancement != "none":
        if not (folder / STATISTICS).is_file():
            raise TpgbenchError(
                f"{folder}: has no {STATISTICS}, which the enhancement '{enhancement}' needs: give "
                "-o enhancement=none, or gather them: tpgbench train lora-dae --stage statistics"
            )
        statistics = BandStatistics.load(folder)
        statistics.check_schedule(pipeline.scheduler.alphas_cumprod)
        if enhancement == "learned":
            rule = LearnedGain(load_gain_predictor(folder), statistics)
        else:
            rule = StatisticalGain(statistics, gamma=gamma, max_gain=max_gain)
    pipeline.scheduler = AdaptiveEnhancementScheduler.from_scheduler(
        pipeline.scheduler, rule, max_total_gain=max_total_gain
    )


def _check_base(card: AdapterCard, folder: Path, unet: Any) -> None:
    # Loosely: the same base in half precision is the same base.
    told, found = torch.tensor(card.base_weights), torch.tensor(sample_weights(unet))
    if not torch.allclose(told, found, rtol=0.02, atol=0.002 * float(told.abs().max())):
        raise TpgbenchError(
            f"{folder}: was trained on another base: the weights of its first convolution differ "
            f"(it names {card.base}); give that one, or train a LoRA on this base"
        )


def _check_kind(folder: Path, location: str) -> None:
    try:
        index = json.loads((folder / "model_index.json").read_bytes())
    except (OSError, ValueError) as error:
        raise TpgbenchError(
            f"{location}: has no readable model_index.json: give the folder or hub id of a "
            "diffusers pipeline such as Stable Diffusion 1.5"
        ) from error
    name = str(index.get("_class_name"))
    missing = [part for part in _PARTS if not (index.get(part) or [None])[0]]
    unet = (index.get("unet") or [None, None])[1]
    if missing or unet != "UNet2DConditionModel" or "XL" in name:
        lacks = f"has no {' and no '.join(missing)}" if missing else f"its U-Net is {unet}"
        raise TpgbenchError(
            f"{location}: a {name} is not of Stable Diffusion 1.5's kind ({lacks}), which LoRA-DAE "
            "is built on: give a base of that kind"
        )
