"""The reverse attention module (RAM) of the LDN: what the content does not explain."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

NormalisedOver = Literal["features", "tokens"]

_DIMENSION = {"features": -1, "tokens": 1}


class ReverseAttention(nn.Module):
    """Cross-attention from the encoder's output to the latent, reversed in the last layer.

    A latent is one token per channel, of all its pixels.

    Args:
        latent_channels: Channels of a latent.
        latent_size: Its side; only squares of this side can be read.
        hidden: Length of the encoder's output.
        features: Length of the texture-defect feature.
        layers: Attention layers.
        heads: Per layer.
        head_dim: Their length.
        dropout: On the output of each attention.
        normalised_over: The dimension over which query and tokens have length 1: each token's
            ``"features"``, as the paper's similarity requires, or the ``"tokens"``, as released.
            There the query is a single token and becomes its own sign, without a gradient.
        reverse: Whether the last layer attends with 1 - softmax; False is the ablation.
    """

    def __init__(
        self,
        latent_channels: int,
        latent_size: int,
        hidden: int,
        features: int,
        *,
        layers: int,
        heads: int,
        head_dim: int,
        dropout: float = 0.0,
        normalised_over: NormalisedOver = "features",
        reverse: bool = True,
    ) -> None:
        super().__init__()
        self._tokens = (latent_channels, latent_size**2)
        self._dimension = _DIMENSION[normalised_over]
        self.query = nn.Linear(hidden, features, bias=False)
        self.latent = nn.Linear(latent_size**2, features, bias=False)
        self.layers = nn.ModuleList(
            AttentionLayer(
                features, heads, head_dim, dropout=dropout, reverse=reverse and number == layers - 1
            )
            for number in range(layers)
        )
        self.norm = nn.LayerNorm(features)

    def forward(self, hidden: Tensor, latent: Tensor) -> Tensor:
        """Return the texture-defect feature f_T, (B, features).

        Args:
            hidden: (B, hidden).
            latent: (B, latent_channels, latent_size, latent_size).
        """
        tokens = self.latent(latent.reshape(len(latent), *self._tokens))
        tokens = functional.normalize(tokens, dim=self._dimension)
        query = functional.normalize(self.query(hidden)[:, None], dim=self._dimension)
        for layer in self.layers:
            query = layer(query, tokens)
        defect: Tensor = self.norm(query[:, 0])
        return defect


class AttentionLayer(nn.Module):
    """Cross-attention and a two-layer MLP, each with a residual and a LayerNorm after it.

    Args:
        features: Length of queries and tokens.
        heads: Their number.
        head_dim: Their length.
        dropout: On the output of the attention.
        reverse: Whether to attend with 1 - softmax.
    """

    def __init__(
        self, features: int, heads: int, head_dim: int, *, dropout: float, reverse: bool
    ) -> None:
        super().__init__()
        inner = heads * head_dim
        self._heads = heads
        self._reverse = reverse
        self.to_q = nn.Linear(features, inner, bias=False)
        self.to_k = nn.Linear(features, inner, bias=False)
        self.to_v = nn.Linear(features, inner, bias=False)
        self.to_out = nn.Sequential(nn.Linear(inner, features), nn.Dropout(dropout))
        self.mlp = nn.Sequential(
            nn.Linear(features, features), nn.ReLU(), nn.Linear(features, features)
        )
        self.norm1 = nn.LayerNorm(features)
        self.norm2 = nn.LayerNorm(features)

    def forward(self, query: Tensor, tokens: Tensor) -> Tensor:
        """Return (B, Q, features) for queries (B, Q, features) and tokens (B, N, features)."""
        q, k, v = (
            projected.unflatten(-1, (self._heads, -1)).transpose(1, 2)
            for projected in (self.to_q(query), self.to_k(tokens), self.to_v(tokens))
        )
        weights = torch.softmax(q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5, dim=-1)
        if self._reverse:
            weights = 1 - weights
        attended = (weights @ v).transpose(1, 2).flatten(-2)
        query = self.norm1(query + self.to_out(attended))
        result: Tensor = self.norm2(query + self.mlp(query))
        return result
