"""CLIP texture similarity of a pattern and the garment that it was made from."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from ..core.images import Image, Mask
from ..metrics import patches
from .base import GarmentMetric
from .features.clip_files import CLIP, CLIP_VERSION, clip_folder, clip_label
from .inputs import check_garment, check_image


def cts(output: Image, garment: Image, mask: Mask, *, folder: Path | None = None) -> float:
    """Return the CLIP texture similarity of a pattern and a garment; higher is better.

    Seeded random patches of the garment, wholly within its mask, and patches of the pattern at
    five scales are embedded by CLIP. For each garment patch the best cosine over all pattern
    patches counts; the score is their mean times 100. So the pattern's scale and phase do not
    matter, and every part of the garment must be found in the pattern.

    Args:
        output: The pattern, uint8 (height, width, 3).
        garment: The garment photo, uint8 (height, width, 3).
        mask: True on the garment's visible pixels, bool, as large as the photo.
        folder: Where to look for CLIP first.

    Returns:
        From -100 to 100, in practice above 0; NaN if no patch fits into the mask.

    Raises:
        TpgbenchError: Wrong type or shape, or CLIP is unavailable.
    """
    from .features.clip import load_clip

    check_image(output, "output")
    check_garment(garment, mask)
    wanted = patches.garment_patches(garment, mask)
    if not wanted:
        return math.nan
    clip = load_clip(clip_folder(folder))
    vectors = clip.embed_images([*wanted, *patches.pattern_patches(output)]).astype(np.float64)
    cosines = vectors[: len(wanted)] @ vectors[len(wanted) :].T
    return float(100 * cosines.max(axis=1).mean())


class CTSMetric(GarmentMetric):
    """`cts` of the output and the garment.

    It is defined here; papers that report a CTS do not say how theirs is computed, so that values
    are not comparable with theirs.

    Pitfalls:
        - CLIP sees content more than texture: read it together with `lpips_garment` and
          `retrieval_colour`.
        - The pattern may hold anything besides what the garment shows: what is too much is not
          penalised.
        - A bad mask lowers it: patches then hold skin or background.
    """

    name = "cts"
    higher_is_better = True
    tasks = frozenset({"tpg"})
    range = (-100.0, 100.0)
    models = (CLIP,)
    source = "this package; CLIP: Radford et al., ICML 2021"

    def load(self) -> None:
        """Load CLIP.

        Raises:
            TpgbenchError: It is unavailable.
        """
        folder = clip_folder(self.folder)  # without torch, which a run may not need
        from .features.clip import load_clip

        load_clip(folder)

    def settings(self) -> dict[str, str]:
        """Return CLIP's hash, its code's version and how patches are cut."""
        return {
            "clip": clip_label(self.folder),
            "features": str(CLIP_VERSION),
            **patches.settings(),
        }

    def measure(self, output: Image, garment: Image, mask: Mask) -> float:
        """Return the similarity; NaN if no patch fits into the mask."""
        return cts(output, garment, mask, folder=self.folder)
