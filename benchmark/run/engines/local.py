"""The local engine: rows are read ahead while the model works in this process."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from ....datasets_builders.base import Dataset
from ...model import Model
from ...sample import AnySample
from ..identity import Identity
from ..plan import Plan
from ..worker import Batch, Finished, Worker, read_sample
from .base import Engine, Workers

_READERS = 2


class LocalEngine(Engine):
    """One worker in this process.

    Args:
        dataset: The plan's dataset if it is open already; None to open it.
        model: The plan's model where it is no registered one; None to make it from the plan.
    """

    def __init__(self, dataset: Dataset | None = None, model: Model[Any] | None = None) -> None:
        self._dataset = dataset
        self._model = model

    @contextmanager
    def start(self, plan: Plan) -> Iterator[Workers]:
        """Load the model.

        Raises:
            TpgbenchError: Its device is unavailable, or it cannot be loaded.
        """
        dataset = plan.dataset.open() if self._dataset is None else self._dataset
        yield _LocalWorkers(Worker(plan, self._model), dataset, plan.identity)


class _LocalWorkers(Workers):
    def __init__(self, worker: Worker, dataset: Dataset, identity: Identity) -> None:
        self.device = worker.device
        self._worker = worker
        self._dataset = dataset
        self._identity = identity

    def run(self, batches: Sequence[Batch]) -> Iterator[Finished]:
        """Do batches in order."""
        for batch, rows in self._read_ahead(batches):
            yield self._worker.run(batch, rows)

    def _read_ahead(
        self, batches: Sequence[Batch]
    ) -> Iterator[tuple[Batch, Sequence[AnySample | str]]]:
        """Read and fit the rows of the coming batches while the model works on this one."""
        pool = ThreadPoolExecutor(_READERS)
        ahead: list[tuple[Batch, list[Future[AnySample | str]]]] = []
        waiting = iter(batches)

        def submit_next() -> None:
            for batch in waiting:
                rows = [
                    pool.submit(read_sample, self._dataset, index, self._identity)
                    for index in batch.values()
                ]
                ahead.append((batch, rows))
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
                batch, rows = ahead.pop(0)
                found = [row.result() for row in rows]
                submit_next()
                yield batch, found
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
