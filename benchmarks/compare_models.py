"""The README's table: every model that needs no download on both embedded tracks, with intervals.

    python benchmarks/compare_models.py [--limit N] [--out runs/models]

Prints Markdown. In each column the best and all that no paired test tells from it are bold. A
second call resumes; what is done is not done again.
"""

from __future__ import annotations

import argparse
import datetime
import platform
from pathlib import Path

import tpgbench
from tpgbench.benchmark.compare import RunComparison
from tpgbench.benchmark.environment import processor_name

MODELS = ("crop", "tile-crop", "quilting", "lattice", "autofill", "slddm", "slddm-fill")
# On the unaligned track the truth is a canonical tile: only what ignores position is fair there.
TRACKS = {
    "ctp-synth": ("ssim", "psnr", "ssim_shift", "psnr_shift", "repeat", "palette"),
    "ctp-synth-unaligned": ("ssim_shift", "psnr_shift", "repeat", "palette"),
}


def is_best(comparison: RunComparison, metric: str, label: str) -> bool:
    """Return whether no other run is shown to be better than ``label``."""
    for test in comparison.tests:
        if test.metric != metric or label not in (test.a, test.b):
            continue
        if test.verdict in ("a", "b") and getattr(test, test.verdict) != label:
            return False
    return True


def table(comparison: RunComparison, metrics: tuple[str, ...]) -> str:
    """Return the comparison as a Markdown table."""
    arrows = {
        value.name: "↑" if value.higher_is_better else "↓"
        for value in comparison.runs[0].result.metrics
    }
    lines = [
        "| model | " + " | ".join(f"{metric} {arrows[metric]}" for metric in metrics) + " |",
        "|---|" + "---|" * len(metrics),
    ]
    for run in comparison.runs:
        cells = []
        for metric in metrics:
            value = run.result.metric(metric)
            if value.value is None or value.interval is None:
                cells.append("-")
                continue
            digits = 3 if abs(value.value) < 1.5 else 1
            number = f"{value.value:.{digits}f}"
            low, high = (f"{end:.{digits}f}" for end in value.interval)
            bold = "**" if is_best(comparison, metric, run.label) else ""
            cells.append(f"{bold}{number}{bold} ({low} to {high})")
        lines.append(f"| {run.label} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    """Run everything and print the tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--limit", type=int)
    parser.add_argument("--out", type=Path, default=Path("runs/models"))
    given = parser.parse_args()
    today = datetime.datetime.now(datetime.UTC).date()
    print(f"{platform.system()} {platform.machine()}, {processor_name()}, {today}\n")
    for dataset, metrics in TRACKS.items():
        paths = []
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
