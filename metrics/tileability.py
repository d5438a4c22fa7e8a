"""How visible the seam is when an image is repeated side by side."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..core.images import Image
from .base import Pair, TruthMetric
from .inputs import check_image

# The mean squared difference that rounding to whole numbers alone leaves between two pixels.
# Added to both energies, it keeps the ratio of flat images at 1.
FLOOR = 1 / 6


def seam_ratio(image: Image) -> tuple[float, float]:
    """Return how much rougher the seams of the wrapped image are than its inside.

    The seam energy is the mean squared difference between the last and the first row (column),
    the interior energy that between neighbouring rows (columns), both over all pixels and
    channels. The ratio is (seam + 1/6) / (interior + 1/6), 1/6 being the energy of rounding.

    Args:
        image: uint8 (height, width, 3), each side at least 2 px.

    Returns:
        The ratios across rows and across columns, both above 0: 1 if the seam is like any other
        line, above 1 if it shows, and 1 for a flat image.

    Raises:
        TpgbenchError: Wrong type, shape or size.
    """
    check_image(image, "measured", min_side=2)
    values = image.astype(np.float64)
    return _ratio(values), _ratio(values.swapaxes(0, 1))


def _ratio(values: NDArray[np.float64]) -> float:
    seam = np.square(values[-1] - values[0]).mean()
    interior = np.square(np.diff(values, axis=0)).mean()
    return float((seam + FLOOR) / (interior + FLOOR))


def tileability(output: Image, truth: Image) -> float:
    """Return how far the output's seams are from the ground truth's; lower is better.

    A flat piece of cloth need not be one tile, so the measure is not the seam itself but the
    absolute logarithm of the ratio of both `seam_ratio`, averaged over rows and columns.

    Args:
        output: uint8 (height, width, 3), each side at least 2 px.
        truth: uint8; it may have another size.

    Returns:
        At least 0; 0 if both have equal seams.

    Raises:
        TpgbenchError: Wrong type, shape or size.
    """
    ratios = zip(seam_ratio(output), seam_ratio(truth), strict=True)
    return sum(abs(math.log(own / true)) for own, true in ratios) / 2


def visible_seam(output: Image) -> float:
    """Return how much the seams of an image show, truth or no ground truth; lower is better.

    It is the logarithm of `seam_ratio`, averaged over rows and columns; a seam that is smoother
    than the inside is no fault and counts as 0.

    Args:
        output: uint8 (height, width, 3), each side at least 2 px.

    Returns:
        At least 0; about 0 for one tile of a repeating texture. A tile that is cut along an edge
        of its own motif scores more than it deserves, since most of its inside is smoother.

    Raises:
        TpgbenchError: Wrong type, shape or size.
    """
    return sum(max(0.0, math.log(ratio)) for ratio in seam_ratio(output)) / 2


class TileabilityMetric(TruthMetric):
    """Seam energy against interior energy, in one of two variants that are never mixed.

    ``tileability@truth``, the default, is `tileability` and needs a ground truth: without one the
    sample is missing. ``tileability@seam`` is `visible_seam`, judges the output by itself and
    suits a dataset without ground truth. The recipe names the reference that was used.

    Pitfalls:
        - A flat single colour tiles perfectly: read it together with a measure of likeness.
    """

    name = "tileability"
    higher_is_better = False
    tasks = frozenset({"tpg"})
    range = (0.0, math.inf)
    unit = "log-ratio"
    variants = ("truth", "seam")
    source = "tpgbench"

    def __init__(self, variant: str | None = None, folder: Path | None = None) -> None:
        super().__init__(variant, folder)
        self._against_truth = variant != "seam"
        self.needs = frozenset({"truth"}) if self._against_truth else frozenset()

    def settings(self) -> dict[str, str]:
        """Return the reference and the energy of rounding."""
        reference = "truth" if self._against_truth else "interior"
        return {"reference": reference, "floor": "1/6", "axes": "mean"}

    def measure(self, output: Image, truth: Image) -> float:
        """Return the log-ratio against the ground truth."""
        return tileability(output, truth)

    def score(self, pair: Pair) -> float:
        """Return the log-ratio of the variant."""
        return super().score(pair) if self._against_truth else visible_seam(pair.output)
