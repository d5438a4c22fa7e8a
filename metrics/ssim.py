"""Structural similarity."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ..core.images import Image
from ..metrics import frames
from .base import TruthMetric
from .inputs import check_pair

WINDOW = 11
SIGMA = 1.5
DATA_RANGE = 255
_C1 = (0.01 * DATA_RANGE) ** 2
_C2 = (0.03 * DATA_RANGE) ** 2

# Both passes of the separable filter are products with a small banded matrix, block by block: a
# block wastes few of its multiplications on zeros, and a strip of blocks stays in the cache.
_BLOCK = 24

_FRAMES = {"ladi": frames.ladi, "catvton": frames.catvton, "hrvton": frames.hrvton_grey}


def ssim(output: Image, truth: Image) -> float:
    """Return the structural similarity of two images; higher is better.

    Gaussian window of 11 taps with sigma 1.5, data range 255, population covariance, float64,
    no downsampling. The mean is over the pixels whose window lies inside the image and over the
    channels, as skimage's ``structural_similarity`` with ``gaussian_weights=True`` and
    ``use_sample_covariance=False`` has it.

    Args:
        output: uint8 (height, width, 3), each side at least 11 px.
        truth: The same shape.

    Returns:
        From -1 to 1; 1 for identical images.

    Raises:
        TpgbenchError: Wrong type or shape, two sizes, or a side below 11 px.
    """
    check_pair(output, truth, min_side=WINDOW)
    first = np.ascontiguousarray(output.transpose(2, 0, 1))
    second = np.ascontiguousarray(truth.transpose(2, 0, 1))
    channels, height, width = first.shape
    rows, columns = height - WINDOW + 1, width - WINDOW + 1
    total = 0.0
    for top in range(0, rows, _BLOCK):
        strip = slice(top, min(top + _BLOCK, rows) + WINDOW - 1)
        total += _similarity_sum(_local_moments(first[:, strip], second[:, strip]))
    return float(total / (channels * rows * columns))


def _local_moments(x: NDArray[np.uint8], y: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return the windowed means of x, y, x^2 + y^2 and xy, shape (4, channels, rows, columns)."""
    channels, height, width = x.shape
    rows, columns = height - WINDOW + 1, width - WINDOW + 1
    maps = np.empty((4, channels, height, width))
    maps[0], maps[1] = x, y
    np.square(maps[0], out=maps[2])
    np.square(maps[1], out=maps[3])
    maps[2] += maps[3]
    np.multiply(maps[0], maps[1], out=maps[3])

    down = np.matmul(_band(rows).T, maps).reshape(-1, width)
    moments = np.empty((len(down), columns))
    for left in range(0, columns, _BLOCK):
        right = min(left + _BLOCK, columns)
        window = down[:, left : right + WINDOW - 1]
        np.matmul(window, _band(right - left), out=moments[:, left:right])
    return moments.reshape(4, channels, rows, columns)


def _similarity_sum(moments: NDArray[np.float64]) -> float:
    """Return the sum of the SSIM map. The moments are used up: their memory is reused."""
    mean_x, mean_y, squares, product = moments
    means_product = mean_x * mean_y
    means_squares = mean_x * mean_x
    means_squares += mean_y * mean_y
    product -= means_product  # the covariance
    squares -= means_squares  # the sum of the two variances
    numerator = (2 * means_product + _C1) * (2 * product + _C2)
    denominator = (means_squares + _C1) * (squares + _C2)
    numerator /= denominator
    return float(numerator.sum())


@lru_cache(maxsize=2 * _BLOCK)
def _band(size: int) -> NDArray[np.float64]:
    """Return the matrix (size + 10, size) whose columns are the shifted window."""
    offsets = np.arange(WINDOW) - WINDOW // 2
    taps = np.exp(-(offsets**2) / (2 * SIGMA**2))
    taps /= taps.sum()
    band = np.zeros((size + WINDOW - 1, size))
    for column in range(size):
        band[column : column + WINDOW, column] = taps
    band.flags.writeable = False
    return band


class SSIMMetric(TruthMetric):
    """`ssim` of the output and the ground truth.

    The variants ``ladi``, ``catvton`` and ``hrvton`` first resize the pair as those repositories'
    evaluation scripts do (HR-VITON's also takes grey images): see
    `tpgbench.metrics.folders.presets`.

    Pitfalls:
        - A right pattern at another phase is penalised as if it were wrong: read `ssim_shift`
          as well.
        - Libraries differ in window, border, colour and data range: a value without its recipe
          cannot be compared.
        - It depends on the resolution: compare equal sizes.
    """

    name = "ssim"
    higher_is_better = True
    tasks = frozenset({"tpg", "mannequin"})
    range = (-1.0, 1.0)
    variants = ("rgb", *_FRAMES)
    min_side = WINDOW
    source = "Wang, Bovik, Sheikh and Simoncelli, IEEE TIP 13(4), 2004"

    def settings(self) -> dict[str, str]:
        """Return the window, the range, the borders, and the frame of a preset."""
        frame = {"frame": self.variant} if self.variant in _FRAMES else {}
        return {
            "window": f"gaussian{WINDOW}",
            "sigma": str(SIGMA),
            "range": str(DATA_RANGE),
            "channels": "rgb-mean",
            "border": "interior",
            **frame,
        }

    def frame(self, output: Image, truth: Image) -> tuple[Image, Image]:
        """Return both in the frame of a preset, if it is one's variant."""
        found = _FRAMES.get(self.variant or "")
        return (output, truth) if found is None else found(output, truth)

    def measure(self, output: Image, truth: Image) -> float:
        """Return the SSIM, after the frame of a preset."""
        return ssim(*self.frame(output, truth))
