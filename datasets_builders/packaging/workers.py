"""Work spread over processes, with results in the order of the work."""

from __future__ import annotations

import multiprocessing
import signal
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from multiprocessing import resource_tracker
from typing import TypeVar

from ...core.errors import TpgbenchError
from ...core.processes import follow_parent

Item = TypeVar("Item")
Result = TypeVar("Result")

MAX_WORKERS = 256
CHUNK = 16  # items per message: one by one, the messages would cost more than the work
_AHEAD = 2  # chunks that wait for each process, so that none is ever idle


def ordered_map(
    function: Callable[[Item], Result], items: Iterable[Item], workers: int
) -> Generator[Result, None, None]:
    """Yield ``function(item)`` for each item, in order, holding a bounded number of results.

    With one worker the work is done here. More are fresh processes (a script that calls this
    needs the usual ``if __name__ == "__main__":``), which end with this one however it ends.
    Close the generator to end them early.

    Args:
        function: Picklable, as items and results are; it keeps nothing from call to call.
        items: Taken as they are needed.
        workers: How many processes, 1 to 256.

    Raises:
        TpgbenchError: ``workers`` is not from 1 to 256, or a process was killed.
    """
    if not 1 <= workers <= MAX_WORKERS:
        raise TpgbenchError(f"--workers {workers}: give 1 to {MAX_WORKERS}")
    if workers == 1:
        yield from map(function, items)
        return
    # Forked, they would inherit our locks and threads.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=follow_parent)
    pending: deque[Future[list[Result]]] = deque()
    stream = iter(items)
    try:
        _start(pool)
        while chunk := list(islice(stream, CHUNK)):
            pending.append(pool.submit(_apply, function, chunk))
            if len(pending) > workers * _AHEAD:
                yield from pending.popleft().result()
        while pending:
            yield from pending.popleft().result()
    except BrokenProcessPool as error:
        raise TpgbenchError(
            "a worker process was killed, perhaps because memory ran out; give fewer --workers"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _start(pool: ProcessPoolExecutor) -> None:
    """Let the processes start while the first items are looked up, deaf to Ctrl-C from the start.

    They inherit the block; `follow_parent` would come too late for a Ctrl-C while they import.
    """
    resource_tracker.ensure_running()  # else it starts with the first of them and lifts the block
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        pool.submit(int)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _apply(function: Callable[[Item], Result], chunk: list[Item]) -> list[Result]:
    return [function(item) for item in chunk]
