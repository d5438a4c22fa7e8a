"""Speed of the procedural renderer: complete rows per second on one core.

    OMP_NUM_THREADS=1 python measurements/render.py [--seconds 8]

Each line of the table takes ``--seconds``.
"""

from __future__ import annotations

import argparse
import platform
import time

from setting import describe_machine
from tpgbench.datasets_builders.base import DatasetSource
from tpgbench.datasets_builders.ctp_synth import CtpSynth, CtpSynthUnaligned
from tpgbench.datasets_builders.mannequin_synth import MannequinSynth

SIZES = (64, 128, 256, 512)


def rows_per_second(source: DatasetSource, size: int, seconds: float) -> tuple[float, float, int]:
    """Return rows per second of wall time and of CPU time, and the number of rows."""
    dataset = source.open("test", size=size)
    dataset[0]
    rows, wall, cpu = 0, time.perf_counter(), time.process_time()
    while rows < 4 or time.perf_counter() - wall < seconds:
        dataset[rows % len(dataset)]
        rows += 1
    return rows / (time.perf_counter() - wall), rows / (time.process_time() - cpu), rows


def main() -> None:
    """Print one line per dataset and size."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=8.0, help="per line of the table")
    seconds = parser.parse_args().seconds
    print(f"{describe_machine()}, Python {platform.python_version()}")
    print("dataset               size  rows/s  rows/s of CPU time  rows timed")
    for source in (CtpSynth(), CtpSynthUnaligned(), MannequinSynth()):
        for size in SIZES:
            wall, cpu, rows = rows_per_second(source, size, seconds)
            print(f"{source.name:20s} {size:5d} {wall:7.1f} {cpu:19.1f} {rows:11d}")


if __name__ == "__main__":
    main()
