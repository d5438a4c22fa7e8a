"""The lpips package's own networks, and random backbones in torchvision's file format for both."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import torch
import torchvision
from tpgbench.metrics.features.backbones import BACKBONES


def write_backbones(folder: Path, nets: Collection[str] = tuple(BACKBONES)) -> Path:
    """Write them under their owner's names, without the classifiers, which LPIPS ignores."""
    for backbone in map(BACKBONES.get, nets):
        torch.manual_seed(0)
        features = getattr(torchvision.models, backbone.model)(weights=None).features
        state = {f"features.{name}": tensor for name, tensor in features.state_dict().items()}
        torch.save(state, folder / backbone.weights.name)
    return folder


def peer_network(net: str, folder: Path):
    """Return the package's network on the same backbone."""
    import lpips

    state = torch.load(folder / BACKBONES[net].weights.name, weights_only=True)
    peer = lpips.LPIPS(net=net, pnet_rand=True, verbose=False)
    # Its slice1.0.weight is torchvision's features.0.weight.
    inside = {name: state[f"features.{name.partition('.')[2]}"] for name in peer.net.state_dict()}
    peer.net.load_state_dict(inside)
    return peer.requires_grad_(False)


def as_peer_wants(image):
    """Return an image as a tensor (1, 3, height, width) from -1 to 1."""
    return torch.from_numpy(image.copy()).permute(2, 0, 1)[None] / 127.5 - 1
