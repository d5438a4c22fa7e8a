"""The work of a plan: rows in, images out. Every engine does it through these functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...core.errors import TpgbenchError
from ...core.images import Image, png_bytes
from ...datasets_builders.base import Dataset
from ..fit import fit_inputs
from ..model import Model
from ..sample import AnySample
from .environment import choose_device
from .identity import Identity, sample_seed
from .plan import Plan

Batch = Mapping[str, int]  # row number by sample id: what one call of the model gets


@dataclass
class Finished:
    """What came of a batch.

    Attributes:
        batch: The batch.
        images: By sample id: pixels, or the PNG that another machine has made of them already.
        errors: Why a sample has no image, by sample id.
    """

    batch: Batch
    images: dict[str, Image | bytes] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)

    def png(self, sample_id: str) -> bytes:
        """Return an image as a PNG file."""
        image = self.images[sample_id]
        return image if isinstance(image, bytes) else png_bytes(image)


class Worker:
    """One loaded model, and what it is asked.

    Args:
        plan: The work.
        model: The plan's model, where it is no registered one; None to make it from the plan.

    Attributes:
        device: Where the model runs: ``"cuda:0"``.

    Raises:
        TpgbenchError: The device is not there, or the model cannot be loaded.
    """

    def __init__(self, plan: Plan, model: Model[Any] | None = None) -> None:
        identity = plan.identity
        self._seed = identity.seed
        self._model = plan.make_model() if model is None else model
        self.device = choose_device(plan.device, self._model.devices, identity.model)
        try:
            load: Callable[..., object] = self._model.load
            returned = load(self.device, identity.precision, plan.weights)
        except TpgbenchError:
            raise
        except (Exception, SystemExit) as error:
            raise TpgbenchError(
                f"the model '{identity.model}' cannot be loaded on {self.device} "
                f"({type(error).__name__}: {error}); see its card in 'tpgbench list models --json'"
            ) from error
        if returned:
            raise TpgbenchError(
                f"the model '{identity.model}' returns hashes from 'load', where they come too "
                "late for the run's identity: name its files in 'weight_files'"
            )

    def run(self, batch: Batch, rows: Sequence[AnySample | str]) -> Finished:
        """Call the model. If a batch fails as a whole, its samples are tried one by one.

        Args:
            batch: The batch.
            rows: For each of its samples what the model is given, or why it cannot be read.
        """
        finished = Finished(batch)
        samples = []
        for sample_id, row in zip(batch, rows, strict=True):
            if isinstance(row, str):
                finished.errors[sample_id] = row
            else:
                samples.append(row)
        self._generate(samples, finished)
        return finished

    def _generate(self, samples: Sequence[AnySample], finished: Finished) -> None:
        try:
            images = self._call(samples)
        except (Exception, SystemExit) as error:  # a model may not end the run
            if len(samples) == 1:
                finished.errors[samples[0].sample_id] = _explain(error)
                return
            for sample in samples:
                self._generate([sample], finished)
            return
        for sample, image in zip(samples, images, strict=True):
            try:
                finished.images[sample.sample_id] = check_output(image, sample.size)
            except TpgbenchError as error:
                finished.errors[sample.sample_id] = str(error)

    def _call(self, samples: Sequence[AnySample]) -> Sequence[Image]:
        if not samples:
            return []
        seeds = [sample_seed(self._seed, one.sample_id) for one in samples]
        images = self._model.generate(samples, seeds)
        if images is None or len(images) != len(samples):
            count = "nothing" if images is None else f"{len(images)} images"
            raise TpgbenchError(f"the model returned {count} for {len(samples)} samples")
        return images


def read_sample(dataset: Dataset, index: int, identity: Identity) -> AnySample | str:
    """Return what a model is given of a row, or why the row cannot be used."""
    try:
        return fit_inputs(dataset[index], size=identity.size, fit=identity.fit, track=dataset.track)
    except (Exception, SystemExit) as error:  # a bad row must not end the run
        return _explain(error)


def check_output(image: object, size: int) -> Image:
    """Return a model's image if it is what a model must return.

    Raises:
        TpgbenchError: It is not a uint8 array of shape (size, size, 3).
    """
    if image is None:
        raise TpgbenchError("the model returned no image")
    if not isinstance(image, np.ndarray):
        raise TpgbenchError(f"the model returned a {type(image).__name__}, not an array")
    if np.issubdtype(image.dtype, np.floating) and not np.isfinite(image).all():
        raise TpgbenchError("the model returned NaN or infinite pixels")
    if image.dtype != np.uint8 or image.shape != (size, size, 3):
        raise TpgbenchError(
            f"the model returned {image.dtype} {image.shape}, not uint8 ({size}, {size}, 3)"
        )
    return image.copy()  # it is written while the model runs on, maybe in the same buffer


def _explain(error: BaseException) -> str:
    text = " ".join(str(error).split())
    text = text.encode("utf-8", "replace").decode()  # a file name may hold what UTF-8 cannot
    return text if isinstance(error, TpgbenchError) else f"{type(error).__name__}: {text}"
