"""A preset with some of its settings changed by the user."""

from __future__ import annotations

from typing import Unpack

from ..training.presets import TrainingOptions, changed_values, validated
from .settings import Preset


def adjust_preset(
    preset: Preset,
    *,
    rank_attn: int | None = None,
    rank_conv: int | None = None,
    size: int | None = None,
    **training: Unpack[TrainingOptions],
) -> Preset:
    """Return a preset with everything changed that is not None.

    Args:
        preset: Where it starts from.
        rank_attn: Of the LoRA on cross-attention; 0 for none there.
        rank_conv: Of the LoRA on convolutions; 0 for none there.
        size: Side of the photos in pixels.
        training: Of the rows and of each stage.

    Raises:
        TpgbenchError: A value out of bounds.
    """
    own = {
        "rank_attention": rank_attn,
        "rank_convolution": rank_conv,
        "size": size,
    }
    return validated(Preset, changed_values(preset, own, training))
