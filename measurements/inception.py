"""Our FID Inception network beside the eager one of pytorch-fid, on a CPU, by batch size.

    OMP_NUM_THREADS=1 python measurements/inception.py [--batches 8 32 50] [--rounds 2]

Both have the same random weights and the same inputs of 299 px. Ours gets 4 images at a time, as in
`metrics.features`. The last column is the largest difference of a feature, relative to the largest
feature. A second table shows ours without PyTorch's private operation for packed weights.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import torch
from setting import describe_machine, find_test_helpers
from torch import Tensor
from tpgbench.metrics.features import inception_network

AT_ONCE = 4


def fastest(call: Callable[[], Tensor], rounds: int) -> tuple[float, Tensor]:
    """Return the shortest CPU time of a call in seconds, and its result."""
    times = []
    for _ in range(rounds):
        start = time.process_time()
        found = call()
        times.append(time.process_time() - start)
    return min(times), found


def compare(weights: Path, batches: list[int], rounds: int) -> None:
    """Print one table."""
    from inception_oracle import pytorch_fid_network

    eager = pytorch_fid_network(weights, raw=True)
    ours = inception_network.read_network(weights)
    print("| batch size | eager, ms per image | ours | ratio | largest difference |")
    print("|---|---|---|---|---|")
    for count in batches:
        images = torch.rand(count, 3, 299, 299, generator=torch.manual_seed(count)) * 2 - 1

        def run_ours(images: Tensor = images) -> Tensor:
            return torch.cat([ours(part) for part in images.split(AT_ONCE)])

        def run_eager(images: Tensor = images) -> Tensor:
            return eager(images)[0].flatten(1)

        ours(images[:AT_ONCE])
        took, features = fastest(run_ours, rounds)
        its, wanted = fastest(run_eager, rounds)
        gap = float((features - wanted).abs().max() / wanted.abs().max())
        print(
            f"| {count} | {1e3 * its / count:.0f} | {1e3 * took / count:.0f} | "
            f"{took / its:.2f} | {gap:.0e} |"
        )


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batches", type=int, nargs="+", default=[8, 32, 50])
    parser.add_argument("--rounds", type=int, default=2)
    given = parser.parse_args()
    find_test_helpers()
    from inception_oracle import write_weights

    threads = torch.get_num_threads()
    print(f"{describe_machine()}, {threads} thread(s), {given.rounds} round(s)\n")
    with tempfile.TemporaryDirectory() as folder, torch.inference_mode():
        weights = write_weights(Path(folder))
        compare(weights, given.batches, given.rounds)
        print("\nWithout packed weights:\n")
        with mock.patch.object(inception_network, "_can_pack", return_value=False):
            compare(weights, given.batches[-1:], given.rounds)


if __name__ == "__main__":
    main()
