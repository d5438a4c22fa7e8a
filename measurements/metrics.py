"""FID, KID and the inception score beside the libraries whose values they reproduce.

    python measurements/metrics.py [--images 64] [--size 512] [--rounds 1] [--only clean]

Every library runs end to end in its own process: import, weights, decoding, network, distance. All
have the same random weights, each in its own file format, and the same images: seeded colours with
noise, as PNG. CPU time is that of the process and of its data loader's workers; memory is the peak
of the process alone; our feature cache starts empty.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
import PIL.Image
from setting import describe_machine, find_test_helpers

Numbers = dict[str, float]


def ours(protocol: str) -> Callable[[Path], Numbers]:
    """Return a function that computes our FID by a protocol."""

    def run(folder: Path) -> Numbers:
        from tpgbench.metrics import compute_fid

        value = compute_fid(folder / "real", folder / "generated", protocol=protocol, cache=False)
        return {"fid": value.value}

    return run


def ours_three(folder: Path) -> Numbers:
    """FID, KID and the inception score from one pass, through the feature cache."""
    from tpgbench.metrics import compute_fid, compute_is, compute_kid

    sides = folder / "real", folder / "generated"
    os.environ["TPGBENCH_CACHE"] = tempfile.mkdtemp(dir=folder)
    return {
        "fid": compute_fid(*sides, protocol="torch-fidelity").value,
        "kid": compute_kid(*sides, protocol="torch-fidelity").value,
        "is": compute_is(sides[1], protocol="torch-fidelity").value,
    }


def pytorch_fid(folder: Path) -> Numbers:
    """pytorch-fid, as its command line runs it."""
    from inception_oracle import NAME
    from pytorch_fid import fid_score, inception

    inception.FID_WEIGHTS_URL = (folder / NAME).as_uri()
    value = fid_score.calculate_fid_given_paths(
        [str(folder / "real"), str(folder / "generated")], 50, "cpu", 2048, os.cpu_count()
    )
    return {"fid": value}


def torch_fidelity(folder: Path) -> Numbers:
    """torch-fidelity's FID."""
    return _torch_fidelity(folder, fid=True)


def torch_fidelity_three(folder: Path) -> Numbers:
    """torch-fidelity's FID, KID and inception score, from one pass."""
    count = len(list((folder / "real").iterdir()))
    return _torch_fidelity(folder, fid=True, kid=True, isc=True, kid_subset_size=min(1_000, count))


def _torch_fidelity(folder: Path, **options: bool | int) -> Numbers:
    from inception_oracle import NAME
    from torch_fidelity import calculate_metrics

    found = calculate_metrics(
        input1=str(folder / "generated"),  # its inception score is of the first
        input2=str(folder / "real"),
        feature_extractor_weights_path=str(folder / NAME),
        cuda=False,
        cache=False,
        verbose=False,
        **options,
    )
    names = {
        "frechet_inception_distance": "fid",
        "kernel_inception_distance_mean": "kid",
        "inception_score_mean": "is",
    }
    return {short: found[name] for name, short in names.items() if name in found}


def clean_fid(folder: Path) -> Numbers:
    """clean-fid, as it is called by default."""
    import inception_oracle
    import torch

    with inception_oracle.clean_fid(folder / inception_oracle.NAME) as fid:
        value = fid.compute_fid(
            str(folder / "real"),
            str(folder / "generated"),
            device=torch.device("cpu"),
            use_dataparallel=False,
            verbose=False,
        )
    return {"fid": value}


def torchmetrics(folder: Path) -> Numbers:
    """torchmetrics, in the loop that its documentation shows, 50 images per batch."""
    import torch
    from inception_oracle import NAME, torchmetrics_fid

    metric = torchmetrics_fid(folder / NAME)
    for side in ("real", "generated"):
        paths = sorted((folder / side).iterdir())
        for start in range(0, len(paths), 50):
            images = [np.asarray(PIL.Image.open(path)) for path in paths[start : start + 50]]
            batch = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2)
            metric.update(batch, real=side == "real")
    return {"fid": float(metric.compute())}


