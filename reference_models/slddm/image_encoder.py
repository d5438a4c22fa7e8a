"""The image features of the tiny preset; the paper uses CLIP and VGG."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn


class GarmentEncoder(ModelMixin, ConfigMixin):  # type: ignore[misc]  # diffusers' own clash
    """A small convolutional network whose embeddings of a garment and its pattern match.

    It is trained by `info_nce` between garments and patterns. It provides the image context of the
    diffusion model, as CLIP does, and the feature maps of the perceptual loss, as VGG does.

    Args:
        embedding_dim: Length of an embedding.
        widths: Channels of the maps at 1/4, 1/8, 1/16, ... of the image's side; multiples of 8.
    """

    @register_to_config  # type: ignore[untyped-decorator]
    def __init__(self, *, embedding_dim: int = 128, widths: Sequence[int] = (32, 64, 96)) -> None:
        super().__init__()
        stems = [nn.Conv2d(3, widths[0], 7, stride=4, padding=3)]
        stems += [
            nn.Conv2d(before, after, 3, stride=2, padding=1) for before, after in pairwise(widths)
        ]
        self.levels = nn.ModuleList(
            nn.Sequential(
                stem,
                nn.GroupNorm(8, width),
                nn.SiLU(),
                nn.Conv2d(width, width, 3, padding=1),
                nn.GroupNorm(8, width),
                nn.SiLU(),
            )
            for stem, width in zip(stems, widths, strict=True)
        )
        self.head = nn.Linear(2 * widths[-1], embedding_dim)
        self.norm = nn.LayerNorm(embedding_dim, elementwise_affine=False)

    def embed(self, images: Tensor) -> Tensor:
        """Return embeddings that do not depend on the position of the motifs.

        Args:
            images: (B, 3, H, W) in [-1, 1].

        Returns:
            (B, embedding_dim), each of mean 0 and variance 1.
        """
        deepest = self.features(images)[-1]
        deviation, mean = torch.std_mean(deepest, dim=(2, 3))
        embedding: Tensor = self.norm(self.head(torch.cat([mean, deviation], dim=1)))
        return embedding

    def features(self, images: Tensor) -> list[Tensor]:
        """Return the feature maps, shallow to deep.

        Args:
            images: (B, 3, H, W) in [-1, 1].

        Returns:
            For each width a map (B, width, about H / 4, ...), each half as wide as the one before.
        """
        maps: list[Tensor] = []
        for level in self.levels:
            images = level(images)
            maps.append(images)
        return maps
