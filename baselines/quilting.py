"""Image quilting: blocks of the garment, joined along seams of least difference."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy import fft

from ..benchmark.model import ModelCard
from ..core.images import Mask
from .base import Baseline, BaselineConfig
from .fill import inverse_distance_fill
from .region import interior

_SMALLEST_BLOCK = 3  # pixels
_ROUNDING = 1e-6  # of a block's error, squared colours from 0 to 1


class QuiltingConfig(BaselineConfig):
    """Options of `Quilting`."""

    block: float = Field(
        3 / 16,
        gt=0.0,
        le=1.0,
        description="Side of a block, as a fraction of the frame's side; it is halved until the "
        "garment holds a whole one. Below 3 pixels the garment's colours are blended instead.",
    )
    overlap: float = Field(
        1 / 3, gt=0.0, le=0.5, description="How far two blocks overlap, as a fraction of a block."
    )
    tolerance: float = Field(
        0.1,
        ge=0.0,
        le=10.0,
        description="A block is drawn from those whose error exceeds the least by at most this "
        "fraction.",
    )
    guidance: float = Field(
        1.0,
        ge=0.0,
        le=100.0,
        description="Weight of matching the garment where it is visible behind the block, relative "
        "to matching the neighbours; 0 is free synthesis.",
    )


class Quilting(Baseline):
    """Blocks of the garment, each matched to its neighbours and cut to them along a seam."""

    name = "quilting"
    card = ModelCard(
        title="Image quilting with minimum-cut seams",
        source="A. Efros and W. Freeman, Image quilting for texture synthesis and transfer, "
        "SIGGRAPH 2001",
        licence="Apache-2.0",
        limits="Blocks ignore the repeat: long lines break and plain areas spread.",
    )
    config_type = QuiltingConfig
    config: QuiltingConfig

    def fill(
        self, cloth: NDArray[np.float32], mask: Mask, rng: np.random.Generator
    ) -> NDArray[np.float32]:
        """Return a quilt, made row by row from the top left."""
        side = mask.shape[0]
        inside = interior(mask)
        block = max(1, round(self.config.block * side))
        while block >= _SMALLEST_BLOCK and not whole_blocks(inside, block).any():
            block //= 2
        if block < _SMALLEST_BLOCK:
            return inverse_distance_fill(cloth, inside)
        patches = PatchSearch(cloth, inside, block)
        overlap = max(1, round(self.config.overlap * block))
        starts = range(0, max(1, side - overlap), block - overlap)

        beyond = (0, starts[-1] + block - side)  # the last blocks reach over the frame's edge
        guide = np.pad(cloth, (beyond, beyond, (0, 0)))
        guide_weight = np.pad(inside * self.config.guidance, (beyond, beyond))
        quilt = np.zeros_like(guide)
        for top in starts:
            for left in starts:
                here = np.s_[top : top + block, left : left + block]
                margins = (overlap if top else 0, overlap if left else 0)
                sewn = np.ones((block, block))
                sewn[margins[0] :, margins[1] :] = 0
                patch = patches.draw(
                    targets=np.stack([quilt[here], guide[here]]),
                    weights=np.stack([sewn, guide_weight[here]]),
                    tolerance=self.config.tolerance,
                    rng=rng,
                )
                keep = before_seams(((patch - quilt[here]) ** 2).sum(axis=-1), *margins)
                quilt[here] = np.where(keep[..., None], quilt[here], patch)
        return quilt[:side, :side]


def before_seams(cost: NDArray[np.float32], top: int, left: int) -> NDArray[np.bool_]:
    """Return the pixels of a block that keep their value: those above or left of its seams.

    Args:
        cost: Squared difference of the block and what it covers, (block, block).
        top: Height of the strip that overlaps what lies above, in pixels; 0 for none.
        left: Width of the strip that overlaps what lies to the left.
    """
    keep = np.zeros(cost.shape, dtype=bool)
    if left:
        keep[:, :left] |= left_of_seam(cost[:, :left])
    if top:
        keep[:top] |= left_of_seam(cost[:top].T).T
    return keep


class PatchSearch:
    """The square patches of a garment that lie wholly inside its mask.

    Args:
        cloth: Float32 (height, width, 3).
        mask: Bool (height, width); it holds at least one whole block.
        block: Side of a patch in pixels.
    """

    def __init__(self, cloth: NDArray[np.float32], mask: Mask, block: int) -> None:
        self._cloth = cloth
        self._block = block
        self._whole = whole_blocks(mask, block)
        self._shape = [fft.next_fast_len(side, real=True) for side in mask.shape]
        colours = np.moveaxis(cloth.astype(np.float64), -1, 0)
        layers = np.stack([(colours**2).sum(axis=0), *(-2 * colours)])
        self._spectrum = fft.rfft2(layers, s=self._shape)

    def errors(
        self, targets: NDArray[np.float32], weights: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return the error of each patch against several targets together.

        Args:
            targets: (k, block, block, 3), 0 to 1.
            weights: How much each pixel of each target counts, (k, block, block).

        Returns:
            The sum of weighted squared differences by the patch's top left pixel, float64
            (height - block + 1, width - block + 1); infinite where a patch leaves the mask.
        """
        weighted = weights[..., None] * targets
        template = np.concatenate(
            [weights.sum(axis=0)[None], np.moveaxis(weighted.sum(axis=0), -1, 0)]
        )
        # |patch - target|^2 multiplied out: each term that holds the patch is a correlation.
        spectrum = (self._spectrum * fft.rfft2(template, s=self._shape).conj()).sum(axis=0)
        rows, columns = self._whole.shape
        error = fft.irfft2(spectrum, s=self._shape)[:rows, :columns] + (weighted * targets).sum()
        return np.where(self._whole, np.maximum(error, 0), np.inf)

    def draw(
        self,
        *,
        targets: NDArray[np.float32],
        weights: NDArray[np.float64],
        tolerance: float,
        rng: np.random.Generator,
    ) -> NDArray[np.float32]:
        """Return one of the patches whose error is at most ``1 + tolerance`` times the least."""
        error = self.errors(targets, weights)
        good = error <= error.min() * (1 + tolerance) + _ROUNDING
        choice = rng.choice(np.flatnonzero(good))
        top, left = np.unravel_index(choice, error.shape)
        return self._cloth[top : top + self._block, left : left + self._block]


