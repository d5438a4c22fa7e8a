"""The results table: every model that needs no download, on both embedded tracks.

    python measurements/compare_models.py [--limit N] [--out runs/models]

Prints Markdown. In each column the best mean, and every value not significantly different from it,
is bold. The first row is not a method: it shows how each metric rates images without any pattern.
A second call resumes.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import tpgbench
from blank import score_blank
from setting import describe_machine
from tables import table

MODELS = ("crop", "tile-crop", "quilting", "lattice", "autofill", "slddm", "slddm-fill")
# The unaligned ground truth is not in the frame of the photo: plain SSIM and PSNR are unfair there.
TRACKS = {
    "ctp-synth": ("ssim", "psnr", "ssim_shift", "psnr_shift", "repeat", "palette"),
    "ctp-synth-unaligned": ("ssim_shift", "psnr_shift", "repeat", "palette"),
}


def main() -> None:
    """Run everything and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--limit", type=int)
    parser.add_argument("--out", type=Path, default=Path("runs/models"))
    given = parser.parse_args()
    print(describe_machine() + "\n")
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
