"""The Python API: what the commands do, with typed results."""

from __future__ import annotations

from ..core.outcome import Outcome
from .datasets import build_dataset, load_dataset, make_masks, show_dataset, verify_dataset
from .outcomes import GenerateOutcome, ReportOutcome, RunOutcome
from .runs import compare, export_inputs, generate, report, run, score, score_images

__all__ = [
    "GenerateOutcome",
    "Outcome",
    "ReportOutcome",
    "RunOutcome",
    "build_dataset",
    "compare",
    "export_inputs",
    "generate",
    "load_dataset",
    "make_masks",
    "report",
    "run",
    "score",
    "score_images",
    "show_dataset",
    "verify_dataset",
]
