"""Metrics: one file a metric; `base` holds the protocol, the value and its recipe.

The harness reaches them by name. In a loop of your own use the `torchmetrics.Metric` classes, over
two folders the functions; each name is loaded when it is first used:

>>> from tpgbench.metrics import LPIPS, compute_ssim
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .paired import compute_lpips, compute_psnr, compute_ssim
    from .shells import LPIPS, PSNR, SSIM

__all__ = ["LPIPS", "PSNR", "SSIM", "compute_lpips", "compute_psnr", "compute_ssim"]

_MODULES = {
    "LPIPS": "shells",
    "PSNR": "shells",
    "SSIM": "shells",
    "compute_lpips": "paired",
    "compute_psnr": "paired",
    "compute_ssim": "paired",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'tpgbench.metrics' has no attribute '{name}'")
    return getattr(importlib.import_module(f".{_MODULES[name]}", __name__), name)


def __dir__() -> list[str]:
    return list(__all__)
