"""The FID Inception with random weights, in the file formats of the libraries that know it."""

from __future__ import annotations

import contextlib
import math
from collections import OrderedDict
from pathlib import Path

import torch
import torchvision

NAME = "pt_inception-2015-12-05-6726825d.pth"  # pytorch-fid's file; torch-fidelity's is its equal
CLEAN_NAME = "inception-2015-12-05.pt"


def write_weights(folder: Path) -> Path:
    """Write pytorch-fid's file with seeded weights whose activations neither die nor explode."""
    with torch.device("meta"):
        network = torchvision.models.inception_v3(
            num_classes=1008, aux_logits=False, init_weights=False
        )
    generator = torch.Generator().manual_seed(0)

    def normal(shape, mean, deviation):
        return torch.randn(shape, generator=generator) * deviation + mean

    state = {}
    for name, tensor in network.state_dict().items():
        kind = ".".join(name.split(".")[-2:])
        if kind == "conv.weight":
            state[name] = normal(tensor.shape, 0, math.sqrt(2 / tensor[0].numel()))
        elif kind == "bn.weight":
            state[name] = normal(tensor.shape, 1, 0.1)
        elif kind == "bn.running_var":
            state[name] = torch.rand(tensor.shape, generator=generator) / 2 + 0.75
        elif kind == "bn.num_batches_tracked":
            state[name] = torch.tensor(0)
        elif kind == "fc.weight":
            state[name] = normal(tensor.shape, 0, 0.2)
        else:
            state[name] = normal(tensor.shape, 0, 0.1)
    path = folder / NAME
    torch.save(state, path)
    return path


def pytorch_fid_network(weights: Path, *, raw: bool = False):
    """Return pytorch-fid's network; ``raw`` leaves out its resize and its range."""
    from pytorch_fid import inception

    with _replaced(inception, "load_state_dict_from_url", lambda *_, **__: _read(weights)):
        return inception.InceptionV3(resize_input=not raw, normalize_input=not raw).eval()


def torch_fidelity_network(weights: Path, features=("2048",)):
    """Return torch-fidelity's network."""
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    return FeatureExtractorInceptionV3(
        "inception-v3-compat", list(features), feature_extractor_weights_path=str(weights)
    )


def torchmetrics_fid(weights: Path):
    """Return torchmetrics' metric."""
    from torchmetrics.image.fid import FrechetInceptionDistance

    return FrechetInceptionDistance(feature_extractor_weights_path=str(weights))


def write_clean_weights(weights: Path) -> Path:
    """Write clean-fid's TorchScript file, with ``layers`` in it, beside pytorch-fid's, once."""
    path = weights.parent / CLEAN_NAME
    if path.exists():
        return path
    blocks = pytorch_fid_network(weights, raw=True).blocks
    layers = torch.nn.Sequential(*blocks, torch.nn.Flatten())
    network = torch.nn.Sequential(OrderedDict(layers=layers))
    torch.jit.save(torch.jit.trace(network, torch.zeros(2, 3, 299, 299)), path)
    return path


@contextlib.contextmanager
def clean_fid(weights: Path):
    """Yield clean-fid's module, reading the file beside ``weights``."""
    from cleanfid import features, fid

    def local(_path, download=True, resize_inside=False):
        return original(str(weights.parent), download=False, resize_inside=resize_inside)

    original = features.InceptionV3W
    with _replaced(features, "InceptionV3W", local):
        yield fid


def _read(weights: Path):
    return torch.load(weights, weights_only=True)


@contextlib.contextmanager
def _replaced(owner, name, value):
    original = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, original)
