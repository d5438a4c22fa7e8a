"""CLIPScore of an image and its caption."""

from __future__ import annotations

import math

from ..core.errors import TpgbenchError
from ..core.hub import get_hub_model, hub_label
from ..core.images import Image
from .base import Comparison, SampleMetric
from .features.clip_files import CLIP, CLIP_VERSION
from .inputs import check_image


def clip_score(output: Image, caption: str) -> float:
    """Return how well an image fits its caption according to CLIP; higher is better.

    It is 100 times the cosine of their CLIP embeddings, or 0 if that is negative. The authors
    scale by 2.5 instead of 100. What a caption has beyond CLIP's context of 77 tokens is ignored.

    Args:
        output: uint8 (height, width, 3); of one that is not square the central square counts.
        caption: Not empty.

    Returns:
        From 0 to 100, in practice from 10 to 40.

    Raises:
        TpgbenchError: Wrong type or shape, an empty caption, or CLIP is not to be had.
    """
    from .features.clip import load_clip

    check_image(output, "output")
    if not caption.strip():
        raise TpgbenchError("the caption is empty: leave the sample out or describe it")
    clip = load_clip(get_hub_model(CLIP))
    cosine = float(clip.embed_images([output])[0] @ clip.embed_texts([caption])[0])
    return 100 * max(cosine, 0.0)


class ClipScore(SampleMetric):
    """`clip_score` of the output and the row's caption.

    Pitfalls:
        - Its scale depends on the CLIP: compare equal ones.
        - CLIP hardly counts, and hardly knows left from right: it is no check of a detailed
          caption.
    """

    name = "clip_score"
    higher_is_better = True
    tasks = frozenset({"tpg", "mannequin"})
    range = (0.0, 100.0)
    needs = frozenset({"caption"})
    models = (CLIP,)
    source = "Hessel, Holtzman, Forbes, Le Bras and Choi, EMNLP 2021"

    def load(self) -> None:
        """Load CLIP.

        Raises:
            TpgbenchError: It is not to be had.
        """
        folder = get_hub_model(CLIP)  # without torch, which a run may not need
        from .features.clip import load_clip

        load_clip(folder)

    def settings(self) -> dict[str, str]:
        """Return CLIP's hash, its code's version and the scale."""
        return {"clip": hub_label(CLIP), "features": str(CLIP_VERSION), "scale": "100"}

    def score(self, comparison: Comparison) -> float:
        """Return the score; NaN without a caption."""
        if not comparison.caption or not comparison.caption.strip():
            return math.nan
        return clip_score(comparison.output, comparison.caption)
