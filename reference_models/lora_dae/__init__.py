"""LoRA-DAE, re-implemented from its abstract: LoRA and adaptive enhancement for Stable Diffusion.

Importing the package imports nothing heavy; each name is loaded when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .enhancement import AdaptiveEnhancementScheduler, StatisticalGain
    from .gain_predictor import GainPredictor, LearnedGain
    from .lora import LoraRanks, add_lora
    from .pipeline import load_pipeline
    from .statistics import BandStatistics

__all__ = [
    "AdaptiveEnhancementScheduler",
    "BandStatistics",
    "GainPredictor",
    "LearnedGain",
    "LoraRanks",
    "StatisticalGain",
    "add_lora",
    "load_pipeline",
]

_MODULES = {
    "AdaptiveEnhancementScheduler": "enhancement",
    "BandStatistics": "statistics",
    "GainPredictor": "gain_predictor",
    "LearnedGain": "gain_predictor",
    "LoraRanks": "lora",
    "StatisticalGain": "enhancement",
    "add_lora": "lora",
    "load_pipeline": "pipeline",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return getattr(import_module(f".{_MODULES[name]}", __name__), name)


def __dir__() -> list[str]:
    return __all__
