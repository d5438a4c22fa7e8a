"""Validation of the diffusion model: metrics and previews on held-out garments."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from ...core.errors import TpgbenchError
from ...core.images import Image, to_uint8
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

# The unaligned ground truth is not in the photo's frame: only shift-tolerant metrics are fair.
_MEASURES: dict[Track, dict[str, Callable[[Image, Image], float]]] = {
    "aligned": {"ssim": ssim, "psnr": psnr},
    "unaligned": {"ssim_shift": ssim_shift, "psnr_shift": psnr_shift},
}


class HeldOut:
    """The first labelled rows of validation splits, always sampled with the same noise.

    Args:
        sources: One per dataset.
        steps: The numbers of sampling steps to validate.

    Raises:
        TpgbenchError: A source has no row with a pattern.
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

    def metrics(self, pipeline: SLDDMPipeline) -> dict[str, float]:
        """Return the mean metrics of each track for each number of steps, as ``ssim_4``.

        Returns:
            SSIM and PSNR of the aligned track, the shift-tolerant ones of the unaligned track.
        """
        metrics: dict[str, float] = {}
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
                    metrics[f"{name}_{steps}"] = float(np.mean([measure(*one) for one in pairs]))
        return metrics

    def picture(self, pipeline: SLDDMPipeline) -> Tensor:
        """Return a grid of garments, fills if any, outputs for each number of steps, and patterns.

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
        """Return patterns of the rows ``wanted`` in [0, 1], (rows, 3, S, S), on the CPU."""
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
    """Yield the labelled rows among the first of a split.

    Raises:
        TpgbenchError: There are none.
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
            "pattern, and validation needs some; give another split"
        )


def to_images(patterns: Tensor) -> list[Image]:
    """Return (B, 3, S, S) in [0, 1] as uint8 images (S, S, 3).

    Raises:
        TpgbenchError: A value is NaN or infinite.
    """
    return list(to_uint8(patterns.float().permute(0, 2, 3, 1).cpu().numpy()))
