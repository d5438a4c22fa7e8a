"""Gathers band statistics by teacher forcing, in one pass over the training rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from diffusers import DDIMScheduler
from torch import Tensor
from torch.nn import functional

from ...core.errors import TpgbenchError
from .bands import LEVELS, band_deviations, split_bands
from .objectives import encode, estimate
from .statistics import BandStatistics, schedule_hash


@torch.no_grad()
def gather_statistics(
    pipeline: Any,
    batches: Iterable[Mapping[str, Tensor]],
    *,
    bins: int,
    seed: int = 0,
    lora: str = "",
) -> BandStatistics:
    """Measure the bands of the network's estimates from noised training latents.

    Each row is noised once per bin, at a random timestep of the bin.

    Args:
        pipeline: Base and LoRA, in evaluation mode.
        batches: As of `TextBatches`, each row once.
        bins: Number of bins of timesteps; at most the number of timesteps.
        seed: Of the noise and the timesteps.
        lora: SHA-256 of the LoRA's file, to be stored with them.

    Raises:
        TpgbenchError: There is no row.
    """
    schedule = DDIMScheduler.from_config(pipeline.scheduler.config)
    timesteps = schedule.config.num_train_timesteps
    device = pipeline.unet.device
    generator = torch.Generator(device).manual_seed(seed)
    picture, garment = _LogMeans(bins), _LogMeans(bins)
    latent_size = (0, 0)
    for batch in batches:
        latents = encode(pipeline.vae, batch["image"].to(device))
        context = pipeline.text_encoder(batch["tokens"].to(device))[0]
        height, width = latents.shape[-2:]
        latent_size = (height, width)
        mask = functional.adaptive_avg_pool2d(batch["mask"].to(device), latent_size)
        masked = batch["masked"].to(device) & (mask.sum(dim=(1, 2, 3)) > 0)
        for index in range(bins):
            drawn = torch.rand(len(latents), generator=generator, device=device)
            times = ((index + drawn) * timesteps / bins).long().clamp(max=timesteps - 1)
            noise = torch.randn(latents.shape, generator=generator, device=device)
            noisy = schedule.add_noise(latents, noise, times)
            bands = split_bands(estimate(pipeline.unet, schedule, noisy, times, context), LEVELS)
            picture.add(index, band_deviations(bands))
            if masked.any():
                garment.add(index, band_deviations(bands, mask)[masked])
    means = picture.means()
    if means is None:
        raise TpgbenchError("no row to gather band statistics from: give a split that has rows")
    return BandStatistics(
        picture=means,
        garment=garment.means(),
        schedule=schedule_hash(schedule.alphas_cumprod),
        latent_size=latent_size,
        samples=picture.count,
        lora=lora,
    )


class _LogMeans:
    """Geometric means of deviations, one per bin."""

    def __init__(self, bins: int) -> None:
        self._sums: list[Tensor | None] = [None] * bins
        self._counts = [0] * bins

    @property
    def count(self) -> int:
        """Number of estimates that were added."""
        return sum(self._counts)

    def add(self, index: int, deviations: Tensor) -> None:
        """Add those of a batch, (B, levels, C), to a bin."""
        logs = deviations.double().log().sum(dim=0).cpu()
        before = self._sums[index]
        self._sums[index] = logs if before is None else before + logs
        self._counts[index] += len(deviations)

    def means(self) -> Tensor | None:
        """Return the means, (bins, levels, C), or None if there are none."""
        pairs = zip(self._sums, self._counts, strict=True)
        means = [total / count for total, count in pairs if total is not None]
        return torch.stack(means).exp().float() if means else None
