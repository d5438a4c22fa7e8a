"""Metrics: one file per metric; `base` holds what a metric is, `engine` computes any of them.

The harness reaches them by name. Over two folders use `compute_metrics`, in a loop of your own the
`torchmetrics.Metric` classes. Each name is loaded when it is first used:

>>> from tpgbench.metrics import LPIPS, compute_ssim
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..core.lazy import lazy_names

if TYPE_CHECKING:
    from .base import (
        Estimate,
        FeatureExtractor,
        GarmentMetric,
        Metric,
        NotAnswered,
        Pair,
        SampleMetric,
        Score,
        SetMetric,
        TruthMetric,
        Value,
        make_metric,
    )
    from .folders.compute import (
        compute_fid,
        compute_is,
        compute_kid,
        compute_lpips,
        compute_metric,
        compute_metrics,
        compute_psnr,
        compute_ssim,
        save_statistics,
    )
    from .folders.presets import compute_preset
    from .torch import CTS, FID, KID, LPIPS, PSNR, SSIM, InceptionScore, torch_metric

__all__ = [
    "CTS",
    "FID",
    "KID",
    "LPIPS",
    "PSNR",
    "SSIM",
    "Estimate",
    "FeatureExtractor",
    "GarmentMetric",
    "InceptionScore",
    "Metric",
    "NotAnswered",
    "Pair",
    "SampleMetric",
    "Score",
    "SetMetric",
    "TruthMetric",
    "Value",
    "compute_fid",
    "compute_is",
    "compute_kid",
    "compute_lpips",
    "compute_metric",
    "compute_metrics",
    "compute_preset",
    "compute_psnr",
    "compute_ssim",
    "make_metric",
    "save_statistics",
    "torch_metric",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "CTS": "torch",
        "FID": "torch",
        "KID": "torch",
        "LPIPS": "torch",
        "PSNR": "torch",
        "SSIM": "torch",
        "Estimate": "base",
        "FeatureExtractor": "base",
        "GarmentMetric": "base",
        "InceptionScore": "torch",
        "Metric": "base",
        "NotAnswered": "base",
        "Pair": "base",
        "SampleMetric": "base",
        "Score": "base",
        "SetMetric": "base",
        "TruthMetric": "base",
        "Value": "base",
        "compute_fid": "folders.compute",
        "compute_is": "folders.compute",
        "compute_kid": "folders.compute",
        "compute_lpips": "folders.compute",
        "compute_metric": "folders.compute",
        "compute_metrics": "folders.compute",
        "compute_preset": "folders.presets",
        "compute_psnr": "folders.compute",
        "compute_ssim": "folders.compute",
        "make_metric": "base",
        "save_statistics": "folders.compute",
        "torch_metric": "torch",
    },
)
