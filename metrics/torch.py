"""Any metric as a `torchmetrics.Metric` class, for training and evaluation loops.

The classes are generated from the metrics that the harness uses, and compute by the same engine, so
they give the harness's number: float images are rounded to 8 bits first, as they would be in a
file. ``update`` takes what the metric needs: ``preds``, ``target``, ``garment``, ``mask``,
``caption``, ``meta``. In a `torchmetrics.MetricCollection` metrics that share a backbone share its
pass. ``compute`` returns the number, ``value`` the number with its interval and recipe.

>>> from tpgbench.metrics.torch import torch_metric
>>> metric = torch_metric("lpips@vgg")()
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from inspect import Parameter, Signature, cleandoc
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
import torchmetrics
from torch import Tensor

from ..core.errors import TpgbenchError
from .base import METRICS, Metric, SampleMetric, SetMetric, Value, make_metric
from .engine.measure import measure
from .engine.sample_scores import Failed, describe
from .features.device import has_float64
from .folders.file_pairs import one_size
from .folders.task import fields_needed
from .pair import Pair
from .tensors import ARGUMENTS, TensorSource, make_pairs, to_images

__all__ = ["CTS", "FID", "KID", "LPIPS", "PSNR", "SSIM", "InceptionScore"]
__all__ += ["TorchMetric", "to_images", "torch_metric"]

_ARGS = """

Args:
    {argument}: The metric's variant{variants}.
    weights: A folder to look for weights in first.
    dist_sync_on_step: Gather from all processes at every ``forward``.
    sync_on_compute: Gather from all processes in ``compute``.

Raises:
    TpgbenchError: No such variant, or unavailable weights.
