"""LPIPS, SSIM and PSNR beside the libraries that define them, in paired rounds.

    python measurements/paired_metrics.py [--size 512] [--rounds 5]

One thread, one pair of images per call, CPU time, the two sides in turn; the ratio is the median
over the rounds. Memory is what a call adds at its peak to a process that holds the network, one
process per side. LPIPS has random weights, the same on both sides. SSIM is left out without piq
(``pip install piq``).
"""

from __future__ import annotations

import argparse
import functools
import os
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from statistics import median

import numpy as np
from setting import describe_machine, find_test_helpers
from tpgbench.core.images import Image

Measure = Callable[[], float]

CASES = ("lpips@alex", "lpips@vgg", "lpips@squeeze", "ssim", "psnr")
PEERS = {"lpips@alex": "lpips", "lpips@vgg": "lpips", "lpips@squeeze": "lpips"} | {
    "ssim": "piq (float32)",
    "psnr": "skimage",
}


def make_pair(size: int) -> tuple[Image, Image]:
    """Return a noisy output and its ground truth."""
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 256, (size, size, 3), dtype=np.uint8)
    return np.uint8(np.clip(truth + rng.normal(scale=30, size=truth.shape), 0, 255)), truth


def ours(case: str, size: int) -> Measure:
    """Return our function on a pair, its network loaded."""
    from tpgbench.metrics.base import Pair, make_metric

    metric = make_metric(case)
    metric.load()
    return functools.partial(metric.score, Pair("a", *make_pair(size)))


def peer(case: str, size: int, weights: Path) -> Measure:
    """Return the other library's function on the same pair, its network loaded."""
    import torch

    output, truth = make_pair(size)
    if case.startswith("lpips"):
        from lpips_oracle import as_peer_wants, peer_network

        network = peer_network(case.partition("@")[2], weights)
        first, second = as_peer_wants(output), as_peer_wants(truth)

        def measure() -> float:
            with torch.inference_mode():
                return float(network(first, second))

        return measure
    if case == "ssim":
        import piq

        first, second = (
            torch.from_numpy(image).permute(2, 0, 1)[None] / 255 for image in (output, truth)
        )
        return lambda: float(piq.ssim(first, second, downsample=False))
    from skimage.metrics import peak_signal_noise_ratio

    return lambda: float(peak_signal_noise_ratio(truth, output, data_range=255))


def one_side(side: str, case: str, size: int, weights: Path) -> Measure:
    """Return the function of one side."""
    return ours(case, size) if side == "ours" else peer(case, size, weights)


def peak_memory(side: str, case: str, size: int, weights: Path) -> float:
    """Return the peak memory that a call adds to a process, in MiB."""
    command = [sys.executable, __file__, "--memory", side, case, str(size), str(weights)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1])


def print_memory(side: str, case: str, size: int, weights: Path) -> None:
    """Measure this process, whose network is loaded but not used yet."""
    measure = one_side(side, case, size, weights)
    peak_reset = Path("/proc/self/clear_refs")
    peak_reset.write_text("5")  # reset the peak to the present use
    before = _status("VmRSS")
    measure()
    print((_status("VmHWM") - before) / 1024)


def _status(field: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def cpu_time(measure: Measure) -> float:
    """Return the CPU seconds of a call."""
    start = time.process_time()
    measure()
    return time.process_time() - start


def compare(case: str, size: int, rounds: int, weights: Path) -> str:
    """Return a line of the table."""
    us, them = ours(case, size), peer(case, size, weights)
    difference = abs(us() - them())
    times = [(cpu_time(us), cpu_time(them)) for _ in range(rounds)]
    ratio = median(a / b for a, b in times)
    own, other = (median(column) * 1000 for column in zip(*times, strict=True))
    memory = [peak_memory(side, case, size, weights) for side in ("ours", "peer")]
    return (
        f"| {case} | {PEERS[case]} | {other:.1f} | {own:.1f} | {ratio:.2f} | {memory[1]:.0f} | "
        f"{memory[0]:.0f} | {memory[0] / max(memory[1], 1):.2f} | {difference:.1e} |"
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--memory", nargs=4, help=argparse.SUPPRESS)
    given = parser.parse_args()
    find_test_helpers()

    import torch

    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    if given.memory:
        side, case, size, weights = given.memory
        print_memory(side, case, int(size), Path(weights))
        return
    from lpips_oracle import write_backbones

    with tempfile.TemporaryDirectory() as folder:
        weights = write_backbones(Path(folder))
        os.environ |= {"TPGBENCH_WEIGHTS": folder, "TPGBENCH_UNVERIFIED_WEIGHTS": "1"}
        os.environ["TPGBENCH_DEVICE"] = "cpu"
        print(f"{describe_machine()}, torch {torch.__version__}, {given.size}x{given.size} px\n")
        print(
            "| metric | peer | peer ms | our ms | ratio | peer MiB | our MiB | ratio | difference |"
        )
        print("|---|---|---|---|---|---|---|---|---|")
        for case in CASES:
            if case == "ssim" and find_spec("piq") is None:
                continue
            print(compare(case, given.size, given.rounds, weights), flush=True)


if __name__ == "__main__":
    main()
