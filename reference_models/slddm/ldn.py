"""The latent disentangled network (LDN): stage 1 of SLDDM-TPG."""

from __future__ import annotations

from collections.abc import Sequence

from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from torch import Tensor

from ...core.errors import TpgbenchError
from .encoder import LatentEncoder
from .ram import NormalisedOver, ReverseAttention
from .sats import StructuredAffineTransformations
from .scm import SimilarityContrast


class LDN(ModelMixin, ConfigMixin):  # type: ignore[misc]  # diffusers is untyped
    """Takes the latent of a garment apart: content, texture defect, structure.

    Source: arXiv 2603.16747. The defaults are the paper's sizes.

    Args:
        latent_channels: Channels of a latent.
        latent_size: Its side: the RAM reads squares of this side only.
        encoder_widths: As in `LatentEncoder`; None is ResNet-50.
        hidden: Length of the encoder's output; 2048 with ResNet-50.
        features: Length of the content, defect and structured features.
        predictor: Length of the SimSiam predictor's bottleneck.
        ram_layers: Attention layers of the RAM.
        heads: Their heads.
        head_dim: Length of a head.
        ram_dropout: As in `ReverseAttention`; the release trains with 0.5.
        ram_normalised_over: As in `ReverseAttention`; the release has ``"tokens"``.
        reverse_attention: False switches the RAM's reversal off: the ablation.
    """

    @register_to_config  # type: ignore[untyped-decorator]
    def __init__(
        self,
        *,
        latent_channels: int = 4,
        latent_size: int = 64,
        encoder_widths: Sequence[int] | None = None,
        hidden: int = 2048,
        features: int = 1024,
        predictor: int = 512,
        ram_layers: int = 4,
        heads: int = 8,
        head_dim: int = 64,
        ram_dropout: float = 0.0,
        ram_normalised_over: NormalisedOver = "features",
        reverse_attention: bool = True,
    ) -> None:
        super().__init__()
        self.encoder = LatentEncoder(latent_channels, encoder_widths, hidden)
        self.scm = SimilarityContrast(hidden, features, predictor)
        self.ram = ReverseAttention(
            latent_channels,
            latent_size,
            hidden,
            features,
            layers=ram_layers,
            heads=heads,
            head_dim=head_dim,
            dropout=ram_dropout,
            normalised_over=ram_normalised_over,
            reverse=reverse_attention,
        )
        self.sats = StructuredAffineTransformations(features)

    def forward(self, latent: Tensor) -> dict[str, Tensor]:
        """Return the features of latents (B, latent_channels, latent_size, latent_size).

        Returns:
            ``content`` (f_S), ``content_predicted`` (SimSiam's p), ``defect`` (f_T) and
            ``structured`` (f_A), (B, features) each, and ``hidden``, (B, hidden).

        Raises:
            TpgbenchError: The latents have another shape.
        """
        channels, size = self.config.latent_channels, self.config.latent_size
        if latent.shape[1:] != (channels, size, size):
            raise TpgbenchError(
                f"LDN: latents of shape {tuple(latent.shape[1:])} where it reads "
                f"({channels}, {size}, {size}); give images of the size that it was trained on"
            )
        hidden = self.encoder(latent)
        content, predicted = self.scm(hidden)
        defect = self.ram(hidden, latent)
        return {
            "content": content,
            "content_predicted": predicted,
            "defect": defect,
            "structured": self.sats(defect),
            "hidden": hidden,
        }
