"""The metrics as `torchmetrics.Metric` classes, for training and evaluation loops.

Each is a shell around the very functions that the harness uses, so it gives the harness's number:
float images are rounded to 8 bits first, as they would be in a file. All take
``update(preds, target)``, so they go into one `torchmetrics.MetricCollection`; in it those that
share a backbone share its pass. ``compute`` returns the number, ``value`` the number with its
interval and recipe.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any, ClassVar, Literal, cast

import numpy as np
import torch
import torchmetrics
from torch import Tensor

from ..core.errors import TpgbenchError
from ..core.images import Image
from .base import Comparison, SampleMetric, SetMetric, Value, make_metric
from .features.device import has_float64

Protocol = Literal["clean", "pytorch-fid", "torch-fidelity", "torchmetrics"]


class _Shell(torchmetrics.Metric):
    """What all shells have: `compute` from `value`."""

    is_differentiable = False
    full_state_update = False

    def value(self) -> Value:
        """Return the number with its interval, its recipe and what it rests on.

        Raises:
            TpgbenchError: No images were given yet.
        """
        raise NotImplementedError

    def compute(self) -> Tensor:
        """Return the number as a scalar, float64 where the device has it; infinite if all are.

        Raises:
            TpgbenchError: No images were given yet, or too few.
        """
        found = self.value()
        if found.value is not None:
            return torch.tensor(found.value, dtype=_precision(self.device), device=self.device)
        if found.infinite:
            return torch.tensor(math.inf, dtype=_precision(self.device), device=self.device)
        raise TpgbenchError(f"{found.name}: {found.not_computed}")


class _SampleShell(_Shell):
    """A number a sample; its states are the list of them and that of the images' sizes."""

    def __init__(self, metric: str, *, dist_sync_on_step: bool, sync_on_compute: bool) -> None:
        super().__init__(dist_sync_on_step=dist_sync_on_step, sync_on_compute=sync_on_compute)
        self._metric = cast(SampleMetric, make_metric(metric))
        self._metric.load()
        # A collection takes metrics with equal states for one: so each has a state of its own.
        self._scores = f"scores_{metric.replace('@', '_')}"
        self._sizes = f"sizes_{self._scores}"
        for state in (self._scores, self._sizes):
            self.add_state(state, default=[], dist_reduce_fx="cat")

    @property
    def higher_is_better(self) -> bool:  # type: ignore[override]
        """The direction."""
        return self._metric.higher_is_better

    def value(self) -> Value:
        scores = _joined(getattr(self, self._scores))
        if not len(scores):
            raise TpgbenchError(f"{self._metric.key}: no images yet: call update first")
        context = {
            "n": str(len(scores)),
            "format": "tensor",
            "size": _size(_joined(getattr(self, self._sizes))),
        }
        return self._metric.aggregate(scores, context)

    def _add(self, comparisons: Sequence[Comparison]) -> None:
        found = [self._metric.score(comparison) for comparison in comparisons]
        scores = torch.tensor(found, dtype=_precision(self.device), device=self.device)
        getattr(self, self._scores).append(scores)
        sizes = _sizes([comparison.output for comparison in comparisons])
        getattr(self, self._sizes).append(sizes.to(self.device))


class _PairShell(_SampleShell):
    def update(self, preds: Tensor, target: Tensor) -> None:
        """Add a batch of pairs.

        Args:
            preds: Generated images (n, 3, height, width), uint8 or float in [0, 1].
            target: The true ones, of the same shape.

        Raises:
            TpgbenchError: Another shape, type or range, or two shapes.
        """
        outputs, truths = to_images(preds, "preds"), to_images(target, "target")
        if len(outputs) != len(truths):
            raise TpgbenchError(
                f"preds holds {len(outputs)} images and target {len(truths)}: give pairs"
            )
        self._add(
            [Comparison("", output, truth) for output, truth in zip(outputs, truths, strict=True)]
        )


class PSNR(_PairShell):
    """Mean peak signal-to-noise ratio of pairs in dB; see `tpgbench.metrics.psnr.psnr`.

    Args:
        dist_sync_on_step: Gather from all processes at every ``forward``.
        sync_on_compute: Gather from all processes in ``compute``.
    """

    def __init__(self, *, dist_sync_on_step: bool = False, sync_on_compute: bool = True) -> None:
        super().__init__(
            "psnr", dist_sync_on_step=dist_sync_on_step, sync_on_compute=sync_on_compute
        )