CASES: dict[str, tuple[Callable[[Path], Numbers], Callable[[Path], Numbers]]] = {
    "pytorch-fid": (ours("pytorch-fid"), pytorch_fid),
    "torch-fidelity": (ours("torch-fidelity"), torch_fidelity),
    "clean": (ours("clean"), clean_fid),
    "torchmetrics": (ours("torchmetrics"), torchmetrics),
    "torch-fidelity, all three": (ours_three, torch_fidelity_three),
}


@dataclass(frozen=True)
class Cost:
    """The cost of one process.

    Attributes:
        numbers: What it computed.
        cpu: CPU time in seconds, including its workers.
        memory: Peak resident memory in MiB.
    """

    numbers: Numbers
    cpu: float
    memory: float


def work(case: str, side: int, folder: Path) -> None:
    """Run one library in this process, and print its cost as JSON."""
    numbers = CASES[case][side](folder)
    own = resource.getrusage(resource.RUSAGE_SELF)
    workers = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = sum(use.ru_utime + use.ru_stime for use in (own, workers))
    print(json.dumps({"numbers": numbers, "cpu": cpu, "memory": own.ru_maxrss / 1024}))


def measure(case: str, side: int, folder: Path) -> Cost:
    """Run one library in a new process."""
    environment = {
        **os.environ,
        "TPGBENCH_OFFLINE": "1",
        "TPGBENCH_UNVERIFIED_WEIGHTS": "1",
        "TPGBENCH_WEIGHTS": str(folder),
    }
    done = subprocess.run(
        [sys.executable, __file__, "--work", case, str(side), str(folder)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(done.stderr)
    return Cost(**json.loads(done.stdout.splitlines()[-1]))


def save_images(folder: Path, count: int, size: int, seed: int) -> None:
    """Write images of seeded colours with noise."""
    rng = np.random.default_rng(seed)
    folder.mkdir()
    for index in range(count):
        small = PIL.Image.fromarray(rng.integers(0, 256, (5, 5, 3), dtype=np.uint8))
        smooth = np.asarray(small.resize((size, size), PIL.Image.Resampling.BICUBIC), np.int16)
        noisy = (smooth + rng.integers(-20, 20, smooth.shape)).clip(0, 255).astype(np.uint8)
        PIL.Image.fromarray(noisy).save(folder / f"{index:05d}.png", compress_level=1)


def main() -> None:
    """Print a line per library: our time and memory relative to its own, and the difference."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=64)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--only", choices=CASES)
    parser.add_argument("--work", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    find_test_helpers()
    if given.work:
        case, side, folder = given.work
        work(case, int(side), Path(folder))
        return
    from inception_oracle import write_clean_weights, write_weights

    print(describe_machine())
    threads = os.environ.get("OMP_NUM_THREADS", os.cpu_count())
    print(
        f"{given.images} + {given.images} PNG of {given.size} px, {threads} thread(s), "
        f"{given.rounds} round(s)\n"
    )
    print("| library | CPU time, ours / its | peak memory | its CPU s | its MiB | difference |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_clean_weights(write_weights(folder))
        save_images(folder / "real", given.images, given.size, seed=1)
        save_images(folder / "generated", given.images, given.size, seed=2)
        for case in [given.only] if given.only else CASES:
            pairs = [
                (measure(case, 0, folder), measure(case, 1, folder)) for _ in range(given.rounds)
            ]
            mine, theirs = pairs[0]
            gaps = {name: abs(mine.numbers[name] / v - 1) for name, v in theirs.numbers.items()}
            print(
                f"| {case} | {median(a.cpu / b.cpu for a, b in pairs):.2f} "
                f"| {median(a.memory / b.memory for a, b in pairs):.2f} "
                f"| {theirs.cpu:.0f} | {theirs.memory:.0f} "
                f"| {', '.join(f'{name} {gap:.0e}' for name, gap in gaps.items())} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
