"""What the metrics over the FID Inception have in common."""

from __future__ import annotations

from pathlib import Path

from ..weights import get_weights, weights_hash
from .base import SetMetric
from .features.inception import BACKBONE, INCEPTION_WEIGHTS, InceptionFeatures
from .features.protocols import PROTOCOLS


class InceptionMetric(SetMetric):
    """A metric of pool3 features; its variants are the protocols.

    The default is `clean`, which the comparison of Parmar, Zhang and Zhu (CVPR 2022) recommends: it
    is the one whose resize neither aliases nor rounds to 8 bits. Metrics of one protocol share the
    network's pass.

    Args:
        variant: The protocol; None for the default.
        folder: Where to look for the weights first.
    """

    tasks = frozenset({"tpg", "mannequin"})
    variants = tuple(PROTOCOLS)
    weights = (INCEPTION_WEIGHTS,)

    def __init__(self, variant: str | None = None, folder: Path | None = None) -> None:
        super().__init__(variant)
        self._folder = folder

    @property
    def protocol(self) -> str:
        """The protocol."""
        return self.variants[0] if self.variant is None else self.variant

    def load(self) -> None:
        """Check that the weights are here, or download them.

        Raises:
            TpgbenchError: They are not to be had.
        """
        get_weights(INCEPTION_WEIGHTS, self._folder)

    def extractor(self) -> InceptionFeatures:
        """Return the backbone.

        Raises:
            TpgbenchError: The weights are not to be had.
        """
        return InceptionFeatures(self.protocol, self._folder)

    def settings(self) -> dict[str, str]:
        """Return the backbone, its weights' hash and the protocol."""
        protocol = PROTOCOLS[self.protocol]
        return {
            "backbone": BACKBONE,
            "weights": weights_hash(INCEPTION_WEIGHTS, self._folder),
            "protocol": protocol.name,
            "input-resize": protocol.resize,
            "range": protocol.range,
        }
