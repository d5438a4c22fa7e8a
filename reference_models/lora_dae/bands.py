"""A Laplacian pyramid of latents: its bands, and their strength."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

LEVELS = 2
_FAINTEST = 1e-6  # keeps logarithms and ratios of empty bands finite


def split_bands(latents: Tensor, levels: int = LEVELS) -> list[Tensor]:
    """Return the bands of latents, finest first, each at the latents' resolution.

    A band is the detail that a level of the pyramid loses when it is halved. The last level, with
    layout and colours, is in none. The latents are the last level plus the sum of the bands.

    Args:
        latents: (B, C, h, w).
        levels: Number of bands; sides below ``2 ** levels`` have fewer that are not zero.
    """
    bands = []
    size = (latents.shape[-2], latents.shape[-1])
    current = latents
    for level in range(1, levels + 1):
        sides = (max(1, size[0] >> level), max(1, size[1] >> level))
        coarser = functional.adaptive_avg_pool2d(current, sides)
        back = functional.interpolate(coarser, current.shape[-2:], mode="bilinear")
        detail = current - back
        if level > 1:
            detail = functional.interpolate(detail, size, mode="bilinear")
        bands.append(detail)
        current = coarser
    return bands


def band_deviations(bands: list[Tensor], mask: Tensor | None = None) -> Tensor:
    """Return the root mean square of each band in each channel, (B, levels, C).

    Args:
        bands: From `split_bands`.
        mask: Weights, (B or 1, 1, h, w); None for equal weights.
    """
    squares = torch.stack(bands, dim=1).square()
    if mask is None:
        power = squares.mean(dim=(-2, -1))
    else:
        weights = mask[:, None].to(squares)
        power = (squares * weights).sum(dim=(-2, -1)) / weights.sum(dim=(-2, -1)).clamp(min=1e-6)
    return power.sqrt().clamp(min=_FAINTEST)
