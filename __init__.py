"""tpgbench: benchmark and datasets for textile pattern and fashion mannequin generation.

>>> import tpgbench
>>> outcome = tpgbench.run("crop", limit=2, out=folder / "run")
>>> outcome.exit_code, round(outcome.result.metric("ssim").value, 2)
(0, 0.39)

Importing the package imports nothing heavy; each name below is loaded when it is first used. They
are what other people's code may rely on: modules and their places may move, these names do not.
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
