"""How well `fid_bias` tells the bias of FID, on Gaussians whose FID is known.

    python measurements/fid_bias.py [--images 1500 2032 5400] [--draws 8]

Features of 2,048 dimensions, whose variances fall as a power of their rank, as those of a network
do. The generated ones are shifted and wider. The bias is the mean over the draws of the FID minus
the known one; a straight line through the same FIDs stands beside the parabola.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass

import numpy as np
from setting import describe_machine
from tpgbench.metrics.fid import fid_bias
from tpgbench.metrics.frechet import Gaussian, frechet_distance

WIDTH = 2_048
FALLS = (1.0, 1.5)  # the variance of dimension k is proportional to k to the minus this
TRACE = 100.0


@dataclass(frozen=True)
class Draw:
    """One pair of sets."""

    distance: float
    bias: float
    seconds: float
    seconds_of_bias: float


def known_fid(variances: np.ndarray, shift: np.ndarray, wider: float) -> float:
    """Return the distance of the two distributions."""
    gaps = np.sqrt(variances) - np.sqrt(variances * wider)
    return float(shift @ shift + gaps @ gaps)


def draw(images: int, variances: np.ndarray, shift: np.ndarray, wider: float, seed: int) -> Draw:
    """Draw two sets, and take their FID and its bias."""
    rng = np.random.default_rng([seed, images])
    truth = (rng.normal(size=(images, WIDTH)) * np.sqrt(variances)).astype("f4")
    output = (rng.normal(size=(images, WIDTH)) * np.sqrt(variances * wider) + shift).astype("f4")
    start = time.perf_counter()
    distance = frechet_distance(Gaussian.of_features(truth), Gaussian.of_features(output))
    half = time.perf_counter()
    bias = fid_bias(truth, output, distance)
    if bias is None:
        raise SystemExit(f"of {images} images no bias is told")
    return Draw(distance, bias, half - start, time.perf_counter() - half)


def main() -> None:
    """Print a line for each spectrum and number of images."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, nargs="+", default=[1_500, 2_032, 5_400])
    parser.add_argument("--draws", type=int, default=8)
    given = parser.parse_args()
    print(describe_machine())
    print("| images | fall | FID known | FID | its bias | told, sd over draws | FID, s | bias, s |")
    print("|---|---|---|---|---|---|---|---|")
    shift, wider = np.zeros(WIDTH), 1.3
    shift[:20] = 0.3
    for images in given.images:
        for fall in FALLS:
            variances = np.arange(1.0, WIDTH + 1) ** -fall
            variances *= TRACE / variances.sum()
            known = known_fid(variances, shift, wider)
            draws = [draw(images, variances, shift, wider, seed) for seed in range(given.draws)]
            told = [one.bias for one in draws]
            mean = float(np.mean([one.distance for one in draws]))
            print(
                f"| {images:,} | {fall} | {known:.2f} | {mean:.2f} | {mean - known:.2f} | "
                f"{np.mean(told):.2f}, {np.std(told):.2f} | "
                f"{np.mean([one.seconds for one in draws]):.1f} | "
                f"{np.mean([one.seconds_of_bias for one in draws]):.1f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
