"""The loss of convolutional local similarity (CLS)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from ....core.errors import TpgbenchError

_THRESHOLD = 0.5
_SOFTNESS = 0.1
_TINY = 1e-4


def convolutional_local_similarity_loss(
    images: Tensor,
    patterns: Tensor,
    *,
    generator: torch.Generator,
    kernels: int = 4,
    kernel_size: int = 64,
    stride: int = 1,
    hard: bool = False,
) -> Tensor:
    """Return how differently pieces of the pattern recur in an image and in the pattern itself.

    The paper's stage 2, L_CLS: random square pieces of each pattern are convolved over the
    pattern and over the estimate, and the two maps of similarity should agree: where a motif
    recurs in one, it does in the other. Similarity is the correlation of piece and window, the
    mean of each channel taken out and their joint length divided out; places above 0.5 count.
    Agreement is a Dice score; the loss is 1 minus it. As released the threshold is a step, through
    which nothing learns; here it is a sigmoid of width 0.1 and Dice has squares in its
    denominator, so that identical images give 0. ``hard`` gives the released score, for
    evaluation. No gradient reaches the patterns.

    Args:
        images: (B, 3, H, W) in [-1, 1].
        patterns: The same shape.
        generator: Where the pieces' places come from.
        kernels: Pieces a pattern.
        kernel_size: Their side in pixels.
        stride: Images and pieces are averaged down by this factor first, for speed.
        hard: Threshold by a step.

    Returns:
        A scalar from 0 (agreement) to 1.

    Raises:
        TpgbenchError: A piece is larger than the image, or below 2 px after averaging.
    """
    side = kernel_size // stride
    if side < 2 or kernel_size > min(images.shape[-2:]):
        raise TpgbenchError(
            f"CLS: pieces of {kernel_size} px, averaged down by {stride}, do not fit images of "
            f"{images.shape[-1]} x {images.shape[-2]} px: set cls_kernel_size from {2 * stride} to "
            f"{min(images.shape[-2:])}"
        )
    with torch.autocast(images.device.type, enabled=False):
        seen = functional.avg_pool2d(images.float(), stride)
        wanted = functional.avg_pool2d(patterns.detach().float(), stride)
        pieces = _draw(wanted, kernels, side, generator)
        first, second = _similarity(seen, pieces), _similarity(wanted, pieces)
    if hard:
        first, second = (first > _THRESHOLD).float(), (second > _THRESHOLD).float()
    else:
        first = torch.sigmoid((first - _THRESHOLD) / _SOFTNESS)
        second = torch.sigmoid((second - _THRESHOLD) / _SOFTNESS)
    common = (first * second).sum(dim=(2, 3))
    either = (first.square() + second.square()).sum(dim=(2, 3))
    return 1 - ((2 * common + _TINY) / (either + _TINY)).mean()


def _draw(patterns: Tensor, count: int, side: int, generator: torch.Generator) -> Tensor:
    """Return random pieces (B, count, 3, side, side), each channel of mean 0, all of length 1."""
    rows, _, height, width = patterns.shape
    place = torch.rand((2, rows, count), generator=generator, device=generator.device)
    free = torch.tensor([height - side + 1, width - side + 1], device=place.device)
    corner = (place * free[:, None, None]).long().to(patterns.device)
    reach = torch.arange(side, device=patterns.device)
    y = corner[0, :, :, None, None] + reach[:, None]
    x = corner[1, :, :, None, None] + reach
    row = torch.arange(rows, device=patterns.device)[:, None, None, None]
    pieces = patterns[row, :, y, x].movedim(-1, 2)
    pieces = pieces - pieces.mean(dim=(3, 4), keepdim=True)
    length = pieces.square().sum(dim=(2, 3, 4), keepdim=True)
    return pieces / (length + _TINY).sqrt()


def _similarity(images: Tensor, pieces: Tensor) -> Tensor:
    """Return the correlation of each piece with every window of its image, (B, count, h, w)."""
    height, width = images.shape[-2:]
    side = pieces.shape[-1]
    # A large kernel by the Fourier transform; what wraps around lies outside the windows.
    image_waves = torch.fft.rfft2(images)[:, None]
    piece_waves = torch.fft.rfft2(pieces, s=(height, width))
    products = torch.fft.irfft2((image_waves * piece_waves.conj()).sum(2), s=(height, width))
    windows = products[..., : height - side + 1, : width - side + 1]
    mean = functional.avg_pool2d(images, side, stride=1)
    mean_square = functional.avg_pool2d(images.square(), side, stride=1)
    energy = side**2 * (mean_square - mean.square()).sum(dim=1, keepdim=True)
    similarity: Tensor = windows / (energy.clamp(min=0) + _TINY).sqrt()
    return similarity
