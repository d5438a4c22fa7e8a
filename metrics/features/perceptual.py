"""The networks of LPIPS: torchvision's backbones with the calibrated heads of the lpips package."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
import torchvision
from numpy.typing import NDArray
from torch import Tensor, nn

from ...core.errors import TpgbenchError
from ...core.files import known_sha256
from ...core.images import Image
from ...core.weights import get_weights
from .backbones import BACKBONES, heads_file
from .device import compute_device, float32_inference, has_float64
from .winograd import WinogradConvolution

# What lpips adds before it divides by a feature's length.
_EPSILON = 1e-10

# The input's mean and spread in [-1, 1], as lpips has them.
_SHIFT = (-0.030, -0.088, -0.188)
_SCALE = (0.458, 0.448, 0.450)

# Features are normalised and compared in blocks of this many numbers, which stay in the cache.
_BLOCK = 1 << 16


@dataclass(frozen=True)
class PerceptualNetwork:
    """A backbone, the layers at which it is tapped, and the weight of each channel there.

    Attributes:
        layers: The backbone's feature layers, up to the last tap.
        heads: For each tapped layer's index the weights of its channels, shape (c,).
        device: Where it runs.
    """

    layers: nn.Sequential
    heads: dict[int, Tensor]
    device: str

    def distance(self, first: Sequence[Image], second: Sequence[Image]) -> list[float]:
        """Return the LPIPS of each pair.

        Args:
            first: uint8 (height, width, 3) each, all of one size.
            second: As many, of the same size.
        """
        total = np.zeros(len(first))

        def add(features: Sequence[Tensor], head: Tensor) -> None:
            pairs = zip(features[: len(first)], features[len(first) :], strict=True)
            for index, (one, other) in enumerate(pairs):
                total[index] += _gap(one, other, head)

        with float32_inference(self.device):
            self._at_taps([*first, *second], add)
        return [float(value) for value in total]

    def distances(self, first: Sequence[Image], second: Sequence[Image]) -> NDArray[np.float64]:
        """Return the LPIPS of every image of ``first`` with every one of ``second``.

        Each image passes the network once.

        Args:
            first: n images, uint8 (height, width, 3) each.
            second: m images of the same size.

        Returns:
            float64 (n, m).
        """
        total = np.zeros((len(first), len(second)))

        def add(features: Sequence[Tensor], head: Tensor) -> None:
            unit = torch.stack([_normalised(one) for one in features])
            for row, one in enumerate(unit[: len(first)]):
                gap = (unit[len(first) :] - one).square_() @ head
                total[row] += _sum(gap) / gap.shape[1]

        with float32_inference(self.device):
            self._at_taps([*first, *second], add)
        return total

    def _at_taps(
        self, images: Sequence[Image], visit: Callable[[Sequence[Tensor], Tensor], None]
    ) -> None:
        """Call ``visit`` with each tapped layer's outputs, (pixels, channels) each, and its head.

        Before the first tap the outputs are the largest by far; until there the images go one at a
        time, from there together. Nothing is kept from one tap to the next.
        """
        first = min(self.heads)
        states = [self.layers[: first + 1](_prepare([image], self.device)) for image in images]
        visit([_flat(state)[0] for state in states], self.heads[first])
        state = torch.cat([self.layers[first + 1](states.pop(0)) for _ in images])
        for index, layer in enumerate(self.layers[first + 2 :], first + 2):
            state = layer(state)
            if index in self.heads:
                visit(_flat(state).unbind(), self.heads[index])


def load_network(name: str, folder: Path | None = None) -> PerceptualNetwork:
    """Return a network with its published weights; it is read once per process.

    Args:
        name: ``"alex"``, ``"vgg"`` or ``"squeeze"``.
        folder: Where to look for the backbone's weights first.

    Raises:
        TpgbenchError: The weights are unavailable, or the file holds others.
    """
    path = get_weights(BACKBONES[name].weights, folder)
    return _read_network(name, path.resolve(), known_sha256(path), compute_device())


@lru_cache(maxsize=len(BACKBONES))
def _read_network(name: str, path: Path, _sha256: str, device: str) -> PerceptualNetwork:
    backbone = BACKBONES[name]
    with torch.device("meta"):  # the classifier's half a gigabyte is never made
        layers = getattr(torchvision.models, backbone.model)(weights=None).features
    layers = layers[: backbone.taps[-1] + 1]
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        wanted = {key: state[f"features.{key}"] for key in layers.state_dict()}
        layers.load_state_dict(wanted, assign=True)
    except Exception as error:
        raise TpgbenchError(
            f"{path}: holds no weights of torchvision's {backbone.model} "
            f"({type(error).__name__}); remove it and fetch {backbone.weights.url}"
        ) from error
    layers = layers.eval().requires_grad_(False).to(device, memory_format=torch.channels_last)
    layers = nn.Sequential(
        *(WinogradConvolution(one) if WinogradConvolution.suits(one) else one for one in layers)
    )
    heads = _load_heads(name)
    return PerceptualNetwork(
        layers,
        {tap: head.to(device) for tap, head in zip(backbone.taps, heads, strict=True)},
        device,
    )


def _load_heads(name: str) -> list[Tensor]:
    state = torch.load(heads_file(name), map_location="cpu", weights_only=True)
    return [state[f"lin{layer}.model.1.weight"].flatten() for layer in range(len(state))]


def _prepare(images: Sequence[Image], device: str) -> Tensor:
    """Return images as the backbone wants them, float32 (n, 3, height, width), channels last."""
    batch = torch.from_numpy(np.stack(images)).to(device).permute(0, 3, 1, 2)
    shift = torch.tensor(_SHIFT, device=device).view(3, 1, 1)
    scale = torch.tensor(_SCALE, device=device).view(3, 1, 1)
    return (batch / 127.5 - 1 - shift).div_(scale)


def _flat(state: Tensor) -> Tensor:
    """Return a layer's output as (n, pixels, channels)."""
    return state.permute(0, 2, 3, 1).flatten(1, 2)


def _gap(one: Tensor, other: Tensor, head: Tensor) -> float:
    """Return one layer's distance of two images' features (pixels, channels)."""
    pixels, channels = one.shape
    rows = pixels if one.is_cuda else max(1, _BLOCK // channels)
    total = 0.0
    for start in range(0, pixels, rows):
        block = slice(start, start + rows)
        gap = (_normalised(one[block]) - _normalised(other[block])).square_() @ head
        total += float(_sum(gap))
    return total / pixels


def _sum(gaps: Tensor) -> NDArray[np.float64]:
    """Return the sums over the last axis in float64."""
    there = gaps if has_float64(gaps.device.type) else gaps.cpu()
    return np.asarray(there.sum(dim=-1, dtype=torch.float64).cpu().numpy())


def _normalised(features: Tensor) -> Tensor:
    """Return feature vectors (..., channels) at length one."""
    length: Tensor = torch.linalg.vector_norm(features, dim=-1, keepdim=True)
    return features / length.add_(_EPSILON)
