"""How try-on repositories bring two images to one frame before they compare them.

Each function redoes what one repository's evaluation script does to a pair; `presets` says
which script.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import PIL.Image

from ..core.images import Image

LADI_SIZE = (384, 512)  # width and height to which LaDI-VTON resizes both images
HRVTON_SIDE = 128  # the side at which HR-VITON measures LPIPS

Frame = Callable[[Image, Image], tuple[Image, Image]]


def ladi(output: Image, truth: Image) -> tuple[Image, Image]:
    """Resize both as `ladi_image` does."""
    return ladi_image(output), ladi_image(truth)


def ladi_image(image: Image) -> Image:
    """Resize to 384x512 by Pillow's antialiased bilinear filter."""
    return _resize(image, LADI_SIZE, _BILINEAR)


def catvton(output: Image, truth: Image) -> tuple[Image, Image]:
    """Resize the ground truth to the output's height by Lanczos; its width is rounded down."""
    height = output.shape[0]
    width = int(truth.shape[1] * height / truth.shape[0])
    return output, _resize(truth, (width, height), PIL.Image.Resampling.LANCZOS)


def hrvton(output: Image, truth: Image) -> tuple[Image, Image]:
    """Resize the ground truth to the output's size by Pillow's antialiased bilinear filter."""
    return output, _resize(truth, (output.shape[1], output.shape[0]), _BILINEAR)


def hrvton_grey(output: Image, truth: Image) -> tuple[Image, Image]:
    """As `hrvton`, then both to grey by Pillow's weights, in three equal channels."""
    output, truth = hrvton(output, truth)
    return _grey(output), _grey(truth)


def hrvton_small(output: Image, truth: Image) -> tuple[Image, Image]:
    """As `hrvton`, then both to 128x128 by the same filter."""
    size = (HRVTON_SIDE, HRVTON_SIDE)
    output, truth = hrvton(output, truth)
    return _resize(output, size, _BILINEAR), _resize(truth, size, _BILINEAR)


_BILINEAR = PIL.Image.Resampling.BILINEAR


def _resize(image: Image, size: tuple[int, int], filtering: PIL.Image.Resampling) -> Image:
    if (image.shape[1], image.shape[0]) == size:
        return image
    return np.asarray(PIL.Image.fromarray(image).resize(size, filtering), dtype=np.uint8)


def _grey(image: Image) -> Image:
    return np.asarray(PIL.Image.fromarray(image).convert("L").convert("RGB"), dtype=np.uint8)