def whole_blocks(mask: Mask, block: int) -> NDArray[np.bool_]:
    """Return which square blocks lie inside a mask, by their top left pixel.

    Args:
        mask: Bool (height, width).
        block: Side of the block in pixels, at most that of the mask.

    Returns:
        Bool (height - block + 1, width - block + 1).
    """
    sums = np.pad(mask.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    columns = sums[:, block:] - sums[:, :-block]
    return np.asarray(columns[block:] - columns[:-block] == block**2)


def left_of_seam(cost: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Cut a strip from top to bottom along the path of least cost, by dynamic programming.

    The seam crosses each row at one pixel, at most one column from where it crosses the last.

    Args:
        cost: What it costs to cut through each pixel, (height, width).

    Returns:
        True on the pixels left of the seam, bool (height, width).
    """
    height, width = cost.shape
    total = np.full((height, width + 2), np.inf)  # one column beyond each edge, never entered
    total[:, 1:-1] = cost
    for row in range(1, height):
        above = total[row - 1]
        total[row, 1:-1] += np.minimum(np.minimum(above[:-2], above[1:-1]), above[2:])
    seam = np.empty(height, dtype=np.intp)
    seam[-1] = total[-1].argmin()
    for row in range(height - 2, -1, -1):
        first = seam[row + 1] - 1
        seam[row] = first + total[row, first : first + 3].argmin()
    return np.arange(width) < seam[:, None] - 1
