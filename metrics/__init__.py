"""Metrics: one file a metric; `base` holds the protocol, the value and its recipe.

The harness reaches them by name. In a loop of your own use the `torchmetrics.Metric` classes, over
two folders the functions; each name is loaded when it is first used:

>>> from tpgbench.metrics import LPIPS, compute_ssim
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .compute import compute_metric
    from .distribution import compute_fid, compute_is, compute_kid, save_statistics
    from .paired import compute_lpips, compute_psnr, compute_ssim
    from .presets import compute_preset
    from .torch import CTS, FID, KID, LPIPS, PSNR, SSIM, InceptionScore

__all__ = [
    "CTS",
    "FID",
    "KID",
    "LPIPS",
    "PSNR",
    "SSIM",
    "InceptionScore",
    "compute_fid",
    "compute_is",
    "compute_kid",
    "compute_lpips",
    "compute_metric",
    "compute_preset",
    "compute_psnr",
    "compute_ssim",
    "save_statistics",
]

_MODULES = {
    "CTS": "torch",
    "FID": "torch",
    "KID": "torch",
    "LPIPS": "torch",
    "PSNR": "torch",
    "SSIM": "torch",
    "InceptionScore": "torch",
    "compute_fid": "distribution",
    "compute_is": "distribution",
    "compute_kid": "distribution",
    "compute_lpips": "paired",
    "compute_metric": "compute",
    "compute_preset": "presets",
    "compute_psnr": "paired",
    "compute_ssim": "paired",
    "save_statistics": "distribution",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'tpgbench.metrics' has no attribute '{name}'")
    return getattr(importlib.import_module(f".{_MODULES[name]}", __name__), name)


def __dir__() -> list[str]:
    return list(__all__)
