"""The next batch is read while the step runs."""

from __future__ import annotations

from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor

from torch import Tensor

from .objective import Batches

_PREPARED_STEPS = 64  # a block of rows takes seconds to make


def read_ahead(
    batches: Batches, steps: range, rank: int, ranks: int, *, pin: bool
) -> Generator[dict[str, Tensor], None, None]:
    """Yield the batches of these steps. Close the generator to end it early.

    Args:
        batches: Where they come from; asked from one thread.
        steps: Which.
        rank: Which process this is.
        ranks: How many there are.
        pin: Whether to put them where a GPU fetches them without waiting.

    Raises:
        TpgbenchError: A row cannot be had.
    """

    def take(step: int) -> dict[str, Tensor]:
        batch = batches.take(step, rank, ranks)
        return {name: value.pin_memory() for name, value in batch.items()} if pin else batch

    def prepare(ahead: range) -> None:
        for step in ahead:
            batches.prepare(step, ranks)

    with ThreadPoolExecutor(1, "read-ahead") as thread:
        upcoming = thread.submit(take, steps[0])
        thread.submit(prepare, steps[:_PREPARED_STEPS])
        try:
            for place in range(len(steps)):
                batch = upcoming.result()
                if place + 1 < len(steps):
                    upcoming = thread.submit(take, steps[place + 1])
                    ahead = place + _PREPARED_STEPS
                    thread.submit(prepare, steps[ahead : ahead + 1])
                yield batch
        finally:
            thread.shutdown(cancel_futures=True)
