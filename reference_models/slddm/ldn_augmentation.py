"""The views of stage 1: cloth cut from the pattern, and one augmentation for all three."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional
from torchvision.transforms.v2 import functional as image

_TILE_CHANCE, _TILE_SCALE = 0.8, (0.35, 0.5)
_JITTER_CHANCE, _JITTER, _HUE = 0.8, 0.4, 0.1
_BLUR_CHANCE, _BLUR_SIGMA = 0.5, (0.1, 2.0)
_BLUR_REFERENCE = 512  # the side in pixels at which the paper blurs


def cut_from_pattern(pattern: Tensor, mask: Tensor, generator: torch.Generator) -> Tensor:
    """Return garments C' made from the patterns: scaled down and tiled, cut out, on black.

    Args:
        pattern: (B, 3, S, S) in [-1, 1].
        mask: Outlines, (B, 1, S, S), 0 or 1.
        generator: Decides whether and by how much each pattern is scaled.
    """
    cuts = torch.stack([_maybe_tile(one, generator) for one in pattern])
    return cuts * mask - (1 - mask)


def augment_alike(views: Sequence[Tensor], generator: torch.Generator) -> list[Tensor]:
    """Return views of the same rows, each row's views jittered, blurred and flipped alike.

    Args:
        views: Some (B, 3, S, S) in [-1, 1].
        generator: Draws one set of factors per row.
    """
    rows = [_augment(row, generator) for row in torch.stack(list(views), dim=1)]
    return list(torch.stack(rows, dim=1))


def _augment(row: Tensor, generator: torch.Generator) -> Tensor:
    """Augment one row's views, (views, 3, S, S)."""
    row = row / 2 + 0.5
    if _draw(generator) < _JITTER_CHANCE:
        span = (1 - _JITTER, 1 + _JITTER)
        row = image.adjust_brightness(row, _between(span, generator))
        row = image.adjust_contrast(row, _between(span, generator))
        row = image.adjust_saturation(row, _between(span, generator))
        row = image.adjust_hue(row, _between((-_HUE, _HUE), generator))
    if _draw(generator) < _BLUR_CHANCE:
        sigma = _between(_BLUR_SIGMA, generator) * row.shape[-1] / _BLUR_REFERENCE
        row = image.gaussian_blur(row, kernel_size=2 * max(1, round(2 * sigma)) + 1, sigma=sigma)
    if _draw(generator) < 0.5:
        row = row.flip(-1)
    return row.clamp(0, 1) * 2 - 1


def _maybe_tile(pattern: Tensor, generator: torch.Generator) -> Tensor:
    if _draw(generator) >= _TILE_CHANCE:
        return pattern
    return _tile(pattern, _between(_TILE_SCALE, generator))


def _tile(pattern: Tensor, scale: float) -> Tensor:
    """Shrink a pattern (3, S, S) and repeat it over its own canvas."""
    side = pattern.shape[-1]
    small = max(1, round(side * scale))
    tile = functional.interpolate(pattern[None], (small, small), mode="bilinear", antialias=True)
    repeats = -(-side // small)
    return tile[0].repeat(1, repeats, repeats)[:, :side, :side]


def _draw(generator: torch.Generator) -> float:
    return float(torch.rand((), generator=generator, device=generator.device))


def _between(span: tuple[float, float], generator: torch.Generator) -> float:
    low, high = span
    return low + (high - low) * _draw(generator)
