"""The rows that LoRA-DAE trains on: photo, garment mask and caption."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor

from ...benchmark.fit import fit_pair
from ...core.errors import TpgbenchError
from ..training.blocks import Array, BlockStore
from ..training.dataset_rows import DatasetRows
from ..training.pool import Pool, PooledBatches
from .tokens import tokenize

_CAPTION_BYTES = 1024  # CLIP reads 77 tokens at most


@dataclass(frozen=True)
class MannequinRows(DatasetRows):
    """Rows of a dataset of the task ``mannequin``, fitted as the harness fits them.

    Each row holds ``image``, uint8 (3, size, size); ``mask``, uint8 (1, size, size), 0 or 1;
    ``masked``, bool (): whether there is a mask, which is zero otherwise; and ``caption``, uint8
    (1024,), UTF-8 padded with zeros and cut at that length.

    Attributes:
        smooth: Standard deviation, in pixels, of a blur of the garments inside their masks, which
            removes fine texture; 0 for none.
    """

    task = "mannequin"

    smooth: float = 0.0

    def read(self, index: int) -> Mapping[str, Array]:
        """Return one row.

        Raises:
            TpgbenchError: It cannot be read or fitted.
        """
        row = self.row(index)
        blank = np.zeros((self.size, self.size, 3), np.uint8)
        framed = fit_pair(row, blank, size=self.size, fit=self.open().fit)
        if framed.truth is None or row.caption is None:
            raise TpgbenchError(f"{row.sample_id}: has no photo or no caption to train on")
        mask = np.zeros_like(blank[..., 0], bool) if framed.mask is None else framed.mask
        image = smooth_inside(framed.truth, mask, self.smooth) if self.smooth else framed.truth
        text = row.caption.encode("utf-8", "replace")[:_CAPTION_BYTES]
        return {
            "image": np.ascontiguousarray(image.transpose(2, 0, 1)),
            "mask": mask[None].astype(np.uint8),
            "masked": np.array(framed.mask is not None),
            "caption": np.frombuffer(text.ljust(_CAPTION_BYTES, b"\0"), np.uint8),
        }


class TextBatches(PooledBatches):
    """Rows of `MannequinRows` as tensors.

    A batch holds ``image`` (B, 3, S, S) in [-1, 1], ``mask`` (B, 1, S, S) of 0 and 1, ``masked``
    (B,) bool and ``tokens`` (B, L).

    Args:
        store: The rows.
        pool: Those that a step draws from.
        tokenizer: Of the base model.
        batch_size: Rows per process and step.
        mirror: Whether half of the photos are mirrored.
        seed: Of the draws.
    """

    def __init__(
        self,
        store: BlockStore,
        pool: Pool,
        tokenizer: Any,
        *,
        batch_size: int,
        mirror: bool = False,
        seed: int = 0,
    ) -> None:
        super().__init__(store, pool, batch_size=batch_size, seed=seed)
        self._tokenizer = tokenizer
        self._mirror = mirror

    def identity(self) -> dict[str, Any]:
        """Return what determines the batches."""
        return super().identity() | {"mirror": self._mirror}

    def to_batch(
        self, rows: dict[str, Array], indices: Sequence[int], step: int, rng: np.random.Generator
    ) -> dict[str, Tensor]:
        """Return stacked rows as tensors, half of them mirrored."""
        if self._mirror:
            turned = rng.random(len(indices)) < 0.5
            for name in ("image", "mask"):
                rows[name][turned] = rows[name][turned, :, :, ::-1]
        return to_tensors(rows, self._tokenizer)


def to_tensors(rows: Mapping[str, Array], tokenizer: Any) -> dict[str, Tensor]:
    """Return stacked rows as a batch of `TextBatches`."""
    return {
        "image": torch.from_numpy(rows["image"]).float() / 127.5 - 1,
        "mask": torch.from_numpy(rows["mask"]).float(),
        "masked": torch.from_numpy(rows["masked"]),
        "tokens": tokenize(captions_of(rows), tokenizer),
    }


def captions_of(rows: Mapping[str, Array]) -> Sequence[str]:
    """Return the captions of stacked rows."""
    return [bytes(one).rstrip(b"\0").decode("utf-8", "ignore") for one in rows["caption"]]


def smooth_inside(image: Array, mask: Array, deviation: float) -> Array:
    """Blur the inside of a mask, without mixing in the outside.

    Args:
        image: uint8 (height, width, 3).
        mask: bool (height, width).
        deviation: Of the Gaussian, in pixels.
    """
    weight = mask.astype(np.float64)
    share = np.maximum(gaussian_filter(weight, deviation), 1e-9)[..., None]
    blurred = gaussian_filter(image * weight[..., None], (deviation, deviation, 0)) / share
    smooth = np.where(mask[..., None], np.rint(blurred).clip(0, 255), image)
    return np.asarray(smooth, np.uint8)
