"""Held-out garments, for the learning curve and for pictures of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from ...core.errors import TpgbenchError
from ...core.images import Image
from ...datasets_builders.base import Track
from ...metrics.psnr import psnr
from ...metrics.shift import psnr_shift, ssim_shift
from ...metrics.ssim import ssim
from ..training.blocks import Array
from .batches import to_tensors
from .pipeline import SLDDMPipeline
from .rows import TpgRows

_COUNT = 64
_BATCH = 32
_SHOWN = 8

# The unaligned truth is not in the photo's frame: there only what forgives a shift is fair.
_MEASURES: dict[Track, dict[str, Callable[[Image, Image], float]]] = {
    "aligned": {"ssim": ssim, "psnr": psnr},
    "unaligned": {"ssim_shift": ssim_shift, "psnr_shift": psnr_shift},
}


class HeldOut:
    """The first rows of splits that nothing trains on, sampled with noise that stays the same.

    Args:
        sources: Where they come from.
        steps: The numbers of sampling steps to judge.

    Raises:
        TpgbenchError: A source has none with a pattern.
    """

    def __init__(self, sources: Sequence[TpgRows], steps: Sequence[int]) -> None:
        read = []
        self._tracks: list[Track] = []
        for source in sources:
            own = list(labelled_rows(source))
            read += own
            self._tracks += [source.track] * len(own)
        self._patterns = [row["pattern"].transpose(1, 2, 0) for row in read]
        stacked = {name: np.stack([row[name] for row in read]) for name in read[0]}
        self._tensors = to_tensors(stacked)
        self._steps = steps
        shown = np.linspace(0, len(read), _SHOWN, endpoint=False).astype(int)
        self._shown = torch.from_numpy(np.unique(shown))

    def figures(self, pipeline: SLDDMPipeline) -> dict[str, float]:
        """Return means over the sampled patterns of each track, by the number of steps.

        Returns:
            SSIM and PSNR where patterns are aligned, shift-tolerant ones where not.
        """
        figures: dict[str, float] = {}
        for steps in self._steps:
            images = to_images(self._sample(pipeline, steps, torch.arange(len(self._tracks))))
            for track in dict.fromkeys(self._tracks):
                pairs = [
                    (image, pattern)
                    for image, pattern, own in zip(
                        images, self._patterns, self._tracks, strict=True
                    )
                    if own == track
                ]
                for name, measure in _MEASURES[track].items():
                    figures[f"{name}_{steps}"] = float(np.mean([measure(*one) for one in pairs]))
        return figures

    def picture(self, pipeline: SLDDMPipeline) -> Tensor:
        """Return garments, fills if there are, outputs by steps, and patterns, one above another.

        Returns:
            uint8 (3, rows * S, 8 * S).
        """
        given = {name: one[self._shown] for name, one in self._tensors.items()}
        rows = [given["garment"]]
        if pipeline.config.fill:
            rows.append(given["fill"])
        rows += [self._sample(pipeline, steps, self._shown) * 2 - 1 for steps in self._steps]
        rows.append(given["pattern"])
        lines = [torch.cat(list(row), dim=2) for row in rows]
        grid = torch.cat(lines, dim=1).clamp(-1, 1)
        return ((grid + 1) * 127.5).round().to(torch.uint8)

    def _sample(self, pipeline: SLDDMPipeline, steps: int, wanted: Tensor) -> Tensor:
        """Return the patterns of the wanted rows in [0, 1], (rows, 3, S, S), on the CPU."""
        pipeline.set_progress_bar_config(disable=True)
        outputs = []
        for places in torch.split(wanted, _BATCH):
            part = {name: one[places] for name, one in self._tensors.items()}
            (images,) = pipeline(
                part["garment"],
                part["mask"],
                part["fill"] if pipeline.config.fill else None,
                tracks=[self._tracks[place] for place in places],
                num_inference_steps=steps,
                generator=[torch.Generator().manual_seed(int(place)) for place in places],
                output_type="pt",
                return_dict=False,
            )
            outputs.append(images.cpu())
        return torch.cat(outputs)


def labelled_rows(source: TpgRows) -> Iterator[Mapping[str, Array]]:
    """Yield those of a split's first rows that have a pattern to judge by.

    Raises:
        TpgbenchError: None has.
    """
    count = min(_COUNT, source.count() or _COUNT)
    none = True
    for index in range(count):
        row = source.read(index)
        if row["labelled"]:
            none = False
            yield row
    if none:
        raise TpgbenchError(
            f"--held-out {source.split}: none of the first {count} rows of {source.dataset} has a "
            "pattern to judge by; give another split"
        )


def to_images(patterns: Tensor) -> list[Image]:
    """Return (B, 3, S, S) in [0, 1] as uint8 images (S, S, 3)."""
    pixels = (patterns.float().clamp(0, 1) * 255).round().to(torch.uint8)
    return list(pixels.permute(0, 2, 3, 1).cpu().numpy())
