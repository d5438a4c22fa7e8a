"""What the harness costs on top of the model: generate against a bare loop, in one paired run.

    python measurements/harness.py [--size 128] [--images 200] [--rounds 3]

The model sleeps 20 ms an image. The bare loop calls it on samples that lie ready in memory; the
harness reads rows, fits them, writes PNGs, and can be killed at any instant.
"""

from __future__ import annotations

import argparse
import datetime
import platform
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "plugin"))

import tpgbench
from tpgbench.benchmark.fit import fit_sample
from tpgbench.benchmark.model import MODELS
from tpgbench.benchmark.run.environment import processor_name
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
    """Return the seconds of the generate stage, its start and end included."""
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
    """Print one line a round, and the median ratio."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    today = datetime.datetime.now(datetime.UTC).date()
    print(f"{platform.system()} {platform.machine()}, {processor_name()}, {today}")
    harness(given.size, 2)  # imports and first use
    ratios = []
    for _ in range(given.rounds):
        bare, ours = bare_loop(given.size, given.images), harness(given.size, given.images)
        ratios.append(ours / bare)
        print(
            f"{given.size} px: bare loop {bare / given.images * 1000:.2f} ms an image, "
            f"harness {ours / given.images * 1000:.2f} ms, ratio {ratios[-1]:.3f}"
        )
    print(f"median ratio {sorted(ratios)[len(ratios) // 2]:.3f}")


if __name__ == "__main__":
    main()
