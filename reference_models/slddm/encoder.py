"""The LDN's encoder: a residual network over latents."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn
from torchvision.models import resnet50
from torchvision.models.resnet import BasicBlock


class LatentEncoder(nn.Module):
    """A residual trunk, its global average, and a residual MLP on that.

    Args:
        latent_channels: Channels of a latent.
        widths: Channels of the trunk's residual blocks, each but the first at half the resolution
            of the one before, with a stem that keeps the resolution: for small latents. None is
            the paper's ResNet-50, whose stem and blocks divide it by 32.
        hidden: Length of what comes out; 2048 for the paper's.
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
