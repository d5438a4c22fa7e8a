"""Maps embeddings and LDN features to the tokens that the U-Net attends to."""

from __future__ import annotations

import torch
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from torch import Tensor, nn


class Conditioner(ModelMixin, ConfigMixin):  # type: ignore[misc]  # diffusers is untyped
    """The mapper of image embeddings, the LDN's projection and the unconditional vector.

    Every context is one token. The defaults are the paper's sizes.

    Args:
        image_dim: Length of an image embedding; CLIP ViT-L/14's pooled output.
        ldn_dim: Length of an LDN feature.
        context_dim: Length of a token.
        mapper_layers: Transformer layers between the embedding and its token.
    """

    @register_to_config  # type: ignore[untyped-decorator]
    def __init__(
        self,
        image_dim: int = 1024,
        ldn_dim: int = 1024,
        context_dim: int = 768,
        mapper_layers: int = 5,
    ) -> None:
        super().__init__()
        self.mapper = nn.Sequential(*(MapperLayer(image_dim) for _ in range(mapper_layers)))
        self.norm = nn.LayerNorm(image_dim)
        self.image_projection = nn.Linear(image_dim, context_dim)
        self.ldn_projection = nn.Linear(ldn_dim, context_dim)
        nn.init.xavier_uniform_(self.ldn_projection.weight)
        nn.init.zeros_(self.ldn_projection.bias)
        self.unconditional_token = nn.Parameter(torch.randn(1, 1, context_dim))

    def image_context(self, embedding: Tensor) -> Tensor:
        """Return the image context, (B, 1, context_dim), of embeddings (B, image_dim)."""
        mapped = self.norm(self.mapper(embedding.to(self.dtype)))
        context: Tensor = self.image_projection(mapped)
        return context[:, None]

    def ldn_context(self, feature: Tensor) -> Tensor:
        """Return the context, (B, 1, context_dim), of one LDN feature (B, ldn_dim).

        One projection is shared by f_S, f_A and, in the negative branch, f_T.
        """
        context: Tensor = self.ldn_projection(feature.to(self.dtype))
        return context[:, None]

    def unconditional(self, count: int) -> Tensor:
        """Return the learned unconditional image context, (count, 1, context_dim)."""
        return self.unconditional_token.expand(count, -1, -1)


class MapperLayer(nn.Module):
    """A pre-norm transformer layer over a sequence of one.

    Softmax over one key is 1: the attention reduces to its value and output projections, so
    queries and keys are left out.

    Args:
        width: Length of an embedding.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.value = nn.Linear(width, width)
        self.out = nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )

    def forward(self, embedding: Tensor) -> Tensor:
        """Return (B, width) of (B, width)."""
        embedding = embedding + self.out(self.value(self.norm1(embedding)))
        result: Tensor = embedding + self.mlp(self.norm2(embedding))
        return result
