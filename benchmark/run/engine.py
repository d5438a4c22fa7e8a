"""The local engine: rows are read ahead, the model runs, images are written behind it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...core.errors import TpgbenchError
from ...core.images import Image
from ...datasets_builders.base import Dataset
from ..fit import fit_inputs
from ..model import Model
from ..sample import AnySample
from .identity import Identity, sample_seed
from .store import RunStore

_READERS = 2


@dataclass
class Batch:
    """What is in flight: it is lost when the process dies, and nothing else.

    Attributes:
        indices: Row number by sample id.
        samples: The rows that could be read.
        images: What the model made of them, by id.
        errors: Why a sample has no image, by id.
    """

    indices: dict[str, int]
    samples: list[AnySample] = field(default_factory=list)
    images: dict[str, Image] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)


def run_locally(
    model: Model[Any],
    dataset: Dataset,
    batches: Sequence[dict[str, int]],
    identity: Identity,
    store: RunStore,
) -> Iterator[Batch]:
    """Run the model over batches of rows; yield each once its images are on the disk.

    A batch is written while the model works on the next one.
    """
    with ThreadPoolExecutor(1) as writer:
        writing: Future[Batch] | None = None
        try:
            for batch in _read_ahead(dataset, batches, identity):
                _run_model(model, batch, identity.seed)
                if writing is not None:
                    yield writing.result()
                writing = writer.submit(_save, batch, store)
            if writing is not None:
                yield writing.result()
        finally:
            if writing is not None:
                writing.exception()  # wait, also when interrupted: its images are good


def _save(batch: Batch, store: RunStore) -> Batch:
    for sample_id, image in batch.images.items():
        if not store.has_image(sample_id):
            store.write_image(sample_id, image)
    return batch


def _read_ahead(
    dataset: Dataset, batches: Sequence[dict[str, int]], identity: Identity
) -> Iterator[Batch]:
    """Read and fit the rows of the coming batches while the model works on this one."""
    pool = ThreadPoolExecutor(_READERS)
    ahead: list[tuple[dict[str, int], list[Future[AnySample | str]]]] = []
    waiting = iter(batches)

    def submit_next() -> None:
        for indices in waiting:
            rows = [pool.submit(_read, dataset, i, identity) for i in indices.values()]
            ahead.append((indices, rows))
            return

    try:
        # At least the next batch, and work for every reader when batches are small.
        submit_next()
        while len(ahead) < 2 or sum(len(rows) for _, rows in ahead) < 2 * _READERS:
            before = len(ahead)
            submit_next()
            if len(ahead) == before:
                break
        while ahead:
            indices, rows = ahead.pop(0)
            batch = Batch(indices)
            for sample_id, row in zip(indices, rows, strict=True):
                found = row.result()
                if isinstance(found, AnySample):
                    batch.samples.append(found)
                else:
                    batch.errors[sample_id] = found
            submit_next()
            yield batch
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _read(dataset: Dataset, index: int, identity: Identity) -> AnySample | str:
    try:
        return fit_inputs(dataset[index], size=identity.size, fit=identity.fit, track=dataset.track)
    except (Exception, SystemExit) as error:  # a bad row must not end the run
        return _explain(error)


def _run_model(model: Model[Any], batch: Batch, run_seed: int) -> None:
    """Fill in a batch's images and errors. If it fails as a whole, try its samples one by one."""
    try:
        images = _call(model, batch.samples, run_seed)
    except (Exception, SystemExit) as error:  # a model may not end the run, nor call it a success
        if len(batch.samples) == 1:
            batch.errors[batch.samples[0].sample_id] = _explain(error)
            return
        images = []
        for sample in batch.samples:
            alone = Batch(batch.indices, [sample])
            _run_model(model, alone, run_seed)
            batch.images |= alone.images
            batch.errors |= alone.errors
        return
    for sample, image in zip(batch.samples, images, strict=True):
        try:
            batch.images[sample.sample_id] = check_output(image, sample.size)
        except TpgbenchError as error:
            batch.errors[sample.sample_id] = str(error)


def _call(model: Model[Any], samples: Sequence[AnySample], run_seed: int) -> Sequence[Image]:
    if not samples:
        return []
    images = model.generate(samples, [sample_seed(run_seed, one.sample_id) for one in samples])
    if images is None or len(images) != len(samples):
        count = "nothing" if images is None else f"{len(images)} images"
        raise TpgbenchError(f"the model returned {count} for {len(samples)} samples")
    return images


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
