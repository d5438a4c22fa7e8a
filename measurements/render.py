"""How fast the procedural renderer is: complete rows a second on one core.

Run it with ``OMP_NUM_THREADS=1 python measurements/render.py``; ``--seconds`` is spent per line.
"""

from __future__ import annotations

import argparse
import datetime
import platform
import time
from pathlib import Path

from tpgbench.datasets_builders.base import DatasetSource
from tpgbench.datasets_builders.ctp_synth import CtpSynth, CtpSynthUnaligned
from tpgbench.datasets_builders.mannequin_synth import MannequinSynth

SIZES = (64, 128, 256, 512)


def processor() -> str:
    """Return the processor's name."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def rows_per_second(source: DatasetSource, size: int, seconds: float) -> tuple[float, float, int]:
    """Return rows a second by the clock and by the process's own time, and how many rows."""
    dataset = source.open("test", size=size)
    dataset[0]
    rows, wall, cpu = 0, time.perf_counter(), time.process_time()
    while rows < 4 or time.perf_counter() - wall < seconds:
        dataset[rows % len(dataset)]
        rows += 1
    return rows / (time.perf_counter() - wall), rows / (time.process_time() - cpu), rows


def main() -> None:
    """Print one line a dataset and size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=8.0)
    seconds = parser.parse_args().seconds
    today = datetime.datetime.now(datetime.UTC).date()
    print(f"{platform.platform()}, {processor()}, Python {platform.python_version()}, {today}")
    print("dataset               size  rows/s  rows/s of CPU time  rows timed")
    for source in (CtpSynth(), CtpSynthUnaligned(), MannequinSynth()):
        for size in SIZES:
            wall, cpu, rows = rows_per_second(source, size, seconds)
            print(f"{source.name:20s} {size:5d} {wall:7.1f} {cpu:19.1f} {rows:11d}")


if __name__ == "__main__":
    main()
