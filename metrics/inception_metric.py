"""What the metrics over the FID Inception have in common."""

from __future__ import annotations

from ..core.weights import weights_hash
from .base import SetMetric
from .features.inception import BACKBONE, INCEPTION_WEIGHTS, InceptionFeatures
from .features.protocols import PROTOCOLS


class InceptionMetric(SetMetric):
    """A metric of pool3 features; its variants are the protocols.

    The default is `clean`, which the comparison of Parmar, Zhang and Zhu (CVPR 2022) recommends: it
    is the one whose resize neither aliases nor rounds to 8 bits. Metrics of one protocol share the
    network's pass.
    """

    tasks = frozenset({"tpg", "mannequin"})
    variants = tuple(PROTOCOLS)
    variant_argument = "protocol"
    weights = (INCEPTION_WEIGHTS,)

    @property
    def protocol(self) -> str:
        """The protocol."""
        return self.variants[0] if self.variant is None else self.variant

    def extractor(self) -> InceptionFeatures:
        """Return the backbone.

        Raises:
            TpgbenchError: The weights are unavailable.
        """
        return InceptionFeatures(self.protocol, self.folder)

    def settings(self) -> dict[str, str]:
        """Return the backbone, its weights' hash, its code's version and the protocol."""
        protocol = PROTOCOLS[self.protocol]
        return {
            "backbone": BACKBONE,
            "weights": weights_hash(INCEPTION_WEIGHTS, self.folder),
            "features": str(InceptionFeatures.version),
            "protocol": protocol.name,
            "input-resize": protocol.resize,
            "range": protocol.range,
        }
