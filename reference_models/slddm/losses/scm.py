"""The loss of the similarity contrast module (SCM)."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor
from torch.nn import functional


def scm_loss(first: Mapping[str, Tensor], second: Mapping[str, Tensor]) -> Tensor:
    """Return SimSiam's negative similarity of two views of one cloth; lower is more alike.

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
