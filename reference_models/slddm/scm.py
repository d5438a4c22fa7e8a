"""The similarity contrast module (SCM) of the LDN: what garment and pattern have in common."""

from __future__ import annotations

from torch import Tensor, nn


class SimilarityContrast(nn.Module):
    """SimSiam's projector and predictor, https://arxiv.org/abs/2011.10566.

    Args:
        hidden: Length of the encoder's output.
        features: Length of the content feature.
        predictor: Length of the predictor's bottleneck.
    """

    def __init__(self, hidden: int, features: int, predictor: int) -> None:
        super().__init__()
        self.projector = nn.Sequential(
            nn.Linear(hidden, features, bias=False), nn.BatchNorm1d(features, affine=False)
        )
        self.predictor = nn.Sequential(
            nn.Linear(features, predictor, bias=False),
            nn.BatchNorm1d(predictor),
            nn.ReLU(),
            nn.Linear(predictor, features),
        )

    def forward(self, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """Return the content feature f_S and its prediction p, (B, features) each.

        The loss stops the gradient at f_S, not this module.
        """
        content: Tensor = self.projector(hidden)
        return content, self.predictor(content)
