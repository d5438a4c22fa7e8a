"""The perceptual loss: distance between feature maps."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

Features = Callable[[Tensor], Sequence[Tensor]]

_TINY = 1e-8


def perceptual_loss(features: Features, images: Tensor, targets: Tensor) -> Tensor:
    """Return how differently a network sees two batches of images; lower is more alike.

    LPIPS without learned weights (https://arxiv.org/abs/1801.03924): every map's channels are
    normalised to length 1 at each position; squared differences are summed over the channels,
    averaged over positions and batch, and the maps' figures averaged. No gradient reaches the
    targets.

    Args:
        features: From images (B, 3, H, W) in [-1, 1] to maps (B, C, h, w).
        images: What is judged, (B, 3, H, W) in [-1, 1].
        targets: The same shape.

    Returns:
        A scalar from 0 to 4.
    """
    with torch.no_grad():
        wanted = [_directions(one) for one in features(targets)]
    seen = [_directions(one) for one in features(images)]
    distances = [
        (one - other).square().sum(dim=1).mean() for one, other in zip(seen, wanted, strict=True)
    ]
    return torch.stack(distances).mean()


def _directions(features: Tensor) -> Tensor:
    features = features.float()
    # The root of 0 has no gradient.
    return features / (features.square().sum(dim=1, keepdim=True) + _TINY).sqrt()
