"""The structured affine transformations (SATs) of the LDN: from the defect to the structure.

Each module mixes what it makes with what it was given: w * new + (1 - w) * given, w learned.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn
from torch.nn import functional


class StructuredAffineTransformations(nn.Module):
    """Contrast, sharpness, distortion smoothing and noise filtering, one after the other.

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
    """A transformation that is mixed with what it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.share = nn.Parameter(torch.tensor([0.5]))

    @abstractmethod
    def transform(self, feature: Tensor) -> Tensor:
        """Return what is new."""

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
    """Convolutions along the feature, the last of which sharpens to begin with."""

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

    Softmax over one key is 1, so that queries and keys have no effect on what comes out: they are
    left out, and the attention is its value and output projections.
    """

    def __init__(self, features: int) -> None:
        super().__init__()
        self.linear = nn.Linear(features, features)
        self.value = nn.Linear(features, features)
        self.out = nn.Linear(features, features)

    def transform(self, feature: Tensor) -> Tensor:
        """Return what the attention gives."""
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
