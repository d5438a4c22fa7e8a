"""Overhead of the harness on top of the model: generate against a bare loop, in paired rounds.

    python measurements/harness.py [--size 128] [--images 200] [--rounds 3]

The model sleeps 20 ms per image. The bare loop calls it on samples prepared in memory; the harness
reads rows, fits them and writes PNGs, and may be killed at any time.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import tpgbench
from setting import describe_machine, find_test_helpers
from tpgbench.benchmark.fit import fit_sample
from tpgbench.benchmark.model import MODELS
from tpgbench.benchmark.run.identity import sample_seed


def bare_loop(size: int, images: int) -> float:
    """Return the seconds of calling the model on prepared samples."""
    model_class = MODELS.get("toy-noise")
    model = model_class(model_class.config_type.model_validate({"seconds": 0.02}))
    rows = tpgbench.load_dataset("toy", "train", size=size)
    samples = [fit_sample(rows[index], size=size) for index in range(images)]
    start = time.perf_counter()
    for sample in samples:
        model.generate([sample], [sample_seed(0, sample.sample_id)])
    return time.perf_counter() - start


def harness(size: int, images: int) -> float:
    """Return the seconds of the generate stage, including its start and end."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        tpgbench.generate(
            "toy-noise",
            dataset="toy",
            split="train",
            limit=images,
            size=size,
            options={"seconds": 0.02},
            out=Path(folder) / "run",
        )
        return time.perf_counter() - start


def main() -> None:
    """Print one line per round, and the median ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    find_test_helpers()  # the toy model and dataset
    print(describe_machine())
    harness(given.size, 2)  # imports and first use
    ratios = []
    for _ in range(given.rounds):
        bare, ours = bare_loop(given.size, given.images), harness(given.size, given.images)
        ratios.append(ours / bare)
        print(
            f"{given.size} px: bare loop {bare / given.images * 1000:.2f} ms per image, "
            f"harness {ours / given.images * 1000:.2f} ms, ratio {ratios[-1]:.3f}"
        )
    print(f"median ratio {sorted(ratios)[len(ratios) // 2]:.3f}")


if __name__ == "__main__":
    main()
