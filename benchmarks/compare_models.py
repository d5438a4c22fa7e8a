"""The README's table: every model that needs no download on both embedded tracks, with intervals.

    python benchmarks/compare_models.py [--limit N] [--out runs/models]

Prints Markdown. In each column the best and all that no paired test tells from it are bold. The
first row is no method: it says what a figure is worth that shows no pattern at all. A second call
resumes; what is done is not done again.
"""

from __future__ import annotations

import argparse
import datetime
import platform
from pathlib import Path

import numpy as np
import PIL.Image
import tpgbench
from tables import table
from tpgbench.benchmark.environment import processor_name
from tpgbench.benchmark.fit import fit_sample

MODELS = ("crop", "tile-crop", "quilting", "lattice", "autofill", "slddm", "slddm-fill")
# On the unaligned track the truth is a canonical tile: only what ignores position is fair there.
TRACKS = {
    "ctp-synth": ("ssim", "psnr", "ssim_shift", "psnr_shift", "repeat", "palette"),
    "ctp-synth-unaligned": ("ssim_shift", "psnr_shift", "repeat", "palette"),
}


def blank(dataset: str, limit: int | None, out: Path) -> Path:
    """Score the garments' mean colours, each all over its frame; return the run's folder."""
    rows = tpgbench.load_dataset(dataset, "test")
    images = out / f"blank-{dataset}-images"
    images.mkdir(parents=True, exist_ok=True)
    for index in range(min(len(rows), limit or len(rows))):
        sample = fit_sample(rows[index], size=rows.size)
        colour = np.rint(sample.garment[sample.mask].mean(axis=0)).astype(np.uint8)
        picture = PIL.Image.fromarray(np.broadcast_to(colour, sample.garment.shape).copy())
        picture.save(images / f"{sample.sample_id}.png")
    outcome = tpgbench.score_images(
        images, dataset, name="mean colour", limit=limit, out=out / f"blank-{dataset}"
    )
    return outcome.path


def main() -> None:
    """Run everything and print the tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--limit", type=int)
    parser.add_argument("--out", type=Path, default=Path("runs/models"))
    given = parser.parse_args()
    today = datetime.datetime.now(datetime.UTC).date()
    print(f"{platform.system()} {platform.machine()}, {processor_name()}, {today}\n")
    for dataset, metrics in TRACKS.items():
        paths = [blank(dataset, given.limit, given.out)]
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
