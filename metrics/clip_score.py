"""CLIPScore of an image and its caption."""

from __future__ import annotations

import math
from pathlib import Path

from ..core.errors import TpgbenchError
from ..core.images import Image
from .base import Pair, SampleMetric
from .features.clip_files import CLIP, CLIP_VERSION, clip_folder, clip_label
from .inputs import check_image


def clip_score(output: Image, caption: str, *, folder: Path | None = None) -> float:
    """Return how well an image fits its caption according to CLIP; higher is better.

    It is 100 times the cosine of their CLIP embeddings, or 0 if that is negative. The authors
    scale by 2.5 instead of 100. What a caption has beyond CLIP's context of 77 tokens is ignored.

    Args:
        output: uint8 (height, width, 3); of one that is not square the central square counts.
        caption: Not empty.
        folder: Where to look for CLIP first.

    Returns:
        From 0 to 100, in practice from 10 to 40.

    Raises:
        TpgbenchError: Wrong type or shape, an empty caption, or CLIP is unavailable.
    """
    from .features.clip import load_clip

    check_image(output, "output")
    if not caption.strip():
        raise TpgbenchError("the caption is empty: leave the sample out or describe it")
    clip = load_clip(clip_folder(folder))
    cosine = float(clip.embed_images([output])[0] @ clip.embed_texts([caption])[0])
    return 100 * max(cosine, 0.0)


class ClipScoreMetric(SampleMetric):
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
            TpgbenchError: It is unavailable.
        """
        folder = clip_folder(self.folder)  # without torch, which a run may not need
        from .features.clip import load_clip

        load_clip(folder)

    def settings(self) -> dict[str, str]:
        """Return CLIP's hash, its code's version and the scale."""
        return {"clip": clip_label(self.folder), "features": str(CLIP_VERSION), "scale": "100"}

    def score(self, pair: Pair) -> float:
        """Return the score; NaN without a caption or with a blank one."""
        if not pair.caption or not pair.caption.strip():
            return math.nan
        return clip_score(pair.output, pair.caption, folder=self.folder)
