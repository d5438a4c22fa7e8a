"""Losses between images, pixel by pixel and window by window."""

from __future__ import annotations

import torch
from torch import Tensor

from ...core.errors import TpgbenchError

_WINDOW = 11
_SIGMA = 1.5
_C1 = 0.01**2
_C2 = 0.03**2


def masked_mse(images: Tensor, targets: Tensor, mask: Tensor) -> Tensor:
    """Return the mean squared error over the pixels of a mask.

    Args:
        images: (B, 3, H, W).
        targets: The same shape.
        mask: (B, 1, H, W), 0 or 1; a row without any pixel counts as 0.

    Returns:
        A scalar: each row's mean over its pixels and channels, averaged over the batch.
    """
    squares = (images - targets).square().mean(dim=1, keepdim=True) * mask
    return (squares.sum(dim=(1, 2, 3)) / mask.sum(dim=(1, 2, 3)).clamp(min=1)).mean()


def l1_loss(images: Tensor, targets: Tensor) -> Tensor:
    """Return the mean absolute difference, a scalar; 0 to 2 for images in [-1, 1]."""
    return (images - targets).abs().mean()


def gradient_loss(images: Tensor, targets: Tensor) -> Tensor:
    """Return the mean absolute difference of the steps between neighbouring pixels.

    It is sensitive to edges where an L1 is sensitive to areas.

    Args:
        images: (B, 3, H, W) in [-1, 1].
        targets: The same shape.

    Returns:
        A scalar from 0 to 8: the sum of the vertical and the horizontal mean.
    """
    error = images - targets
    return error.diff(dim=2).abs().mean() + error.diff(dim=3).abs().mean()


def ssim_loss(images: Tensor, targets: Tensor) -> Tensor:
    """Return 1 - SSIM, differentiable; lower is more alike.

    The same value as the metric `tpgbench.metrics.ssim.ssim` of images that were not rounded:
    Gaussian window of 11 taps with sigma 1.5, interior only, mean over channels
    (Wang et al., IEEE TIP 13(4), 2004).

    Args:
        images: (B, 3, H, W) in [-1, 1], sides of at least 11.
        targets: The same shape.

    Returns:
        A scalar from 0 to 2.

    Raises:
        TpgbenchError: A side is below 11 px.
    """
    height, width = images.shape[-2:]
    if min(height, width) < _WINDOW:
        raise TpgbenchError(
            f"SSIM's window is {_WINDOW} px wide and the images are {width} x {height}: train at a "
            "larger size, or set the weight ssim to 0"
        )
    with torch.autocast(images.device.type, enabled=False):
        # SSIM is not shift-invariant: its formula is for values from 0.
        first, second = images.float() / 2 + 0.5, targets.float() / 2 + 0.5
        squares = first.square() + second.square()
        maps = torch.stack([first, second, squares, first * second])
        # Products with banded matrices: CPUs convolve single channels far slower.
        down, across = _band(height).to(maps), _band(width).to(maps)
        mean_first, mean_second, squares, product = down.T @ maps @ across
    means_product = mean_first * mean_second
    means_squares = mean_first.square() + mean_second.square()
    likeness = (2 * means_product + _C1) * (2 * (product - means_product) + _C2)
    ssim: Tensor = likeness / ((means_squares + _C1) * (squares - means_squares + _C2))
    return 1 - ssim.mean()


def autoencoder_losses(
    decoded: Tensor, images: Tensor, *, gradient: float = 0.5, ssim: float = 0.5
) -> dict[str, Tensor]:
    """Return the weighted losses that train a first stage: L1, gradient and 1 - SSIM.

    The latents need no loss of their own: `PatchAutoencoder` normalises them, and the noise of
    its posterior keeps the decoder smooth.

    Args:
        decoded: The decoder's images, (B, 3, H, W).
        images: The originals, in [-1, 1].
        gradient: Weight of `gradient_loss`, beside 1 for `l1_loss`.
        ssim: Weight of `ssim_loss`.
    """
    return {
        "l1": l1_loss(decoded, images),
        "gradient": gradient * gradient_loss(decoded, images),
        "ssim": ssim * ssim_loss(decoded, images),
    }


def _band(size: int) -> Tensor:
    """Return the matrix (size, size - 10) whose columns are the shifted window."""
    taps = torch.exp(-((torch.arange(_WINDOW) - _WINDOW // 2) ** 2) / (2 * _SIGMA**2))
    columns = torch.arange(size - _WINDOW + 1)
    offset = torch.arange(size)[:, None] - columns
    inside = (offset >= 0) & (offset < _WINDOW)
    return torch.where(inside, (taps / taps.sum())[offset.clamp(0, _WINDOW - 1)], 0)