class SSIM(_PairShell):
    """Mean structural similarity of pairs; see `tpgbench.metrics.ssim.ssim`.

    Args:
        dist_sync_on_step: Gather from all processes at every ``forward``.
        sync_on_compute: Gather from all processes in ``compute``.
    """

    def __init__(self, *, dist_sync_on_step: bool = False, sync_on_compute: bool = True) -> None:
        super().__init__(
            "ssim", dist_sync_on_step=dist_sync_on_step, sync_on_compute=sync_on_compute
        )


class LPIPS(_PairShell):
    """Mean learned perceptual distance of pairs; see `tpgbench.metrics.lpips.lpips`.

    Args:
        net: ``"alex"``, ``"vgg"`` or ``"squeeze"``.
        dist_sync_on_step: Gather from all processes at every ``forward``.
        sync_on_compute: Gather from all processes in ``compute``.

    Raises:
        TpgbenchError: The network's weights are not to be had.
    """

    def __init__(
        self,
        net: Literal["alex", "vgg", "squeeze"] = "alex",
        *,
        dist_sync_on_step: bool = False,
        sync_on_compute: bool = True,
    ) -> None:
        super().__init__(
            f"lpips@{net}", dist_sync_on_step=dist_sync_on_step, sync_on_compute=sync_on_compute
        )


class CTS(_SampleShell):
    """Mean CLIP texture similarity of patterns and garments; see `tpgbench.metrics.cts.cts`.

    Args:
        dist_sync_on_step: Gather from all processes at every ``forward``.
        sync_on_compute: Gather from all processes in ``compute``.

    Raises:
        TpgbenchError: CLIP is not to be had.
    """

    def __init__(self, *, dist_sync_on_step: bool = False, sync_on_compute: bool = True) -> None:
        super().__init__(
            "cts", dist_sync_on_step=dist_sync_on_step, sync_on_compute=sync_on_compute
        )

    def update(self, preds: Tensor, garment: Tensor, mask: Tensor) -> None:
        """Add a batch.

        Args:
            preds: Patterns (n, 3, height, width), uint8 or float in [0, 1].
            garment: As many garment photos, of any one size.
            mask: True on the garments' visible pixels, bool (n, height, width), as large.

        Raises:
            TpgbenchError: Another shape, type or range.
        """
        outputs, garments = to_images(preds, "preds"), to_images(garment, "garment")
        masks = list(mask.cpu().numpy())
        if not len(outputs) == len(garments) == len(masks):
            raise TpgbenchError(
                f"there are {len(outputs)} preds, {len(garments)} garments and {len(masks)} masks: "
                "give as many of each"
            )
        rows = zip(outputs, garments, masks, strict=True)
        self._add(
            [Comparison("", output, garment=cloth, mask=where) for output, cloth, where in rows]
        )


class _SetShell(_Shell):
    """A number of whole sets; its states are the features of each set and its images' sizes.

    Its recipe does not name the true set: compare values of one true set only.
    """

    _name: ClassVar[str]

    def __init__(
        self,
        protocol: Protocol = "clean",
        *,
        dist_sync_on_step: bool = False,
        sync_on_compute: bool = True,
    ) -> None:
        super().__init__(dist_sync_on_step=dist_sync_on_step, sync_on_compute=sync_on_compute)
        self._metric = cast(SetMetric, make_metric(f"{self._name}@{protocol}"))
        self._extractor = self._metric.extractor()  # light: the network is read when it is used
        # Equal names let a collection extract equal features once, and no others.
        backbone = "".join(c if c.isalnum() else "_" for c in self._extractor.key)
        self._states = {name: f"{name}_{backbone}" for name in self._metric.uses}
        for state in self._states.values():
            self.add_state(state, default=[], dist_reduce_fx="cat")
            self.add_state(f"sizes_{state}", default=[], dist_reduce_fx="cat")

    @property
    def higher_is_better(self) -> bool:  # type: ignore[override]
        """The direction."""
        return self._metric.higher_is_better

    def update(self, preds: Tensor | None = None, target: Tensor | None = None) -> None:
        """Add images to the sets; the two sets may differ in number.

        Args:
            preds: Generated images (n, 3, height, width), uint8 or float in [0, 1], or None.
            target: Real ones, or None.

        Raises:
            TpgbenchError: Another shape, type or range.
        """
        for name, images in {"output": preds, "truth": target}.items():
            if images is not None and name in self._states:
                arrays = to_images(images, name)
                features = torch.from_numpy(self._extractor.extract(arrays)).to(self.device)
                state = self._states[name]
                getattr(self, state).append(features)
                getattr(self, f"sizes_{state}").append(_sizes(arrays).to(self.device))

    def value(self) -> Value:
        features = {name: _joined(getattr(self, state)) for name, state in self._states.items()}
        for name, found in features.items():
            if not len(found):
                given = {"output": "preds", "truth": "target"}[name]
                raise TpgbenchError(f"{self._metric.key}: no {given} yet: call update first")
        context = {"format": "tensor"}
        for name, found in features.items():
            side = {"output": "", "truth": "-real"}[name]
            sizes = _joined(getattr(self, f"sizes_{self._states[name]}"))
            context |= {f"n{side}": str(len(found)), f"size{side}": _size(sizes)}
        return self._metric.compute(features, 0, context)


