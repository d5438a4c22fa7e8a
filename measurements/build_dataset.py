"""Time and memory of building a dataset, beside imagefolder and ``to_parquet`` of ``datasets``.

    python measurements/build_dataset.py [--rows 1000] [--rounds 3] [--suffix .jpg]
    python measurements/build_dataset.py --memory 1000 20000

All read the same files: garments, masks and patterns in CTP-HD's layout, rendered at 64 px, all
different. ``datasets`` is timed as its guide says (``data_dir``), and with the files named by globs
(``data_files``), which avoids the search for splits. The images are embedded both times, as
``push_to_hub`` does, because ``to_parquet`` alone may store paths of this machine. ``datasets``
decodes no image; our build decodes, checks, measures and hashes each.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import combinations, count, islice
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import tpgbench

# The rest is imported where it is used, because worker processes import this script again.
COLUMNS = {"garment": "cloth", "mask": "cloth_mask", "pattern": "pattern"}


@dataclass(frozen=True)
class Files:
    """The same images in the layouts of the two libraries.

    Attributes:
        images: Three folders and ``metadata.jsonl``.
        source: Links to those folders, and ``test.txt``, which ``datasets`` would take for a split.
    """

    images: Path
    source: Path


def make_files(folder: Path, rows: int, suffix: str) -> Files:
    """Write ``rows`` garments, each a blend of a different pair of scenes."""
    files = Files(folder / "images", folder / "source")
    files.source.mkdir()
    scenes = tpgbench.load_dataset("ctp-synth", "train", size=64)
    needed = next(n for n in count(2) if n * (n - 1) // 2 >= rows)
    rendered = [scenes[index] for index in range(needed)]
    for name in COLUMNS.values():
        (files.images / name).mkdir(parents=True)
        (files.source / name).symlink_to(files.images / name)
    lines = []
    for index, (one, other) in enumerate(islice(combinations(rendered, 2), rows)):
        images = {
            "garment": one.garment // 2 + other.garment // 2,
            "mask": one.mask * np.uint8(255),
            "pattern": one.pattern // 2 + other.pattern // 2,
        }
        name = f"{index:06d}{suffix}"
        for column, image in images.items():
            PIL.Image.fromarray(image).save(files.images / COLUMNS[column] / name)
        lines.append({f"{column}_file_name": f"{COLUMNS[column]}/{name}" for column in COLUMNS})
    names = "".join(f"{index:06d}{suffix}\n" for index in range(rows))
    (files.source / "test.txt").write_text(names)
    metadata = "".join(json.dumps(line) + "\n" for line in lines)
    (files.images / "metadata.jsonl").write_text(metadata)
    return files


def by_data_dir(files: Files, scratch: Path) -> None:
    """Load the folder and write Parquet, as the guide of ``datasets`` says."""
    embed(load(scratch, data_dir=str(files.images)), scratch)


def by_data_files(files: Files, scratch: Path) -> None:
    """Do the same with the files named by globs."""
    globs = [str(files.images / "metadata.jsonl"), str(files.images / "*" / "*")]
    embed(load(scratch, data_files={"train": globs}), scratch)


def load(scratch: Path, **where: Any) -> Any:
    """Load the images as ``datasets`` does."""
    import datasets

    return datasets.load_dataset(
        "imagefolder", cache_dir=str(scratch / "cache"), split="train", **where
    )


def embed(loaded: Any, scratch: Path) -> None:
    """Write Parquet that holds the images."""
    import datasets

    embedded = loaded.with_format("arrow").map(
        datasets.table.embed_table_storage, batched=True, batch_size=100
    )
    embedded.to_parquet(scratch / "theirs.parquet")


def ours(workers: int) -> Callable[[Files, Path], None]:
    """Return our build with a number of workers."""

    def build(files: Files, scratch: Path) -> None:
        tpgbench.build_dataset(
            "ctp-hd", source=files.source, out=scratch / "built", workers=workers
        )

    return build


def seconds(work: Callable[[Files, Path], None], files: Files) -> float:
    """Return the seconds of some work in a new scratch folder."""
    with tempfile.TemporaryDirectory() as scratch:
        start = time.perf_counter()
        work(files, Path(scratch))
        return time.perf_counter() - start


def compare(rows: int, rounds: int, suffix: str) -> None:
    """Print the median time of each contender and the ratios, over paired rounds."""
    contenders = {
        "datasets, data_dir": by_data_dir,
        "datasets, data_files": by_data_files,
        "tpgbench, 1 worker": ours(1),
        "tpgbench, 2 workers": ours(2),
    }
    taken: dict[str, list[float]] = {name: [] for name in contenders}
    with tempfile.TemporaryDirectory() as folder:
        files = make_files(Path(folder), rows, suffix)
        seconds(ours(1), files)  # imports, first use, the page cache
        seconds(by_data_files, files)
        for _ in range(rounds):
            for name, work in contenders.items():
                taken[name].append(seconds(work, files))
    base = taken["tpgbench, 1 worker"]
    for name, times in taken.items():
        ratio = statistics.median(one / time for one, time in zip(base, times, strict=True))
        print(
            f"{rows} rows, {suffix}: {name}: {statistics.median(times):.2f} s, "
            f"{ratio:.2f} times the speed of tpgbench with one worker"
        )


def arithmetic(count: int) -> int:
    """Do work that needs only a core."""
    return sum(number * number for number in range(count))


def ceiling() -> float:
    """Return how much faster two processes are than one, at the present load of this machine."""
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        list(pool.map(arithmetic, [1000] * 2))  # started
        ratios = []
        for _ in range(3):
            start = time.perf_counter()
            arithmetic(12_000_000)
            middle = time.perf_counter()
            list(pool.map(arithmetic, [6_000_000] * 2))
            ratios.append((middle - start) / (time.perf_counter() - middle))
    return statistics.median(ratios)


def peak_memory(rows: int, suffix: str) -> float:
    """Return the peak resident memory of a build in a new process, in MiB."""
    with tempfile.TemporaryDirectory() as folder:
        files = make_files(Path(folder), rows, suffix)
        command = [sys.executable, __file__, "--build", str(files.source)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        return float(done.stdout)


def main() -> None:
    """Print machine and date, then time or memory."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--suffix", choices=[".jpg", ".png"], default=".jpg")
    parser.add_argument("--memory", type=int, nargs="+", metavar="ROWS")
    parser.add_argument("--build", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.build:
        seconds(ours(1), Files(given.build, given.build))
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        return
    import datasets
    from setting import describe_machine

    datasets.disable_progress_bars()
    print(f"{describe_machine()}, {os.cpu_count()} cores, datasets {datasets.__version__}")
    if given.memory:
        for rows in given.memory:
            print(f"{rows} rows: peak {peak_memory(rows, given.suffix):.0f} MiB")
    else:
        print(f"two processes of pure arithmetic: {ceiling():.2f} times the speed of one")
        compare(given.rows, given.rounds, given.suffix)


if __name__ == "__main__":
    main()
