"""Distance between the dominant colours of two images."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..core.images import Image
from .base import TruthMetric
from .inputs import check_image

COLOURS = 5
_BITS = 5  # a channel's histogram has 2**_BITS bins
_ROUNDS = 20
_POINT = 1e-9  # a cluster's scatter below this is a single colour and its rounding


@dataclass(frozen=True)
class DominantColours:
    """The colours that an image is mostly made of, in no meaningful order.

    Attributes:
        lab: CIELAB under D65, float64 (n, 3).
        share: The part of the image that each stands for, float64 (n,), sums to 1.
    """

    lab: NDArray[np.float64]
    share: NDArray[np.float64]


def dominant_colours(image: Image, colours: int = COLOURS) -> DominantColours:
    """Cluster the colours of an image by k-means in CIELAB.

    The mean colours of a histogram with 32 bins per channel are clustered, weighted by their
    pixels. The starting points come from cutting the widest cluster across its principal axis
    (Orchard and Bouman, IEEE TSP 39(12), 1991). So the result is deterministic and depends on
    which colours there are and how often, not on where.

    Args:
        image: uint8 (height, width, 3).
        colours: How many clusters at most; an image with fewer colours has fewer.

    Raises:
        TpgbenchError: Wrong type or shape.
    """
    check_image(image, "measured")
    lab, weight = _histogram(image)
    centres = _split(lab, weight, colours)
    members = np.zeros(len(lab), dtype=np.intp)
    for _ in range(_ROUNDS):
        nearest = _nearest(lab, centres)
        centres = _means(lab, weight, nearest, centres)
        if np.array_equal(nearest, members):
            break
        members = nearest
    share = np.bincount(members, weight, len(centres))
    present = share > 0
    return DominantColours(centres[present], share[present] / share.sum())


def palette(output: Image, truth: Image) -> float:
    """Return how far apart the dominant colours of two images are; lower is better.

    It is the earth mover's distance between their five `dominant_colours` with CIEDE2000 as the
    ground distance: the least mean colour difference at which the area of one palette can be
    matched with that of the other.

    Args:
        output: uint8 (height, width, 3).
        truth: uint8; it may have another size.

    Returns:
        In units of CIEDE2000: 0 for equal palettes, about 1 just visible, 100 from black to
        white.

    Raises:
        TpgbenchError: Wrong type or shape.
    """
    from skimage.color import deltaE_ciede2000

    own, true = dominant_colours(output), dominant_colours(truth)
    cost = deltaE_ciede2000(own.lab[:, None], true.lab[None])  # type: ignore[no-untyped-call]
    return _earth_movers_distance(np.asarray(cost), own.share, true.share)


def _histogram(image: Image) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the mean CIELAB colour of every occupied bin, (n, 3), and its pixels, (n,)."""
    from skimage.color import rgb2lab

    pixels = image.reshape(-1, 3)
    red, green, blue = (pixels.astype(np.intp) >> (8 - _BITS)).T
    code = (red << 2 * _BITS) | (green << _BITS) | blue
    count = np.bincount(code)
    occupied = np.flatnonzero(count)
    weight = count[occupied].astype(np.float64)
    sums = [np.bincount(code, channel)[occupied] for channel in pixels.T]
    mean = np.stack(sums, axis=-1) / weight[:, None]
    return np.asarray(rgb2lab(mean[None] / 255))[0], weight


def _split(
    lab: NDArray[np.float64], weight: NDArray[np.float64], colours: int
) -> NDArray[np.float64]:
    """Return starting points: the cluster that spreads most is cut in two, again and again."""
    centres = np.average(lab, axis=0, weights=weight)[None]
    members = np.zeros(len(lab), dtype=np.intp)
    while len(centres) < colours:
        offset = lab - centres[members]
        spread, axes = np.linalg.eigh(
            [_scatter(offset[members == k], weight[members == k]) for k in range(len(centres))]
        )
        widest = int(spread[:, -1].argmax())
        if spread[widest, -1] < _POINT:
            break
        beyond = (members == widest) & (offset @ axes[widest, :, -1] > 0)
        members[beyond] = len(centres)
        centres = _means(lab, weight, members, np.vstack([centres, centres[widest]]))
    return centres


def _scatter(offset: NDArray[np.float64], weight: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the scatter matrix of one cluster, (3, 3)."""
    scatter: NDArray[np.float64] = (offset * weight[:, None]).T @ offset
    return scatter


def _nearest(lab: NDArray[np.float64], centres: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return the number of each colour's nearest centre."""
    # The squared distance, but for the colour's own square, which all centres have in common.
    distance = np.square(centres).sum(axis=1) - 2 * lab @ centres.T
    return np.asarray(distance.argmin(axis=1))


def _means(
    lab: NDArray[np.float64],
    weight: NDArray[np.float64],
    nearest: NDArray[np.intp],
    centres: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return the clusters' weighted means; one without members stays where it is."""
    share = np.bincount(nearest, weight, len(centres))
    sums = [np.bincount(nearest, weight * channel, len(centres)) for channel in lab.T]
    mean = np.stack(sums, axis=-1) / np.maximum(share, 1.0)[:, None]
    return np.where(share[:, None] > 0, mean, centres)


def _earth_movers_distance(
    cost: NDArray[np.float64], supply: NDArray[np.float64], demand: NDArray[np.float64]
) -> float:
    """Return the least cost of moving ``supply`` to ``demand``, both of which sum to 1."""
    from scipy.optimize import linprog

    rows, columns = cost.shape
    leaves = np.kron(np.eye(rows), np.ones(columns))
    arrives = np.kron(np.ones(rows), np.eye(columns))
    # One equation follows from the others; rounding could make it contradict them.
    result = linprog(
        cost.ravel(),
        A_eq=np.vstack([leaves, arrives[:-1]]),
        b_eq=np.concatenate([supply, demand[:-1]]),
        method="highs",
    )
    return max(0.0, float(np.vdot(cost, np.asarray(result.x))))


class PaletteMetric(TruthMetric):
    """`palette` of the output and the ground truth.

    Pitfalls:
        - It says nothing of where the colours are.
        - A garment's photo has shadows and a cast of light: a pattern that copies them has
          another palette than the flat cloth.
    """

    name = "palette"
    higher_is_better = False
    tasks = frozenset({"tpg"})
    range = (0.0, math.inf)
    unit = "CIEDE2000"
    source = (
        "Sharma, Wu and Dalal, Color Research and Application 30(1), 2005 (CIEDE2000); Rubner, "
        "Tomasi and Guibas, IJCV 40(2), 2000 (earth mover's distance)"
    )

    def settings(self) -> dict[str, str]:
        """Return how the colours are found and matched."""
        return {
            "colours": str(COLOURS),
            "bins": f"{2**_BITS}^3",
            "clusters": "kmeans-lab",
            "matching": "emd",
        }

    def measure(self, output: Image, truth: Image) -> float:
        """Return the distance in units of CIEDE2000."""
        return palette(output, truth)