class FID(_SetShell):
    """Frechet inception distance; see `tpgbench.metrics.fid.FID`.

    Args:
        protocol: ``"clean"``, ``"pytorch-fid"``, ``"torch-fidelity"`` or ``"torchmetrics"``.
        dist_sync_on_step: Gather from all processes at every ``forward``.
        sync_on_compute: Gather from all processes in ``compute``.

    Raises:
        TpgbenchError: The Inception's weights are not to be had, or no such protocol.
    """

    _name = "fid"


class KID(_SetShell):
    """Kernel inception distance; see `tpgbench.metrics.kid.KID`.

    Args:
        protocol: As `FID`.
        dist_sync_on_step: Gather from all processes at every ``forward``.
        sync_on_compute: Gather from all processes in ``compute``.

    Raises:
        TpgbenchError: As `FID`.
    """

    _name = "kid"


class InceptionScore(_SetShell):
    """Inception score of the generated images; see `tpgbench.metrics.inception_score`.

    Several processes gather their images in the order of their ranks, and the score's splits
    depend on the order.

    Args:
        protocol: As `FID`.
        dist_sync_on_step: Gather from all processes at every ``forward``.
        sync_on_compute: Gather from all processes in ``compute``.

    Raises:
        TpgbenchError: As `FID`.
    """

    _name = "is"


def to_images(images: Tensor, name: str) -> list[Image]:
    """Return a batch as the arrays that metrics take, rounded to 8 bits.

    Args:
        images: (n, 3, height, width), uint8 from 0 to 255 or float from 0 to 1, on any device.
        name: What to call them in an error.

    Raises:
        TpgbenchError: Another shape or type, NaN, or a float outside 0 to 1.
    """
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
        if not (low >= 0.0 and high <= 1.0):  # false for NaN too
            raise TpgbenchError(
                f"{name} is float from {low:g} to {high:g}: give finite values from 0 to 1, or "
                "uint8 from 0 to 255"
            )
        pixels = images.detach().float().mul(255).add_(0.5).to(torch.uint8)
    else:
        raise TpgbenchError(
            f"{name} holds {images.dtype}: give uint8 from 0 to 255 or float from 0 to 1"
        )
    return list(pixels.permute(0, 2, 3, 1).cpu().numpy())


def _sizes(images: Sequence[Image]) -> Tensor:
    """Return the width and height of each image, (n, 2)."""
    sizes = [(image.shape[1], image.shape[0]) for image in images]
    return torch.tensor(sizes, dtype=torch.int64).reshape(-1, 2)


def _size(sizes: np.ndarray[Any, np.dtype[Any]]) -> str:
    """Return the one size of all images, ``"512x512"``, or ``"mixed"``."""
    distinct = {(int(width), int(height)) for width, height in sizes}
    return "x".join(map(str, distinct.pop())) if len(distinct) == 1 else "mixed"


def _precision(device: torch.device) -> torch.dtype:
    return torch.float64 if has_float64(device.type) else torch.float32


def _joined(state: list[Tensor] | Tensor) -> np.ndarray[Any, np.dtype[Any]]:
    """Return a state as one array; a sync has already joined it."""
    if isinstance(state, Tensor):
        return np.asarray(state.cpu().numpy())
    if not state:
        return np.empty(0)
    return np.asarray(torch.cat(state).cpu().numpy())
