"""What an engine is: a plan and batches go in, finished batches come out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager

from ..plan import Plan
from ..worker import Batch, Finished


class Workers(ABC):
    """Workers that are ready, one or many.

    Attributes:
        device: Where they run, for the record: ``"cuda:0"``.
    """

    device: str

    @abstractmethod
    def run(self, batches: Sequence[Batch]) -> Iterator[Finished]:
        """Do batches and yield each when it is finished, in any order.

        A batch is done as a whole by one worker, so that equal batches give equal images. An
        engine writes nothing: the caller is the only writer of a run directory.
        """


class Engine(ABC):
    """A way to do the work of a plan."""

    @abstractmethod
    def start(self, plan: Plan) -> AbstractContextManager[Workers]:
        """Load what the work needs.

        Raises:
            TpgbenchError: A device or a model is unavailable. Nothing has been written then.
        """
