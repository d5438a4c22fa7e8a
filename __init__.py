"""tpgbench: benchmark and datasets for textile pattern and fashion mannequin generation.

>>> import tpgbench
>>> outcome = tpgbench.run("quilting", limit=20)
>>> outcome.result.metric("ssim").value

Importing the package imports nothing heavy; each name below is loaded when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .lazy import lazy_names

if TYPE_CHECKING:
    from .api import RunOutcome, compare, generate, report, run, score, score_images
    from .api_datasets import build_dataset, load_dataset, show_dataset, verify_dataset
    from .errors import TpgbenchError

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
        "TpgbenchError": "errors",
        "build_dataset": "api_datasets",
        "compare": "api",
        "generate": "api",
        "load_dataset": "api_datasets",
        "report": "api",
        "run": "api",
        "score": "api",
        "score_images": "api",
        "show_dataset": "api_datasets",
        "verify_dataset": "api_datasets",
    },
)
