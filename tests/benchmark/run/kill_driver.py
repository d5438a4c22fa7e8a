"""Runs one command many times, each in a process that is killed at a random moment.

A trial's process is forked from this one, which has imported everything, so that a trial takes
a fraction of a second and 200 of them a few minutes. Run as a script, with tests/helpers and
tests/plugin in PYTHONPATH:

    python tests/benchmark/run/kill_driver.py FOLDER KILLS SEED

It prints one JSON line: how many living processes were killed in which stage, or the trial that
differed.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import signal
import sys
import time
from collections import Counter
from pathlib import Path

import tpgbench
from commands import fork
from tpgbench import api  # noqa: F401 (imported here, so that a fork need not)

SAMPLES = 12
SECONDS = 0.01


def work(out: Path) -> None:
    tpgbench.generate(
        "toy-noise", dataset="toy", options={"seconds": SECONDS}, batch_size=2, out=out
    )
    tpgbench.score(out, metrics=["psnr", "ssim", "toy-mean", "retrieval_colour"])


def contents(out: Path) -> dict[str, str]:
    files = [*sorted((out / "generations").iterdir()), out / "scores.parquet", out / "result.json"]
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def stage(out: Path) -> str:
    images = len(list((out / "generations").glob("*.png"))) if out.exists() else 0
    if images < SAMPLES:
        return f"generate, {images} images" if images else "before the first image"
    return "after the result" if (out / "result.json").exists() else "score"


def wait_for_first_image(out: Path, child: int) -> None:
    while not list(out.glob("generations/*.png")):
        if os.waitpid(child, os.WNOHANG)[0]:
            raise SystemExit("the run ended before its first image")
        time.sleep(0.001)


def main(folder: Path, trials: int, seed: int) -> None:
    calm = folder / "calm"
    start = time.monotonic()
    os.waitpid(fork(work, calm), 0)
    duration = time.monotonic() - start
    expected = contents(calm)
    random_moments = random.Random(seed)
    stages: Counter[str] = Counter()
    kills = trial = 0
    while kills < trials:
        trial += 1
        out = folder / f"trial-{trial}"
        for _ in range(random_moments.choice([1, 1, 2])):
            child = fork(work, out)
            wait_for_first_image(out, child)
            # Generating takes a small part of the whole; half of the moments fall there.
            span = random_moments.choice([SAMPLES * SECONDS, duration])
            time.sleep(random_moments.uniform(0, span))
            if os.waitpid(child, os.WNOHANG)[0]:
                break  # it had ended already: that is no kill
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            kills += 1
            stages[stage(out).split(",")[0]] += 1
        _, status = os.waitpid(fork(work, out), 0)
        if status != 0 or contents(out) != expected:
            print(json.dumps({"trial": trial, "status": status, "stages": stages}))
            raise SystemExit(1)
        shutil.rmtree(out)
    print(json.dumps({"kills": kills, "stages": stages}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
