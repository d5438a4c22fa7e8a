"""Features of the FID Inception, by the protocol of one of four libraries.

Importing this imports no torch, and neither does making an `InceptionFeatures`: the network is read
when it is first used, so a run whose features are all in the cache never reads it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...core.files import known_sha256
from ...core.images import Image
from ...core.weights import WeightFile, get_weights, weights_hash
from ..inputs import check_image
from .device import compute_device, float32_inference
from .extractor import FeatureExtractor
from .protocols import PROTOCOLS

if TYPE_CHECKING:
    from .inception_network import InceptionNetwork

BACKBONE = "inception-2015-12-05"

# The hash's first digits are in the file's name; the whole of it is published for this file by
# GenForce's model zoo, and for torch-fidelity's copy by many who pin it. Both are the same bytes.
INCEPTION_WEIGHTS = WeightFile(
    name="pt_inception-2015-12-05-6726825d.pth",
    url="https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/"
    "pt_inception-2015-12-05-6726825d.pth",
    sha256="6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2",
    licence="Apache-2.0",
)

# On a CPU more images at once only push each other out of the cache; fewer leave threads idle.
_MIN_CPU_BATCH = 4


class InceptionFeatures(FeatureExtractor):
    """The 2,048 pool3 features that FID and KID compare.

    Args:
        protocol: ``"clean"``, ``"pytorch-fid"``, ``"torch-fidelity"`` or ``"torchmetrics"``.
        folder: Where to look for the weights first.

    Raises:
        TpgbenchError: The weights are unavailable.
    """

    version = 1
    batch_size = 32

    def __init__(self, protocol: str, folder: Path | None = None) -> None:
        self._path = get_weights(INCEPTION_WEIGHTS, folder).resolve()
        self._sha256 = known_sha256(self._path)
        self._protocol = PROTOCOLS[protocol]
        self.backbone = f"{BACKBONE}|{weights_hash(INCEPTION_WEIGHTS, folder)}|{protocol}"

    def extract(self, images: Sequence[Image]) -> NDArray[np.float32]:
        """Return the features of images, float32 (n, 2048)."""
        return self.embed([self.prepare(image) for image in images])

    def prepare(self, image: Image) -> NDArray[np.float32]:
        """Return the network's input, float32 (3, 299, 299).

        Raises:
            TpgbenchError: Not a uint8 image (height, width, 3).
        """
        check_image(image, "given")
        return self._protocol.prepare(image)

    def embed(self, prepared: Sequence[NDArray[Any]]) -> NDArray[np.float32]:
        """Return the features of the network's inputs, float32 (n, 2048)."""
        import torch

        device = compute_device()
        network = _network(self._path, self._sha256, device)
        size = max(_MIN_CPU_BATCH, torch.get_num_threads()) if device == "cpu" else len(prepared)
        parts = []
        with float32_inference(device):
            for start in range(0, len(prepared), size):
                batch = torch.from_numpy(np.stack(prepared[start : start + size]))
                parts.append(network(batch.to(device)).cpu().numpy())
        return np.concatenate(parts)

    def logits(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the class logits without bias, as FID's libraries have them.

        Args:
            features: What `extract` gave, (n, 2048).

        Returns:
            float32 (n, 1008).
        """
        network = _network(self._path, self._sha256, compute_device())
        classifier = network.classifier.cpu().numpy()
        return np.asarray(features @ classifier.T, dtype=np.float32)


@lru_cache(maxsize=2)
def _network(path: Path, _sha256: str, device: str) -> InceptionNetwork:
    from .inception_network import read_network

    return read_network(path).to(device)
