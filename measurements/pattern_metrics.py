"""Time of the metrics that need no weights; SSIM beside skimage, torchmetrics and piq.

    OMP_NUM_THREADS=1 python measurements/pattern_metrics.py [--sizes 64 128 256 512 1024]

The contestants take turns within every round and their processor time is counted, so that a busy
machine slows all of them alike; compare the ratios, not the times. piq is optional:
``pip install piq``.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from functools import partial

import numpy as np
import scipy.ndimage
import torch
from setting import describe_machine
from skimage.metrics import structural_similarity
from torchmetrics.functional.image import structural_similarity_index_measure
from tpgbench.core.images import Image
from tpgbench.metrics.base import Pair, make_metric
from tpgbench.metrics.ssim import ssim

NAMES = ("palette", "psnr", "psnr_shift", "repeat", "ssim", "ssim_shift", "tileability")
ROUNDS = 7
BUDGET = 0.05  # seconds of one contestant in one round

Contestant = Callable[[], float]


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[64, 128, 256, 512, 1024])
    given = parser.parse_args()
    if threads := os.environ.get("OMP_NUM_THREADS"):
        torch.set_num_threads(int(threads))
    print(f"{describe_machine()}, {os.cpu_count()} CPUs, {torch.get_num_threads()} thread(s)")
    for size in given.sizes:
        output, truth = _pair(size)
        print(f"\nssim {size}x{size}           ms/image    of piq    difference from skimage")
        contestants = _ssim_contestants(output, truth)
        _table(contestants, reference="piq", oracle="skimage")
    for size in (128, 512):
        output, truth = _pair(size)
        pair = Pair("pair", output, truth)
        print(f"\nmetrics {size}x{size}        ms/image")
        scores = {name: make_metric(name).score for name in NAMES}
        _table({name: partial(score, pair) for name, score in scores.items()})


def _ssim_contestants(output: Image, truth: Image) -> dict[str, Contestant]:
    contestants: dict[str, Contestant] = {
        "tpgbench": lambda: ssim(output, truth),
        "skimage": lambda: structural_similarity(
            truth,
            output,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            channel_axis=-1,
            data_range=255,
        ),
    }
    # The peers measure float32 batches; making them is not timed.
    first, second = (
        torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255 for image in (output, truth)
    )
    try:
        import piq

        contestants["piq"] = lambda: float(
            piq.ssim(first, second, data_range=1.0, downsample=False)
        )
        contestants["piq, downsampling"] = lambda: float(piq.ssim(first, second, data_range=1.0))
    except ImportError:
        print("piq is not installed: skipped")
    contestants["torchmetrics"] = lambda: float(
        structural_similarity_index_measure(first, second, data_range=1.0)
    )
    return contestants


def _table(
    contestants: dict[str, Contestant], reference: str | None = None, oracle: str | None = None
) -> None:
    values = {name: run() for name, run in contestants.items()}  # and warm up
    times = _milliseconds(contestants)
    for name in contestants:
        row = f"  {name:20s} {statistics.median(times[name]):9.3f}"
        if reference in times:
            ratios = [a / b for a, b in zip(times[name], times[reference], strict=True)]
            row += f" {statistics.median(ratios):9.3f}"
        if oracle in values:
            row += f"    {values[name] - values[oracle]:+.1e}"
        print(row)


def _milliseconds(contestants: dict[str, Contestant]) -> dict[str, list[float]]:
    """Return the processor time of a call in ms, once per round."""
    calls = {
        name: max(1, int(BUDGET / (_seconds(run, 1) or BUDGET)))
        for name, run in contestants.items()
    }
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(ROUNDS):
        for name, run in contestants.items():
            times[name].append(1000 * _seconds(run, calls[name]) / calls[name])
    return times


def _seconds(run: Contestant, calls: int) -> float:
    start = time.process_time()
    for _ in range(calls):
        run()
    return time.process_time() - start


def _pair(size: int) -> tuple[Image, Image]:
    """Return a repeating pattern of soft motifs, and the same with noise."""
    rng = np.random.default_rng(0)
    motif = scipy.ndimage.gaussian_filter(rng.normal(size=(32, 32, 3)), (2, 2, 0), mode="wrap")
    motif = 255 * (motif - motif.min()) / np.ptp(motif)
    truth = np.tile(motif, (size // 32, size // 32, 1))
    output = truth + rng.normal(0, 20, truth.shape)
    return np.uint8(np.clip(output, 0, 255)), np.uint8(truth)


if __name__ == "__main__":
    main()
