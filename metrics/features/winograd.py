"""3x3 convolutions by Winograd's minimal filtering: a quarter of the multiplications.

On a CPU the time of VGG is that of its 3x3 convolutions, which PyTorch computes directly. Here an
output tile of 4x4 pixels takes 36 multiplications per channel instead of 144. (Source: Lavin and
Gray, CVPR 2016, F(4x4, 3x3).) In float32 its rounding error is some three times the direct one's.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

_TILE = 4  # output pixels of a tile along each side
_INPUT = 6  # input pixels that they depend on: the tile and a pixel around it

# This many tiles are computed at once: their inputs, products and outputs stay in the cache.
_BLOCK = 128

# Transformed filters are four times as large as the filters. A layer's are kept if they are no
# larger than this; else they are made anew at each call, one part at a time.
_FILTER_BYTES = 16 << 20

# Below it the transforms cost more than they save.
_FEWEST_WEIGHTS = 64 * 128

_INPUT_TRANSFORM = (
    (4, 0, -5, 0, 1, 0),
    (0, -4, -4, 1, 1, 0),
    (0, 4, -4, -1, 1, 0),
    (0, -2, -1, 2, 1, 0),
    (0, 2, -1, -2, 1, 0),
    (0, 4, 0, -5, 0, 1),
)
_FILTER_TRANSFORM = (
    (1 / 4, 0, 0),
    (-1 / 6, -1 / 6, -1 / 6),
    (-1 / 6, 1 / 6, -1 / 6),
    (1 / 24, 1 / 12, 1 / 6),
    (1 / 24, -1 / 12, 1 / 6),
    (0, 0, 1),
)
_OUTPUT_TRANSFORM = (
    (1, 1, 1, 1, 1, 0),
    (0, 1, -1, 2, -2, 0),
    (0, 1, 1, 4, 4, 0),
    (0, 1, -1, 8, -8, 1),
)


class WinogradConvolution(nn.Module):
    """A drop-in for a 3x3 convolution on a CPU, for inference.

    Args:
        convolution: One for which `suits` holds.
    """

    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__()
        weight = convolution.weight.detach()
        filters, channels = weight.shape[:2]
        self._count = filters
        self._bias = convolution.bias
        # A two-dimensional transform of flattened tiles is one product with a Kronecker square.
        self._to_input, self._to_filter, self._to_output = (
            torch.kron(matrix, matrix).float()
            for matrix in (
                torch.tensor(_INPUT_TRANSFORM, dtype=torch.float64),
                torch.tensor(_FILTER_TRANSFORM, dtype=torch.float64),
                torch.tensor(_OUTPUT_TRANSFORM, dtype=torch.float64),
            )
        )
        parts = -(-weight.element_size() * _INPUT**2 * channels * filters // _FILTER_BYTES)
        split = weight.permute(2, 3, 1, 0).reshape(9, channels, filters).tensor_split(parts, dim=2)
        self._are_transformed = parts == 1
        self._parts = [self._transform_filters(split[0])] if parts == 1 else list(split)

    @staticmethod
    def suits(layer: nn.Module) -> bool:
        """Return whether a layer is a convolution that is faster so."""
        return (
            isinstance(layer, nn.Conv2d)
            and layer.weight.device.type == "cpu"
            and layer.weight.dtype == torch.float32
            and layer.kernel_size == (3, 3)
            and layer.stride == layer.dilation == layer.padding == (1, 1)
            and layer.groups == 1
            and layer.in_channels * layer.out_channels >= _FEWEST_WEIGHTS
        )

    def forward(self, images: Tensor) -> Tensor:
        """Return the convolution, (n, filters, height, width), channels last.

        Args:
            images: float32 (n, channels, height, width), channels last.
        """
        count, _, height, width = images.shape
        down, across = -(-height // _TILE), -(-width // _TILE)
        padded = functional.pad(
            images.permute(0, 2, 3, 1),
            (0, 0, 1, across * _TILE - width + 1, 1, down * _TILE - height + 1),
        )
        result = images.new_empty(count, down * _TILE, across * _TILE, self._count)
        done = 0
        for part in self._parts:
            filters = part if self._are_transformed else self._transform_filters(part)
            self._convolve(padded, filters, result[..., done : done + part.shape[2]])
            done += part.shape[2]
        if self._bias is not None:
            result += self._bias
        return result[:, :height, :width].contiguous().permute(0, 3, 1, 2)

    def _convolve(self, padded: Tensor, filters: Tensor, result: Tensor) -> None:
        """Write the convolution with transformed filters (36, channels, k) into ``result``."""
        count, down, across = len(result), result.shape[1] // _TILE, result.shape[2] // _TILE
        _, channels, width = filters.shape
        rows = max(1, _BLOCK // (count * across))
        for top in range(0, down, rows):
            bottom = min(top + rows, down)
            strip = padded[:, top * _TILE : bottom * _TILE + 2]
            tiles = strip.unfold(1, _INPUT, _TILE).unfold(2, _INPUT, _TILE)
            flat = tiles.permute(4, 5, 0, 1, 2, 3).reshape(_INPUT**2, -1)
            spectrum = (self._to_input @ flat).view(_INPUT**2, -1, channels)
            product = torch.bmm(spectrum, filters).view(_INPUT**2, -1)
            output = (self._to_output @ product).view(
                _TILE, _TILE, count, bottom - top, across, width
            )
            target = result[:, top * _TILE : bottom * _TILE]
            target.view(count, bottom - top, _TILE, across, _TILE, width).copy_(
                output.permute(2, 3, 0, 4, 1, 5)
            )

    def _transform_filters(self, weight: Tensor) -> Tensor:
        """Return filters (9, channels, k) as (36, channels, k)."""
        return (self._to_filter @ weight.flatten(1)).view(_INPUT**2, *weight.shape[1:])
