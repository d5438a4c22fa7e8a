"""tpgbench: benchmark and datasets for textile pattern and fashion mannequin generation.

>>> import tpgbench
>>> outcome = tpgbench.run("quilting", limit=20)
>>> outcome.result.metric("ssim").value

Importing the package imports nothing heavy; each name below is loaded when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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

_DATASET_NAMES = {name for name in __all__ if name.endswith("_dataset")}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'tpgbench' has no attribute '{name}'")
    if name == "TpgbenchError":
        from . import errors

        return errors.TpgbenchError
    if name in _DATASET_NAMES:
        from . import api_datasets

        return getattr(api_datasets, name)
    from . import api

    return getattr(api, name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
