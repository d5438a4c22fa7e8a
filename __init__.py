"""tpgbench: benchmark and datasets for textile pattern and fashion mannequin generation.

>>> import tpgbench
>>> outcome = tpgbench.run("crop", limit=2, size=64, out="runs/mine")
>>> ssim = outcome.result.metric("ssim")
>>> ssim.n, ssim.higher_is_better
(2, True)

Importing the package imports nothing heavy; each name below is loaded when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .core.lazy import lazy_names

if TYPE_CHECKING:
    from .api.datasets import build_dataset, load_dataset, show_dataset, verify_dataset
    from .api.runs import RunOutcome, compare, generate, report, run, score, score_images
    from .core.errors import TpgbenchError

__version__ = "0.1.0"

__all__ = [
    "RunOutcome",
    "TpgbenchError",
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

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "RunOutcome": "api",
        "TpgbenchError": "core.errors",
        "build_dataset": "api",
        "compare": "api",
        "generate": "api",
        "load_dataset": "api",
        "report": "api",
        "run": "api",
        "score": "api",
        "score_images": "api",
        "show_dataset": "api",
        "verify_dataset": "api",
    },
)
