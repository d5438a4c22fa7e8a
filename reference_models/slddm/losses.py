"""The losses of SLDDM-TPG: plain functions of tensors, unweighted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from ...core.errors import TpgbenchError

TripletVariant = Literal["paper", "release"]
Features = Callable[[Tensor], Sequence[Tensor]]

_TINY_SQUARE = 1e-8
# Features closer than this have no direction from one to the other.
_NEAREST = 1e-6
# Of the CLS loss.
_THRESHOLD = 0.5
_SOFTNESS = 0.1
_TINY = 1e-4


def info_nce(first: Tensor, second: Tensor, *, temperature: float = 0.1) -> Tensor:
    """Return the InfoNCE loss of rows and their partners; lower is better.

    The symmetric cross-entropy of cosine similarities over the temperature, as in CLIP
    (https://arxiv.org/abs/2103.00020).

    Args:
        first: Embeddings, (B, D); they need not be normalised.
        second: Embeddings of the partners of the same rows.
        temperature: A lower one emphasises hard negatives.

    Returns:
        A scalar of at least 0; log B for embeddings without information.

    Raises:
        TpgbenchError: Fewer than two rows.
    """
    if len(first) < 2:
        raise TpgbenchError(
            f"InfoNCE compares rows and got a batch of {len(first)}: set batch_size to 2 or more"
        )
    similarity = functional.normalize(first, dim=1) @ functional.normalize(second, dim=1).T
    logits = similarity.float() / temperature
    partner = torch.arange(len(first), device=first.device)
    one_way = functional.cross_entropy(logits, partner)
    return (one_way + functional.cross_entropy(logits.T, partner)) / 2


def scm_loss(first: Mapping[str, Tensor], second: Mapping[str, Tensor]) -> Tensor:
    """Return SimSiam's negative similarity of two views of one cloth; lower is more similar.

    -(cos(p_1, sg f_2) + cos(p_2, sg f_1)) / 2, averaged over the batch, where sg stops the
    gradient: without it all features would collapse into one. The paper (stage 1, L_S) adds 0.001
    times the same for the pattern and C', the garment cut from it; the public code twice that.

    Args:
        first: The LDN's features of one view: ``content`` (f_S) and ``content_predicted`` (p),
            (B, features) each.
        second: Those of the other view of the same rows.

    Returns:
        A scalar from -1 to 1.
    """
    return -(_agreement(first, second) + _agreement(second, first)) / 2


def _agreement(view: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> Tensor:
    content = other["content"].detach()
    return functional.cosine_similarity(view["content_predicted"], content, dim=1).mean()


def texture_triplet_loss(
    of_pattern: Mapping[str, Tensor],
    of_garment: Mapping[str, Tensor],
    *,
    margin: float = 1.0,
    variant: TripletVariant = "paper",
) -> Tensor:
    """Return the triplet loss of the texture-defect features; lower is better.

    With d the mean squared difference over the features, the paper (stage 1, RAM and SATs) has
    max(0, d(f_T^P, f_A^C) - d(f_T^P, f_T^C) + margin) for each row: the structured feature of the
    garment is to be nearer to the pattern's than its defect feature is, by the margin at least. The
    public code has 0.5 d(f_T^P, f_T^C) - 0.2 d(f_T^P, f_A^C) + margin, the reverse of the
    paper's intent and without a lower bound.

    Args:
        of_pattern: The LDN's features of the pattern: ``defect`` (f_T), (B, features).
        of_garment: Those of the garment: ``defect`` and ``structured`` (f_A).
        margin: In units of d; features that are normalised to variance 1 are about 2 apart. The
            public code has 0.2.
        variant: Which of the two.

    Returns:
        A scalar, the mean over the batch; at least 0 in the paper's form.
    """
    anchor = of_pattern["defect"]
    to_structured = _distance(anchor, of_garment["structured"])
    to_defect = _distance(anchor, of_garment["defect"])
    if variant == "release":
        return (0.5 * to_defect - 0.2 * to_structured + margin).mean()
    return functional.relu(to_structured - to_defect + margin).mean()


def _distance(first: Tensor, second: Tensor) -> Tensor:
    return (first - second).square().mean(dim=1)


def perceptual_loss(features: Features, images: Tensor, targets: Tensor) -> Tensor:
    """Return the distance of the feature maps of two batches of images; lower is more similar.

    LPIPS without learned weights (https://arxiv.org/abs/1801.03924): every map's channels are
    normalised to length 1 at each position; squared differences are summed over the channels,
    averaged over positions and batch, then over the maps. No gradient reaches the targets.

    Args:
        features: From images (B, 3, H, W) in [-1, 1] to maps (B, C, h, w).
        images: (B, 3, H, W) in [-1, 1].
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
    return features / (features.square().sum(dim=1, keepdim=True) + _TINY_SQUARE).sqrt()


def stable_transformation_losses(garments: Tensor, patterns: Tensor) -> tuple[Tensor, Tensor]:
    """Return the in-domain and the cross-domain loss of a batch (the paper's stage 2, STD).

    In-domain: patterns are to differ from each other as their garments do; the mean over i < j of
    1 - cos(h_C^i - h_C^j, h_P^i - h_P^j). Cross-domain: the step from garment to pattern is to be
    the same for all; the mean over i < j of 1 - cos(u^i, u^j) with u^i = h_P^i - h_C^i. Pairs of
    identical features have no direction and are left out; if all are, the loss is 0.

    Args:
        garments: ``hidden`` features of the LDN, (B, hidden), h_C.
        patterns: Those of the patterns, or of their estimates, h_P.

    Returns:
        Two scalars from 0 to 2; lower is more stable.

    Raises:
        TpgbenchError: Fewer than two rows.
    """
    if len(garments) < 2:
        raise TpgbenchError(
            f"the STD loss compares pairs and got a batch of {len(garments)}: set batch_size to 2 "
            "or more, or the weights std and std_cross to 0"
        )
    first, second = torch.triu_indices(len(garments), len(garments), 1, device=garments.device)
    in_domain = _disagreement(
        garments[first] - garments[second], patterns[first] - patterns[second]
    )
    step = patterns - garments
    return in_domain, _disagreement(step[first], step[second])


def _disagreement(first: Tensor, second: Tensor) -> Tensor:
    """Return the mean of 1 - cos over the rows in which both vectors have a direction."""
    first_square = first.square().sum(dim=1)
    second_square = second.square().sum(dim=1)
    defined = (first_square > _NEAREST**2) & (second_square > _NEAREST**2)
    # Replaced before the root: a gradient through 0 / 0 would be NaN, masked or not.
    scale = (
        torch.where(defined, first_square, 1).sqrt() * torch.where(defined, second_square, 1).sqrt()
    )
    cosine = (first * second).sum(dim=1) / scale
    return torch.where(defined, 1 - cosine, 0).sum() / defined.sum().clamp(min=1)


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
    """Return the CLS loss: how differently pieces of the pattern recur in image and pattern.

    The paper's stage 2, L_CLS: random square pieces of each pattern are convolved over the
    pattern and over the estimate, and the two maps of similarity should agree: where a motif
    recurs in one, it does in the other. Similarity is the normalised correlation of piece
    and window, without the mean of each channel; places above 0.5 count.
    Agreement is a Dice score; the loss is 1 minus it. In the release the threshold is a step,
    which has no gradient; here it is a sigmoid of width 0.1 and Dice has squares in its
    denominator, so that identical images give 0. ``hard`` gives the released score, for
    evaluation. No gradient reaches the patterns.

    Args:
        images: (B, 3, H, W) in [-1, 1].
        patterns: The same shape.
        generator: Draws the places of the pieces.
        kernels: Pieces per pattern.
        kernel_size: Their side in pixels.
        stride: Images and pieces are averaged down by this factor first, for speed.
        hard: Use the released step threshold.

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
    # By the Fourier transform, since kernels are large; wrap-around lies outside the windows.
    image_waves = torch.fft.rfft2(images)[:, None]
    piece_waves = torch.fft.rfft2(pieces, s=(height, width))
    products = torch.fft.irfft2((image_waves * piece_waves.conj()).sum(2), s=(height, width))
    windows = products[..., : height - side + 1, : width - side + 1]
    mean = functional.avg_pool2d(images, side, stride=1)
    mean_square = functional.avg_pool2d(images.square(), side, stride=1)
    energy = side**2 * (mean_square - mean.square()).sum(dim=1, keepdim=True)
    similarity: Tensor = windows / (energy.clamp(min=0) + _TINY).sqrt()
    return similarity
