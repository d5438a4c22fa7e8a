"""Tensors of a training loop as the images and pairs that metrics take."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..core.errors import TpgbenchError
from ..core.images import Image
from .engine.source import Entry, ReadPair
from .inputs import check_garment
from .pair import Pair

# The argument of `update` for each field of a pair, in their order.
ARGUMENTS = {
    "output": "preds",
    "truth": "target",
    "garment": "garment",
    "mask": "mask",
    "caption": "caption",
    "meta": "meta",
}
_ROUNDING = 1e-5  # by which a network's sums may leave 0 to 1
_PLURALS = {
    "output": "preds",
    "truth": "targets",
    "garment": "garments",
    "mask": "masks",
    "caption": "captions",
    "meta": "metas",
}


class TensorSource:
    """Pairs in memory, as the engine reads them.

    Args:
        pairs: The pairs; of one side, pairs of which that image counts.
        side: ``"truth"`` or ``"output"`` for one side of unpaired sets; None for whole pairs.
    """

    def __init__(self, pairs: Sequence[Pair], side: str | None = None) -> None:
        self.side = side
        self._pairs = pairs

    def __len__(self) -> int:
        return len(self._pairs)

    def open(self, index: int) -> tuple[Entry, ReadPair]:
        """Return a pair as a sample."""
        pair = self._pairs[index]
        return Entry(pair.sample_id, pair.sample_id), lambda: pair


def make_pairs(given: Mapping[str, Any]) -> list[Pair]:
    """Return a batch as pairs.

    Args:
        given: By field of a pair: ``output``, ``truth`` and ``garment`` are images as for
            `to_images`, ``mask`` is bool (n, height, width), ``caption`` a sequence of texts,
            ``meta`` one of mappings.

    Raises:
        TpgbenchError: Another shape, type or range, or more of one than of another.
    """
    columns: dict[str, Sequence[Any]] = {}
    for field, batch in given.items():
        if field in ("output", "truth", "garment"):
            columns[field] = to_images(batch, ARGUMENTS[field])
        elif field == "mask":
            columns[field] = list(_masks(batch))
        else:
            columns[field] = list(batch)
    counts = {field: len(column) for field, column in columns.items()}
    if len(set(counts.values())) > 1:
        if counts.keys() == {"output", "truth"}:
            raise TpgbenchError(
                f"preds holds {counts['output']} images and target {counts['truth']}: give pairs"
            )
        parts = [f"{count} {_PLURALS[field]}" for field, count in counts.items()]
        raise TpgbenchError(
            f"there are {', '.join(parts[:-1])} and {parts[-1]}: give as many of each"
        )
    for garment, mask in zip(columns.get("garment", ()), columns.get("mask", ()), strict=False):
        check_garment(garment, mask)
    rows = zip(*columns.values(), strict=True)
    return [
        Pair(str(index), **dict(zip(columns, row, strict=True))) for index, row in enumerate(rows)
    ]


def _masks(batch: Any) -> NDArray[np.bool_]:
    """Return masks as an array, bool (n, height, width).

    Raises:
        TpgbenchError: Another shape or type.
    """
    masks = batch.detach().cpu().numpy() if isinstance(batch, Tensor) else np.asarray(batch)
    if masks.ndim != 3 or masks.dtype != np.bool_:
        raise TpgbenchError(
            f"mask is {masks.dtype} of shape {masks.shape}: give bool (n, height, width), True on "
            "the garment"
        )
    return masks


def to_images(images: Tensor, name: str) -> list[Image]:
    """Return a batch as the arrays that metrics take, rounded to 8 bits.

    Args:
        images: (n, 3, height, width), uint8 from 0 to 255 or float from 0 to 1, on any device.
        name: What to call them in an error.

    Raises:
        TpgbenchError: Another shape or type, NaN, or a float outside 0 to 1.
    """
    if not isinstance(images, Tensor):
        raise TpgbenchError(f"{name} is a {type(images).__name__}: give a torch.Tensor")
    if images.ndim != 4 or images.shape[1] != 3:
        raise TpgbenchError(
            f"{name} has shape {tuple(images.shape)}: give RGB as (n, 3, height, width); repeat a "
            "grey channel three times, lay an alpha channel on white"
        )
    if images.dtype == torch.uint8:
        if images.numel() and int(images.max()) == 1:
            warnings.warn(
                f"{name} is uint8 and holds nothing above 1, which is black: was a float image "
                "cast without scaling?",
                stacklevel=3,
            )
        pixels = images
    elif images.is_floating_point():
        low, high = (float(bound) for bound in images.aminmax()) if images.numel() else (0.0, 0.0)
        if not (low >= -_ROUNDING and high <= 1 + _ROUNDING):  # false for NaN too
            raise TpgbenchError(
                f"{name} is float from {low:.9g} to {high:.9g}: give finite values from 0 to 1, or "
                "uint8 from 0 to 255"
            )
        pixels = images.detach().float().clamp(0, 1).mul(255).add_(0.5).to(torch.uint8)
    else:
        raise TpgbenchError(
            f"{name} holds {images.dtype}: give uint8 from 0 to 255 or float from 0 to 1"
        )
    return list(pixels.permute(0, 2, 3, 1).cpu().numpy())
