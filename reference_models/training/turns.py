"""Several datasets in one training, taking turns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from .objective import Batches


class Turns(Batches):
    """Whole batches of several datasets, one after another.

    Args:
        members: One a dataset; each is asked as if there were no others.
    """

    def __init__(self, members: Sequence[Batches]) -> None:
        self._members = tuple(members)

    def take(self, step: int, rank: int, ranks: int) -> dict[str, Tensor]:
        """Return the batch of the dataset whose turn it is.

        Raises:
            TpgbenchError: A row cannot be had.
        """
        own_step, place = divmod(step, len(self._members))
        return self._members[place].take(own_step, rank, ranks)

    def prepare(self, step: int, ranks: int) -> None:
        """Have what is taken about a later step made, without waiting."""
        for member in self._members:
            member.prepare(step // len(self._members), ranks)

    def identity(self) -> dict[str, Any]:
        """Return what determines the batches."""
        return {"turns": [member.identity() for member in self._members]}
