"""What makes masks."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

from ...core.images import Image, Mask


@dataclass(frozen=True)
class FoundMask:
    """A mask, and whether it can be relied on.

    Attributes:
        mask: True on the garment, bool (height, width).
        doubt: Why it may be wrong, in a few words, or None.
    """

    mask: Mask
    doubt: str | None = None


class Masker(ABC):
    """Finds the garment in a photo; equal photos give equal masks.

    Attributes:
        name: What a dataset's fingerprint and messages call it.
    """

    name: str

    @abstractmethod
    def settings(self) -> Mapping[str, str]:
        """Return everything that the masks depend on: version, thresholds, weights."""

    @abstractmethod
    def find(self, photo: Image) -> FoundMask:
        """Return the garment's mask.

        Args:
            photo: uint8 (height, width, 3).

        Raises:
            TpgbenchError: No garment can be found.
        """

    def identity(self) -> str:
        """Return what tells its masks from those of others, for fingerprints."""
        return json.dumps([self.name, *sorted(self.settings().items())])
