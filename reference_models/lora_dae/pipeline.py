"""From folders or hub ids to a pipeline: a base, a LoRA on it, and the enhancement."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from diffusers import StableDiffusionPipeline
from safetensors import SafetensorError
from torch import nn

from ...core.errors import TpgbenchError
from ..shared.autoencoder import PatchAutoencoder
from ..shared.quiet import quiet_libraries
from .adapter import (
    LORA_FILE,
    AdapterCard,
    Enhancement,
    check_statistics,
    find_adapter,
    read_adapter,
)
from .base_folder import NETWORKS, find_base, not_loadable
from .enhancement import (
    MAX_TOTAL_GAIN,
    AdaptiveEnhancementScheduler,
    GainRule,
    StatisticalGain,
)
from .gain_predictor import LearnedGain, load_gain_predictor
from .lora import check_lora, sample_weights
from .statistics import BandStatistics

OWN_CLASSES = (PatchAutoencoder,)  # diffusers loads a class only if its module is imported


def load_base(location: str) -> StableDiffusionPipeline:
    """Load a text-to-image model of Stable Diffusion's kind, without its safety checker.

    Args:
        location: Hub id or folder.

    Raises:
        TpgbenchError: It is unavailable, of another kind, or damaged.
    """
    folder = find_base(location)
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
        raise not_loadable(location, str(error).splitlines()[0]) from error
    for part in NETWORKS:
        # diffusers' own `to` warns about modules that need float32; there are none here.
        nn.Module.to(getattr(pipeline, part), torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


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
        lora: ``"full"`` or ``"attention"``, if there are both.
        base: Hub id or folder of another base than that of ``adapter.json``.
        enhancement: ``"none"`` is plain DDIM; ``"statistics"`` is training-free; ``"learned"``
            uses the trained predictor.
        gamma: Of `StatisticalGain`.
        max_gain: Of `StatisticalGain`.
        max_total_gain: Of `AdaptiveEnhancementScheduler`.

    Raises:
        TpgbenchError: A part is unavailable, or of another base, schedule or resolution.
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
    """Load the LoRA of a LoRA-DAE folder into a base.

    Raises:
        TpgbenchError: It cannot be read, or is of another base.
    """
    check_lora(folder / LORA_FILE, pipeline.unet)
    _check_base(read_adapter(folder), folder, pipeline.unet)
    with quiet_libraries():
        pipeline.load_lora_weights(str(folder), weight_name=LORA_FILE)


def set_enhancement(
    pipeline: Any,
    folder: Path,
    enhancement: Enhancement,
    *,
    gamma: float,
    max_gain: float,
    max_total_gain: float = MAX_TOTAL_GAIN,
) -> None:
    """Give a pipeline the scheduler with the enhancement of a LoRA-DAE folder.

    Raises:
        TpgbenchError: The statistics or the predictor are missing, or for another schedule.
    """
    rule: GainRule | None = None
    if enhancement != "none":
        check_statistics(folder, enhancement)
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
    # With a tolerance: the same base in half precision is accepted.
    wanted, found = torch.tensor(card.base_weights), torch.tensor(sample_weights(unet))
    if not torch.allclose(wanted, found, rtol=0.02, atol=0.002 * float(wanted.abs().max())):
        raise TpgbenchError(
            f"{folder}: was trained on another base: the weights of its first convolution differ "
            f"(its base is {card.base}); give that one, or train a LoRA on this base"
        )
