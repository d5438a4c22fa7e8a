"""Seconds per image of each baseline at several sizes, on one core.

    OMP_NUM_THREADS=1 python measurements/baselines.py [--images 5] [--sizes 64 128 256 512]

Each model generates the same rows of ctp-synth, one at a time; the median is printed. The time for
rendering and fitting the rows is not included.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time

from setting import describe_machine
from tpgbench.benchmark.fit import fit_sample
from tpgbench.benchmark.model import MODELS
from tpgbench.benchmark.run.identity import sample_seed
from tpgbench.benchmark.sample import Sample
from tpgbench.datasets_builders.ctp_synth import CtpSynth

NAMES = ("crop", "tile-crop", "lattice", "autofill", "quilting")


def seconds_per_image(name: str, samples: list[Sample]) -> float:
    """Return the median over the samples; a first call, to warm up, is not counted."""
    model_class = MODELS.get(name)
    model = model_class(model_class.config_type())
    model.generate(samples[:1], [0])
    times = []
    for sample in samples:
        start = time.perf_counter()
        model.generate([sample], [sample_seed(0, sample.sample_id)])
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def main() -> None:
    """Print the machine and the date, then a table: a row per model, a column per size."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=5)
    parser.add_argument("--sizes", type=int, nargs="+", default=[64, 128, 256, 512])
    arguments = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})

    print(f"{describe_machine()}, one core")
    print(f"{'seconds per image':18}" + "".join(f"{size:>6} px" for size in arguments.sizes))
    samples = {}
    for size in arguments.sizes:
        rows = CtpSynth().open("test", size=size)
        samples[size] = [fit_sample(rows[index], size=size) for index in range(arguments.images)]
    for name in NAMES:
        times = [seconds_per_image(name, samples[size]) for size in arguments.sizes]
        print(f"{name:18}" + "".join(f"{seconds:9.4f}" for seconds in times), flush=True)


if __name__ == "__main__":
    main()