"""


class TorchMetric(torchmetrics.Metric):
    """What all generated classes have in common.

    All states are lists of tensors of one dimension: processes that have none then gather with
    those that have some.
    """

    is_differentiable = False
    full_state_update = False

    metric_class: ClassVar[type[Metric]]
    default_variant: ClassVar[str | None]
    _metric: Metric

    def _set_up(
        self,
        variant: str | None,
        weights: str | Path | None,
        dist_sync_on_step: bool,
        sync_on_compute: bool,
    ) -> None:
        super().__init__(dist_sync_on_step=dist_sync_on_step, sync_on_compute=sync_on_compute)
        metric = self.metric_class(variant, None if weights is None else Path(weights))
        metric.load()
        self._metric = metric
        self._dtypes: dict[str, torch.dtype] = {}
        self._add_states()

    def __reduce__(self) -> tuple[Any, ...]:
        # The class is generated, so it cannot be found by its name.
        return _restore, (self.metric_class, self.default_variant), self.__getstate__()

    def value(self) -> Value:
        """Return the number with its interval, its recipe and what it rests on.

        Raises:
            TpgbenchError: No images were given yet.
        """
        return self.values()[0]

    def values(self) -> tuple[Value, ...]:
        """Return `value`, then the metric's further outputs.

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

    def _add_states(self) -> None:
        raise NotImplementedError

    def _take(self, given: Mapping[str, Any]) -> None:
        """Add a batch, by field of a pair."""
        raise NotImplementedError

    def _add_list(self, name: str, dtype: torch.dtype) -> None:
        self.add_state(name, default=[], dist_reduce_fx="cat")
        self._dtypes[name] = dtype

    def _append(self, name: str, numbers: np.ndarray[Any, np.dtype[Any]]) -> None:
        flat = torch.from_numpy(np.ascontiguousarray(numbers).reshape(-1))
        # Cast before the move: Apple's device has no float64.
        getattr(self, name).append(flat.to(self._dtype_of(name)).to(self.device))

    def _array(self, name: str) -> np.ndarray[Any, np.dtype[Any]]:
        """Return a state as one array; a sync has already joined it."""
        state = getattr(self, name)
        if isinstance(state, list):
            state = torch.cat(state) if state else torch.empty(0)
        return np.asarray(state.cpu().numpy())

    def _dtype_of(self, name: str) -> torch.dtype:
        dtype = self._dtypes[name]
        return _precision(self.device) if dtype == torch.float64 else dtype

    def _sync_dist(self, *args: Any, **kwargs: Any) -> None:
        # A process without a batch must gather as many tensors, of the same type, as the others.
        for name in self._dtypes:
            state = getattr(self, name)
            if isinstance(state, list) and not state:
                empty = torch.empty(0, dtype=self._dtype_of(name), device=self.device)
                setattr(self, name, [empty])
        super()._sync_dist(*args, **kwargs)

    def _needed(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return what the metric needs of a batch.

        Raises:
            TpgbenchError: Something is missing.
        """
        needed = ["output", *(field for field in ARGUMENTS if field in fields_needed(self._metric))]
        for field in needed:
            if given.get(field) is None:
                raise TpgbenchError(
                    f"{self._metric.key} needs {ARGUMENTS[field]}: give it to update"
                )
        return {field: given[field] for field in needed}


class _SampleTorchMetric(TorchMetric):
    """A number per sample; its states are the scores and the images' sizes."""

    _metric: SampleMetric

    def _add_states(self) -> None:
        # A collection takes metrics with equal states for one: so each has states of its own.
        key = _identifier(self._metric.key)
        self._scores = {
            output: f"scores_{key}" if output is None else f"scores_{key}_{_identifier(output)}"
            for output in (None, *self._metric.outputs)
        }
        self._sizes = f"sizes_scores_{key}"
        for name in self._scores.values():
            self._add_list(name, torch.float64)
        self._add_list(self._sizes, torch.int64)

    def values(self) -> tuple[Value, ...]:
        columns = {output: self._array(name) for output, name in self._scores.items()}
        count = len(columns[None])
        if not count:
            raise TpgbenchError(f"{self._metric.key}: no images yet: call update first")
        context = {"n": str(count), "format": "tensor", "size": _size(self._array(self._sizes))}
        return tuple(
            self._metric.aggregate(column, context, None, output)
            for output, column in columns.items()
        )

    def _take(self, given: Mapping[str, Any]) -> None:
        pairs = make_pairs(self._needed(given))
        found = measure([self._metric], [TensorSource(pairs)], cache=False, strict=True)
        outcomes = [sample.outcomes.get(self._metric.key) for sample in found.samples]
        failures = found.failures(self._metric)
        # The mean of the rest would be another number under the metric's name.
        if any(isinstance(one, Failed) for one in outcomes):
            raise TpgbenchError(f"{self._metric.key} {'; '.join(failures)}; nothing was added")
        for failure in failures:
            warnings.warn(f"{self._metric.key} {failure} of this batch", stacklevel=4)
        for output, name in self._scores.items():
            self._append(name, found.column(self._metric, output))
        self._append(self._sizes, _sizes(pairs, "output"))


class _SetTorchMetric(TorchMetric):
    """A number per set; its states are the features of each set and its images' sizes.

    Its recipe does not name the real set: compare values of one real set only.
    """

    _metric: SetMetric

    def _add_states(self) -> None:
        # Equal names let a collection extract equal features once, and no others.
        backbone = _identifier(self._metric.extractor().key)
        if self._metric.paired:
            backbone = f"of_pairs_with_{'_'.join(sorted(self._metric.needs))}_{backbone}"
        self._states = {role: f"{role}_{backbone}" for role in self._metric.uses}
        for name in self._states.values():
            self._add_list(name, torch.float32)
            self._add_list(f"sizes_{name}", torch.int64)
        self._left_out = f"left_out_{backbone}" if self._metric.paired else None
        if self._left_out is not None:
            self._add_list(self._left_out, torch.int64)

    def values(self) -> tuple[Value, ...]:
        features, context = {}, {"format": "tensor"}
        for role, name in self._states.items():
            sizes = self._array(f"sizes_{name}")
            count = len(sizes) // 2
            if not count:
                given = ARGUMENTS.get(role, "preds")
                raise TpgbenchError(f"{self._metric.key}: no {given} yet: call update first")
            features[role] = self._array(name).reshape(count, -1)
            if role in ("output", "truth"):
                ending = "" if role == "output" else "-real"
                context |= {f"n{ending}": str(count), f"size{ending}": _size(sizes)}
        missing = 0 if self._left_out is None else int(self._array(self._left_out).sum())
        return (self._metric.compute(features, missing, context),)

    def _take(self, given: Mapping[str, Any]) -> None:
        if self._metric.paired or not fields_needed(self._metric) <= {"truth"}:
            pairs = make_pairs(self._needed(given))
            self._gather(pairs, None, self._metric.uses)
            return
        for role in self._metric.uses:
            if given.get(role) is not None:
                images = to_images(given[role], ARGUMENTS[role])
                # Of a side only its own image counts.
                pairs = [Pair(str(i), one, truth=one) for i, one in enumerate(images)]
                self._gather(pairs, role, (role,))

    def _gather(self, pairs: Sequence[Pair], side: str | None, roles: Sequence[str]) -> None:
        if not pairs:
            return
        found = measure([self._metric], [TensorSource(pairs, side)], cache=False, strict=True)
        table = found.features.table(self._metric)
        if isinstance(table, BaseException):
            raise table
        for sample_id, error in found.features.refused(self._metric):
            raise TpgbenchError(
                f"{self._metric.key}: image {sample_id} of the batch: {describe(error)}"
            ) from error
        used = [pairs[int(sample_id)] for sample_id in table.sample_ids]
        for role in roles:
            self._append(self._states[role], table.features[role])
            self._append(f"sizes_{self._states[role]}", _sizes(used, role))
        if self._left_out is not None:
            self._append(self._left_out, np.array([len(pairs) - len(used)]))


def torch_metric(metric: str | type[Metric]) -> type[TorchMetric]:
    """Return the `torchmetrics.Metric` class of a metric, the same one each time.

    Its name is the metric class's without ``Metric``. Its arguments are the variant, ``weights``
    (a folder to look in first), ``dist_sync_on_step`` and ``sync_on_compute``.

    Args:
        metric: The name of a metric, built-in or of a plug-in, with a variant if need be
            (``"lpips@vgg"``), or a class of one's own.

    Raises:
        TpgbenchError: No such metric or variant.
    """
    if isinstance(metric, str):
        default = make_metric(metric).variant
        return _generate(METRICS.get(metric.partition("@")[0]), default)
    return _generate(metric, None)


@cache
def _generate(metric: type[Metric], variant: str | None) -> type[TorchMetric]:
    base = _SetTorchMetric if issubclass(metric, SetMetric) else _SampleTorchMetric
    needs = fields_needed(metric(variant))
    # All that need nothing else take (preds, target), so that one collection may hold them.
    wanted = ["output", *(["truth"] if needs <= {"truth"} else []), *(needs & ARGUMENTS.keys())]
    fields = [field for field in ARGUMENTS if field in wanted]
    unpaired = issubclass(metric, SetMetric) and not metric.paired
    argument = metric.variant_argument or "variant"
    explicit = metric.variants[0] if metric.variant_argument and metric.variants else None
    variants = f", one of {', '.join(metric.variants)}" if metric.variants else ""
    return type(
        metric.__name__.removesuffix("Metric") or metric.__name__,
        (base,),
        {
            "__module__": __name__,
            "__doc__": cleandoc(metric.__doc__ or metric.__name__)
            + _ARGS.format(argument=argument, variants=variants),
            "metric_class": metric,
            "default_variant": variant,
            "higher_is_better": metric.higher_is_better,
            "__init__": _constructor(argument, variant or explicit),
            "update": _updater(fields, unpaired),
        },
    )


def _constructor(argument: str, default: str | None) -> Callable[..., None]:
    return _signed(
        [
            Parameter(argument, Parameter.POSITIONAL_OR_KEYWORD, default=default),
            Parameter("weights", Parameter.KEYWORD_ONLY, default=None),
            Parameter("dist_sync_on_step", Parameter.KEYWORD_ONLY, default=False),
            Parameter("sync_on_compute", Parameter.KEYWORD_ONLY, default=True),
        ],
        lambda self, given: self._set_up(*given.values()),
        "Take the metric's variant and how processes gather.",
    )


def _updater(fields: Sequence[str], unpaired: bool) -> Callable[..., None]:
    parameters = [
        Parameter(
            ARGUMENTS[field],
            Parameter.POSITIONAL_OR_KEYWORD,
            default=None if unpaired or field != "output" else Parameter.empty,
        )
        for field in fields
    ]

    def take(self: TorchMetric, given: dict[str, Any]) -> None:
        self._take(dict(zip(fields, given.values(), strict=True)))

    about = "Add images to the sets; the sets may differ in number." if unpaired else "Add a batch."
    return _signed(parameters, take, about)


def _signed(
    parameters: Sequence[Parameter], body: Callable[[Any, dict[str, Any]], None], about: str
) -> Callable[..., None]:
    """Return a method of these parameters, whose names a collection reads."""
    first = Parameter("self", Parameter.POSITIONAL_OR_KEYWORD)
    signature = Signature([first, *parameters])

    def method(*args: Any, **kwargs: Any) -> None:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        given = dict(bound.arguments)
        body(given.pop("self"), given)

    method.__signature__ = signature  # type: ignore[attr-defined]
    method.__doc__ = about
    return method


def _restore(metric: type[Metric], variant: str | None) -> TorchMetric:
    kind = _generate(metric, variant)
    return kind.__new__(kind)


def _identifier(text: str) -> str:
    return "".join(character if character.isalnum() else "_" for character in text)


def _sizes(pairs: Sequence[Pair], field: str) -> np.ndarray[Any, np.dtype[Any]]:
    """Return the width and height of an image field of each pair, (2 * n,)."""
    shapes = [getattr(pair, field).shape for pair in pairs]
    return np.array([side for shape in shapes for side in (shape[1], shape[0])], np.int64)


def _size(sizes: np.ndarray[Any, np.dtype[Any]]) -> str:
    """Return the one size of all images, ``"512x512"``, or ``"mixed"``."""
    return one_size([(int(width), int(height)) for width, height in sizes.reshape(-1, 2)])


def _precision(device: torch.device) -> torch.dtype:
    return torch.float64 if has_float64(device.type) else torch.float32


CTS = torch_metric("cts")
FID = torch_metric("fid")
InceptionScore = torch_metric("is")
KID = torch_metric("kid")
LPIPS = torch_metric("lpips")
PSNR = torch_metric("psnr")
SSIM = torch_metric("ssim")
