"""LPIPS of a pattern and the garment that it was made from."""

from __future__ import annotations

import math
from pathlib import Path

from ..core.images import Image, Mask
from ..core.weights import get_weights, weights_hash
from ..metrics import patches
from .base import GarmentMetric
from .features.backbones import BACKBONES, heads_label
from .inputs import check_garment, check_image

NET = "alex"
SIDE = 64  # patches are compared at this size, in px


def lpips_garment(
    output: Image, garment: Image, mask: Mask, *, folder: Path | None = None
) -> float:
    """Return the perceptual distance of a garment's patches to a pattern; lower is better.

    The patches are those of `tpgbench.metrics.cts.cts`, all resized to 64 px. For each garment
    patch the least LPIPS (alex) to any pattern patch counts; the distance is their mean.

    Args:
        output: The pattern, uint8 (height, width, 3).
        garment: The garment photo, uint8 (height, width, 3).
        mask: True on the garment's visible pixels, bool, as large as the photo.
        folder: Where to look for the network's weights first.

    Returns:
        At least 0; NaN if no patch fits into the mask.

    Raises:
        TpgbenchError: Wrong type or shape, or the network's weights are unavailable.
    """
    from .features.perceptual import load_network

    check_image(output, "output")
    check_garment(garment, mask)
    wanted = [patches.resize_square(one, SIDE) for one in patches.garment_patches(garment, mask)]
    if not wanted:
        return math.nan
    there = [patches.resize_square(one, SIDE) for one in patches.pattern_patches(output)]
    return float(load_network(NET, folder).distances(wanted, there).min(axis=1).mean())


class LPIPSGarmentMetric(GarmentMetric):
    """`lpips_garment` of the output and the garment; defined here, as `cts` is.

    Pitfalls:
        - The garment's folds, shadows and light are in its patches, so 0 is out of reach.
        - What the pattern holds besides what the garment shows is not penalised.
    """

    name = "lpips_garment"
    higher_is_better = False
    tasks = frozenset({"tpg"})
    range = (0.0, math.inf)
    weights = (BACKBONES[NET].weights,)
    source = "this package; LPIPS: Zhang et al., CVPR 2018"

    def load(self) -> None:
        """Load the network.

        Raises:
            TpgbenchError: Its weights are unavailable.
        """
        get_weights(BACKBONES[NET].weights, self.folder)  # without torch, which a run may not need
        from .features.perceptual import load_network

        load_network(NET, self.folder)

    def settings(self) -> dict[str, str]:
        """Return the network, the hashes of its weights and heads, and how patches are cut."""
        return {
            "net": NET,
            "weights": weights_hash(BACKBONES[NET].weights, self.folder),
            "heads": heads_label(NET),
            "patch-side": str(SIDE),
            **patches.settings(),
        }

    def measure(self, output: Image, garment: Image, mask: Mask) -> float:
        """Return the distance; NaN if no patch fits into the mask."""
        return lpips_garment(output, garment, mask, folder=self.folder)
