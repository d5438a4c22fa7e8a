"""The README's table: every model that needs no download on both embedded tracks, with intervals.

    python measurements/compare_models.py [--limit N] [--out runs/models]

Prints Markdown. In each column the best and all that no paired test tells from it are bold. The
first row is no method: it says what a figure is worth that shows no pattern at all. A second call
resumes; what is done is not done again.
"""

from __future__ import annotations

import argparse
import datetime
import platform
from pathlib import Path

import tpgbench
from blank import score_blank
from tables import table
from tpgbench.benchmark.run.environment import processor_name

MODELS = ("crop", "tile-crop", "quilting", "lattice", "autofill", "slddm", "slddm-fill")
# The unaligned truth is not in the photo's frame: plain SSIM and PSNR are not fair there.
TRACKS = {
    "ctp-synth": ("ssim", "psnr", "ssim_shift", "psnr_shift", "repeat", "palette"),
    "ctp-synth-unaligned": ("ssim_shift", "psnr_shift", "repeat", "palette"),
}


def main() -> None:
    """Run everything and print the tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--limit", type=int)
    parser.add_argument("--out", type=Path, default=Path("runs/models"))
    given = parser.parse_args()
    today = datetime.datetime.now(datetime.UTC).date()
    print(f"{platform.system()} {platform.machine()}, {processor_name()}, {today}\n")
    for dataset, metrics in TRACKS.items():
        paths = [score_blank(dataset, given.limit, given.out)]
        for model in MODELS:
            outcome = tpgbench.run(
                model,
                dataset=dataset,
                limit=given.limit,
                out=given.out / f"{model}-{dataset}",
                show_progress=True,
            )
            paths.append(outcome.path)
        comparison = tpgbench.compare(paths)
        samples = comparison.runs[0].result.samples.total
        print(f"`{dataset}`, test split, {samples} samples, 95 % intervals:\n")
        print(table(comparison, metrics) + "\n")


if __name__ == "__main__":
    main()
