"""The loss of the stable transformation domain (STD)."""

from __future__ import annotations

import torch
from torch import Tensor

from ....core.errors import TpgbenchError

# Features closer than this have no direction from one to the other.
_NEAREST = 1e-6


def stable_transformation_losses(garments: Tensor, patterns: Tensor) -> tuple[Tensor, Tensor]:
    """Return the in-domain and the cross-domain loss of a batch (the paper's stage 2, STD).

    In-domain: patterns differ from each other as their garments do; the mean over i < j of
    1 - cos(h_C^i - h_C^j, h_P^i - h_P^j). Cross-domain: the step from garment to pattern is the
    same for all; the mean over i < j of 1 - cos(u^i, u^j) with u^i = h_P^i - h_C^i. Pairs without
    a direction, identical features, are left out; if all are, the loss is 0.

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
