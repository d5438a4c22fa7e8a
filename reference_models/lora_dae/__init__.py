"""LoRA-DAE, re-implemented from its abstract: LoRA and adaptive enhancement for Stable Diffusion.

Importing the package imports nothing heavy; each name is loaded when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...core.lazy import lazy_names

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

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "AdaptiveEnhancementScheduler": "enhancement",
        "BandStatistics": "statistics",
        "GainPredictor": "gain_predictor",
        "LearnedGain": "gain_predictor",
        "LoraRanks": "lora",
        "StatisticalGain": "enhancement",
        "add_lora": "lora",
        "load_pipeline": "pipeline",
    },
)
