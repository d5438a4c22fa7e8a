"""How an image becomes the input of the FID Inception: one function a protocol.

The network takes 299x299 px at about -1 to 1. Libraries get there by different resizes, and the
resize alone moves FID by a tenth; so a value names its protocol, and each is exact to its library.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from ...images import Image

SIDE = 299

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Protocol:
    """One library's way.

    Attributes:
        name: ``"clean"``.
        resize: What brings the image to 299x299, for the recipe.
        range: What brings 0..255 to the network's range, for the recipe.
        prepare: Takes a uint8 (height, width, 3) image to float32 (3, 299, 299).
    """

    name: str
    resize: str
    range: str
    prepare: Callable[[Image], Floats]


def _pytorch_fid(image: Image) -> Floats:
    return 2 * _torch_resize(_planes(image) / np.float32(255), antialias=False) - 1


def _torch_fidelity(image: Image) -> Floats:
    # TensorFlow 1 puts pixel i of the output at i * scale of the input: no half-pixel shift. A row
    # is first interpolated along its width, then rows are; each output pixel is thus computed by
    # the same operations as in the library, and equal to the last bit.
    planes = _planes(image)
    low, high, weight = _tensorflow_taps(planes.shape[2])
    left = planes[:, :, low]
    planes = left + (planes[:, :, high] - left) * weight
    low, high, weight = _tensorflow_taps(planes.shape[1])
    top = planes[:, low]
    return _centred(top + (planes[:, high] - top) * weight[:, None])


def _clean(image: Image) -> Floats:
    planes = [
        PIL.Image.fromarray(plane).resize((SIDE, SIDE), PIL.Image.Resampling.BICUBIC)
        for plane in _planes(image)
    ]
    return _centred(np.stack([np.asarray(plane) for plane in planes]).clip(0, 255))


def _torchmetrics(image: Image) -> Floats:
    return _centred(_torch_resize(_planes(image), antialias=True))


PROTOCOLS = {
    protocol.name: protocol
    for protocol in (
        Protocol("clean", "pil-bicubic-float", "(x-128)/128", _clean),
        Protocol("pytorch-fid", "torch-bilinear", "x/127.5-1", _pytorch_fid),
        Protocol("torch-fidelity", "tf1-bilinear", "(x-128)/128", _torch_fidelity),
        Protocol("torchmetrics", "torch-bilinear-antialias", "(x-128)/128", _torchmetrics),
    )
}


def _planes(image: Image) -> Floats:
    """Return the channels one after the other, float32 (3, height, width)."""
    return np.ascontiguousarray(image.transpose(2, 0, 1), dtype=np.float32)


def _centred(planes: Floats) -> Floats:
    return (planes - np.float32(128)) / np.float32(128)


def _torch_resize(planes: Floats, *, antialias: bool) -> Floats:
    import torch

    resized = torch.nn.functional.interpolate(
        torch.from_numpy(planes)[None], size=(SIDE, SIDE), mode="bilinear", antialias=antialias
    )
    return resized[0].numpy()


@lru_cache(maxsize=64)
def _tensorflow_taps(size: int) -> tuple[NDArray[np.int64], NDArray[np.int64], Floats]:
    """Return for each output pixel its two input pixels and the weight of the second."""
    position = np.arange(SIDE, dtype=np.float32) * np.float32(size / SIDE)
    low = position.astype(np.int64)
    return low, np.minimum(low + 1, size - 1), position - low.astype(np.float32)
