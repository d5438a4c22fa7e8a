"""Whether CLIP leads from a pattern back to its own garment among all others."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .base import FeatureExtractor
from .features.clip_files import CLIP, CLIP_VERSION, clip_folder, clip_label
from .retrieval_ranks import RankingMetric


class RetrievalMetric(RankingMetric):
    """How often CLIP leads from a pattern back to its own garment.

    The gallery is the garment photos of all samples, each by the largest square that lies within
    its mask. ``@r1`` (the default) is the share of patterns whose own garment's photo is the
    closest of all by the cosine of their embeddings, ``@mrr`` the mean of one over its rank. It
    needs no calibration, and a model that gives all garments one pattern scores by chance.

    Pitfalls:
        - The value falls as the gallery grows: compare only equal splits.
        - Photos of one garment are no rivals of each other, but each is one of all others.
        - Colour alone leads far: read it together with `retrieval_colour`.
    """

    name = "retrieval"
    models = (CLIP,)
    source = "this package; CLIP: Radford et al., ICML 2021"

    def load(self) -> None:
        """Load CLIP.

        Raises:
            TpgbenchError: It is unavailable.
        """
        clip_folder(self.folder)  # without torch, which a run may not need
        self.extractor()

    def settings(self) -> dict[str, str]:
        """Return CLIP's hash, its code's version and what is counted."""
        return {
            "clip": clip_label(self.folder),
            "features": str(CLIP_VERSION),
            "count": self.variant or "r1",
            "cloth": "largest-square",
        }

    def extractor(self) -> FeatureExtractor:
        """Return CLIP as a backbone."""
        from .features.clip import ClipExtractor, load_clip

        return ClipExtractor(load_clip(clip_folder(self.folder)), clip_label(self.folder))

    def similarity(
        self, patterns: NDArray[np.float32], garments: NDArray[np.float32]
    ) -> NDArray[np.float64]:
        """Return the cosines."""
        return np.asarray(patterns.astype(np.float64) @ garments.astype(np.float64).T)
