"""How an image becomes the input of the FID Inception: one function per protocol.

The network takes 299x299 px at about -1 to 1. Libraries get there by different resizes, and the
resize alone moves FID by a tenth; so a value names its protocol, and each is exact to its library.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from ...core.images import Image

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
    # Along the rows, then along the columns: each output pixel comes of the same operations as in
    # the library, which computes all four neighbours at once, and is equal to the last bit.
    planes = np.ascontiguousarray(image.transpose(2, 0, 1))
    return _centred(_tensorflow_resize(_tensorflow_resize(planes, axis=2), axis=1))


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


def _tensorflow_resize(planes: Image | Floats, *, axis: int) -> Floats:
    """Resize along one axis as TensorFlow 1 does: pixel i lies at i * scale, not at its centre.

    What is taken becomes float only then: a byte is quicker to take.
    """
    size = planes.shape[axis]
    position = np.arange(SIDE, dtype=np.float32) * np.float32(size / SIDE)
    low = position.astype(np.int64)
    weight = position - low.astype(np.float32)
    high = np.minimum(low + 1, size - 1)
    first: Floats = planes.take(low, axis=axis).astype(np.float32, copy=False)
    resized: Floats = planes.take(high, axis=axis).astype(np.float32, copy=False)
    resized -= first
    resized *= weight if axis == 2 else weight[:, None]
    resized += first
    return resized
