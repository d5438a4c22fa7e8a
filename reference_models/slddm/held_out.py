"""Held-out garments, for the learning curve and for pictures of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ...errors import TpgbenchError
from ...metrics.psnr import psnr
from ...metrics.ssim import ssim
from .batches import to_tensors
from .pipeline import SLDDMPipeline
from .rows import TpgRows

_BATCH = 32
_SHOWN = 8


class HeldOut:
    """The first rows of a split that nothing trains on, sampled with noise that stays the same.

    Args:
        rows: Where they come from.
        count: How many.
        steps: The numbers of sampling steps to judge.

    Raises:
        TpgbenchError: None of them has a pattern.
    """

    def __init__(self, rows: TpgRows, count: int, steps: Sequence[int]) -> None:
        read = [rows.read(index) for index in range(count)]
        read = [row for row in read if row["labelled"]]
        if not read:
            raise TpgbenchError(
                f"--held-out {rows.split}: none of its first {count} rows has a pattern to judge "
                "by; give another split"
            )
        self._patterns = [row["pattern"].transpose(1, 2, 0) for row in read]
        stacked = {name: np.stack([row[name] for row in read]) for name in read[0]}
        self._tensors = to_tensors(stacked)
        self._steps = steps

    def figures(self, pipeline: SLDDMPipeline) -> dict[str, float]:
        """Return mean SSIM and PSNR of the sampled patterns by the number of steps."""
        figures: dict[str, float] = {}
        for steps in self._steps:
            outputs = self._sample(pipeline, steps, len(self._patterns))
            images = to_images(outputs)
            pairs = list(zip(images, self._patterns, strict=True))
            figures[f"ssim_{steps}"] = float(np.mean([ssim(*pair) for pair in pairs]))
            figures[f"psnr_{steps}"] = float(np.mean([psnr(*pair) for pair in pairs]))
        return figures

    def picture(self, pipeline: SLDDMPipeline) -> Tensor:
        """Return garments, fills if there are, outputs by steps, and patterns, one above another.

        Returns:
            uint8 (3, rows * S, 8 * S).
        """
        rows = [self._tensors["garment"][:_SHOWN]]
        if pipeline.config.fill:
            rows.append(self._tensors["fill"][:_SHOWN])
        rows += [self._sample(pipeline, steps, _SHOWN) * 2 - 1 for steps in self._steps]
        rows.append(self._tensors["pattern"][:_SHOWN])
        lines = [torch.cat(list(row), dim=2) for row in rows]
        grid = torch.cat(lines, dim=1).clamp(-1, 1)
        return ((grid + 1) * 127.5).round().to(torch.uint8)

    def _sample(self, pipeline: SLDDMPipeline, steps: int, count: int) -> Tensor:
        """Return patterns in [0, 1], (count, 3, S, S), on the CPU."""
        pipeline.set_progress_bar_config(disable=True)
        outputs = []
        for start in range(0, count, _BATCH):
            part = {
                name: one[start : min(count, start + _BATCH)] for name, one in self._tensors.items()
            }
            (images,) = pipeline(
                part["garment"],
                part["mask"],
                part["fill"] if pipeline.config.fill else None,
                num_inference_steps=steps,
                generator=[
                    torch.Generator().manual_seed(start + i) for i in range(len(part["mask"]))
                ],
                output_type="pt",
                return_dict=False,
            )
            outputs.append(images.cpu())
        return torch.cat(outputs)


def to_images(patterns: Tensor) -> list[np.ndarray[tuple[int, int, int], np.dtype[np.uint8]]]:
    """Return (B, 3, S, S) in [0, 1] as uint8 images (S, S, 3)."""
    pixels = (patterns.float().clamp(0, 1) * 255).round().to(torch.uint8)
    return list(pixels.permute(0, 2, 3, 1).cpu().numpy())
