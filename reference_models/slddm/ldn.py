"""The latent disentangled network (LDN), stage 1 of SLDDM-TPG, but for its RAM in `ram`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import pairwise

import torch
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models import resnet50
from torchvision.models.resnet import BasicBlock

from ...core.errors import TpgbenchError
from .ram import NormalisedOver, ReverseAttention


class LDN(ModelMixin, ConfigMixin):  # type: ignore[misc]  # diffusers is untyped
    """Disentangles the latent of a garment into content, texture defect and structure.

    Source: arXiv 2603.16747. The defaults are the paper's sizes.

    Args:
        latent_channels: Channels of a latent.
        latent_size: Its side; the RAM takes squares of this side only.
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
                f"LDN: latents of shape {tuple(latent.shape[1:])}, but it takes "
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


class LatentEncoder(nn.Module):
    """The encoder of the LDN: a residual trunk, global average pooling, and a residual MLP.

    Args:
        latent_channels: Channels of a latent.
        widths: Channels of the trunk's residual blocks, for small latents: each after the first
            halves the resolution, the stem keeps it. None is the paper's ResNet-50, which
            divides it by 32.
        hidden: Length of the output; 2048 for the paper's.
    """

    def __init__(self, latent_channels: int, widths: Sequence[int] | None, hidden: int) -> None:
        super().__init__()
        if widths is None:
            self.trunk, width = _resnet50(latent_channels)
        else:
            self.trunk, width = _small_resnet(latent_channels, widths)
        self.mlp = nn.Sequential(
            nn.Linear(width, hidden, bias=False),
            nn.BatchNorm1d(hidden),
            nn.ReLU(),
            nn.Linear(hidden, hidden, bias=False),
            nn.BatchNorm1d(hidden),
            nn.ReLU(),
        )
        same = width == hidden
        self.shortcut = nn.Identity() if same else nn.Linear(width, hidden, bias=False)

    def forward(self, latent: Tensor) -> Tensor:
        """Return ``hidden``, (B, hidden), of latents (B, C, h, w)."""
        pooled = self.trunk(latent)
        hidden: Tensor = self.mlp(pooled) + self.shortcut(pooled)
        return hidden


def _resnet50(channels: int) -> tuple[nn.Module, int]:
    trunk = resnet50(weights=None)
    trunk.conv1 = nn.Conv2d(channels, 64, 7, stride=2, padding=3, bias=False)
    nn.init.kaiming_normal_(trunk.conv1.weight, mode="fan_out", nonlinearity="relu")
    width: int = trunk.fc.in_features
    trunk.fc = nn.Identity()
    return trunk, width


def _small_resnet(channels: int, widths: Sequence[int]) -> tuple[nn.Module, int]:
    layers: list[nn.Module] = [
        nn.Conv2d(channels, widths[0], 3, padding=1, bias=False),
        nn.BatchNorm2d(widths[0]),
        nn.ReLU(),
        BasicBlock(widths[0], widths[0]),
    ]
    for before, after in pairwise(widths):
        shortcut = nn.Sequential(
            nn.Conv2d(before, after, 1, stride=2, bias=False), nn.BatchNorm2d(after)
        )
        layers.append(BasicBlock(before, after, stride=2, downsample=shortcut))
    trunk = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())
    for module in trunk.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    return trunk, widths[-1]


class SimilarityContrast(nn.Module):
    """The similarity contrast module (SCM): what garment and pattern have in common.

    SimSiam's projector and predictor, https://arxiv.org/abs/2011.10566.

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


class StructuredAffineTransformations(nn.Module):
    """The structured affine transformations (SATs): from the defect to the structure.

    Contrast, sharpness, distortion smoothing and noise filtering, one after the other.

    Args:
        features: Length of a feature.
    """

    def __init__(self, features: int) -> None:
        super().__init__()
        self.contrast = Contrast(features)
        self.sharpness = Sharpness(features)
        self.smoothing = Smoothing(features)
        self.noise_filter = NoiseFilter(features)

    def forward(self, defect: Tensor) -> Tensor:
        """Return the predicted structured feature f_A of f_T, (B, features) each."""
        structured: Tensor = self.noise_filter(
            self.smoothing(self.sharpness(self.contrast(defect)))
        )
        return structured


class Mixed(nn.Module, ABC):
    """A transformation whose output is mixed with its input: w * new + (1 - w) * given.

    The share w is learned.
    """

    def __init__(self) -> None:
        super().__init__()
        self.share = nn.Parameter(torch.tensor([0.5]))

    @abstractmethod
    def transform(self, feature: Tensor) -> Tensor:
        """Return the transformed feature."""

    def forward(self, feature: Tensor) -> Tensor:
        """Return the mixture; features are (B, features)."""
        mixed: Tensor = self.share * self.transform(feature) + (1 - self.share) * feature
        return mixed


class Contrast(Mixed):
    """A matrix and a bias, scaled and shifted."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.linear = nn.Linear(features, features)
        self.scale = nn.Parameter(torch.tensor([1.2]))
        self.shift = nn.Parameter(torch.tensor([0.1]))

    def transform(self, feature: Tensor) -> Tensor:
        """Return scale * (A x + b) + shift."""
        linear: Tensor = self.linear(feature)
        return self.scale * linear + self.shift


class Sharpness(Mixed):
    """Convolutions along the feature; the last one is initialised to sharpen."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.linear = nn.Linear(features, features)
        self.convolution = nn.Conv1d(1, 1, 3, padding=1)
        self.transposed = nn.ConvTranspose1d(1, 1, 3, padding=1)
        self.sharpen = _kernel(-1.0, 2.0)

    def transform(self, feature: Tensor) -> Tensor:
        """Return the convolved feature."""
        sequence: Tensor = self.linear(feature)[:, None]
        sequence = self.sharpen(self.transposed(self.convolution(sequence)))
        return sequence[:, 0]


class Smoothing(Mixed):
    """Self-attention over a sequence of one.

    Softmax over one key is 1, so queries and keys have no effect and are left out: the attention
    is its value and output projections.
    """

    def __init__(self, features: int) -> None:
        super().__init__()
        self.linear = nn.Linear(features, features)
        self.value = nn.Linear(features, features)
        self.out = nn.Linear(features, features)

    def transform(self, feature: Tensor) -> Tensor:
        """Return the output of the attention."""
        attended: Tensor = self.out(self.value(self.linear(feature).relu()))
        return attended


class NoiseFilter(Mixed):
    """A gate and a convolution that smooths less than it keeps."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.linear = nn.Linear(features, features)
        self.convolution = _kernel(-0.5, 1.5)

    def transform(self, feature: Tensor) -> Tensor:
        """Return the filtered feature."""
        sequence = self.convolution(functional.silu(self.linear(feature))[:, None])
        filtered: Tensor = sequence[:, 0]
        return filtered


def _kernel(side: float, centre: float) -> nn.Conv1d:
    convolution = nn.Conv1d(1, 1, 3, padding=1, bias=False)
    with torch.no_grad():
        convolution.weight.copy_(torch.tensor([[[side, centre, side]]]))
    return convolution
