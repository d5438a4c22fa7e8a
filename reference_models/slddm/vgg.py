"""VGG-16's feature maps, for the perceptual loss at the paper's size."""

from __future__ import annotations

import torch
import torchvision
from torch import Tensor, nn

from ...core.errors import TpgbenchError
from ...core.weights import get_weights
from ...metrics.features.backbones import BACKBONES

_BACKBONE = BACKBONES["vgg"]
_SHIFT = (-0.030, -0.088, -0.188)
_SCALE = (0.458, 0.448, 0.450)


class VggFeatures(nn.Module):
    """The feature maps that LPIPS compares, differentiable. Frozen.

    Raises:
        TpgbenchError: torchvision's weights are unavailable, or are not those of VGG-16.
    """

    def __init__(self) -> None:
        super().__init__()
        path = get_weights(_BACKBONE.weights)
        with torch.device("meta"):  # the classifier would take half a gigabyte
            layers = torchvision.models.vgg16(weights=None).features[: _BACKBONE.taps[-1] + 1]
        try:
            state = torch.load(path, map_location="cpu", weights_only=True)
            wanted = {key: state[f"features.{key}"] for key in layers.state_dict()}
            layers.load_state_dict(wanted, assign=True)
        except Exception as error:  # torch and pickle raise many kinds
            raise TpgbenchError(
                f"{path}: holds no weights of torchvision's VGG-16 ({type(error).__name__}); "
                f"remove it and fetch {_BACKBONE.weights.url}"
            ) from error
        for layer in layers:
            if isinstance(layer, nn.ReLU):
                layer.inplace = False  # the maps before it are used too
        self.layers = layers.eval().requires_grad_(False)
        self.shift: Tensor
        self.scale: Tensor
        self.register_buffer("shift", torch.tensor(_SHIFT).view(3, 1, 1), persistent=False)
        self.register_buffer("scale", torch.tensor(_SCALE).view(3, 1, 1), persistent=False)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Return five maps of images (B, 3, H, W) in [-1, 1], shallow to deep."""
        hidden: Tensor = (images - self.shift) / self.scale
        maps: list[Tensor] = []
        for index, layer in enumerate(self.layers):
            hidden = layer(hidden)
            if index in _BACKBONE.taps:
                maps.append(hidden)
        return maps
