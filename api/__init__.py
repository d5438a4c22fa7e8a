"""The Python API: what the commands do, with typed results."""

from __future__ import annotations

from .datasets import build_dataset, load_dataset, show_dataset, verify_dataset
from .runs import RunOutcome, compare, generate, report, run, score, score_images

__all__ = [
    "RunOutcome",
    "build_dataset",
    "compare",
    "generate",
    "load_dataset",
    "report",
    "run",
    "score",
    "score_images",
    "show_dataset",
    "verify_dataset",
]
