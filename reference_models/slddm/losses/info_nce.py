"""The contrastive loss that trains the tiny preset's image encoder."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from ....core.errors import TpgbenchError


def info_nce(first: Tensor, second: Tensor, *, temperature: float = 0.1) -> Tensor:
    """Return how badly rows find their own partner among all partners; lower is better.

    The symmetric cross-entropy of cosine similarities over the temperature, as CLIP has it
    (https://arxiv.org/abs/2103.00020).

    Args:
        first: Embeddings, (B, D); they need not be normalised.
        second: Embeddings of the same rows seen otherwise.
        temperature: Lower dwells more on the hardest confusions.

    Returns:
        A scalar of at least 0; log B for embeddings that tell nothing.

    Raises:
        TpgbenchError: Fewer than two rows: there is nothing to tell apart.
    """
    if len(first) < 2:
        raise TpgbenchError(
            f"InfoNCE tells rows apart and got a batch of {len(first)}: set batch_size to 2 or more"
        )
    similarity = functional.normalize(first, dim=1) @ functional.normalize(second, dim=1).T
    logits = similarity.float() / temperature
    partner = torch.arange(len(first), device=first.device)
    one_way = functional.cross_entropy(logits, partner)
    return (one_way + functional.cross_entropy(logits.T, partner)) / 2
