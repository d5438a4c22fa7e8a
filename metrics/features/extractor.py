"""What a backbone is to the metrics of whole sets."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.images import Image


class FeatureExtractor(ABC):
    """A backbone that turns images into vectors; metrics with an equal one share its pass.

    A subclass writes `extract`. One whose images need work before the network splits it into
    `prepare`, which runs in worker threads while the network computes, and `embed`.

    Attributes:
        backbone: What the vectors depend on in addition to the code: network, weights' hash,
            protocol.
        version: Of the code; raise it when equal images get other vectors. It also goes into the
            recipe.
        batch_size: How many images each call should get.
    """

    backbone: str
    version: int = 1
    batch_size: int = 16

    @property
    def key(self) -> str:
        """All that the vectors depend on: the cache's key."""
        return f"{self.backbone}|version {self.version}"

    @abstractmethod
    def extract(self, images: Sequence[Image]) -> NDArray[np.float32]:
        """Return one vector per image, shape (n, d).

        Args:
            images: uint8 (height, width, 3) each; their sizes may differ.
        """

    def prepare(self, image: Image) -> NDArray[Any]:
        """Return what `embed` takes of an image; several threads may call it."""
        return image

    def embed(self, prepared: Sequence[NDArray[Any]]) -> NDArray[np.float32]:
        """Return one vector per image, shape (n, d).

        Args:
            prepared: What `prepare` made of each.
        """
        return self.extract(prepared)
