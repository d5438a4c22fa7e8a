"""Whether colour alone leads from a pattern back to its own garment."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..core.images import Image
from .base import FeatureExtractor
from .retrieval_ranks import RankingMetric


def colour_statistics(image: Image) -> NDArray[np.float32]:
    """Return the mean and the standard deviation of an image's CIELAB channels, float32 (6,).

    Args:
        image: uint8 (height, width, 3).
    """
    from skimage.color import rgb2lab

    lab = np.asarray(rgb2lab(image)).reshape(-1, 3)
    return np.concatenate([lab.mean(axis=0), lab.std(axis=0)]).astype(np.float32)


class ColourExtractor(FeatureExtractor):
    """`colour_statistics` as a backbone."""

    backbone = "lab-mean-std"

    def extract(self, images: Sequence[Image]) -> NDArray[np.float32]:
        """Return the statistics of each image, (n, 6)."""
        return np.stack([colour_statistics(image) for image in images])


class RetrievalColourMetric(RankingMetric):
    """How often colour alone leads from a pattern back to its own garment.

    As `retrieval`, with the nearness of the mean and spread of the CIELAB channels in place of
    CLIP. It needs no weights. It is a reference: what `retrieval` has above it is more than
    colour.

    Pitfalls:
        - Of a good model it says nothing: it is the bar that `retrieval` must clear.
    """

    name = "retrieval_colour"
    source = "this package"

    def settings(self) -> dict[str, str]:
        """Return what is compared and what is counted."""
        return {
            "features": f"{ColourExtractor.backbone}-{ColourExtractor.version}",
            "count": self.variant or "r1",
            "cloth": "largest-square",
        }

    def extractor(self) -> FeatureExtractor:
        """Return the backbone, which has no weights."""
        return ColourExtractor()

    def similarity(
        self, patterns: NDArray[np.float32], garments: NDArray[np.float32]
    ) -> NDArray[np.float64]:
        """Return the negative Euclidean distances."""
        gaps = patterns.astype(np.float64)[:, None] - garments.astype(np.float64)[None]
        return np.asarray(-np.sqrt(np.square(gaps).sum(axis=-1)))
