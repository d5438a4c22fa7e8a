"""The texture triplet loss, which teaches the LDN what the photo did to the texture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from torch import Tensor
from torch.nn import functional

TripletVariant = Literal["paper", "release"]


def texture_triplet_loss(
    of_pattern: Mapping[str, Tensor],
    of_garment: Mapping[str, Tensor],
    *,
    margin: float = 1.0,
    variant: TripletVariant = "paper",
) -> Tensor:
    """Return how far the features of texture defects are from where they belong.

    With d the mean squared difference over the features, the paper (stage 1, RAM and SATs) has
    max(0, d(f_T^P, f_A^C) - d(f_T^P, f_T^C) + margin) for each row: the mended feature of the
    garment comes nearer to the pattern's than the defect feature is, by the margin at least. The
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
    to_mended = _distance(anchor, of_garment["structured"])
    to_defect = _distance(anchor, of_garment["defect"])
    if variant == "release":
        return (0.5 * to_defect - 0.2 * to_mended + margin).mean()
    return functional.relu(to_mended - to_defect + margin).mean()


def _distance(first: Tensor, second: Tensor) -> Tensor:
    return (first - second).square().mean(dim=1)
