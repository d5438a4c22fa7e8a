"""Several datasets in one training, taking turns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from .objective import Batches


class Turns(Batches):
    """Whole batches of several datasets, one after another, round after round.

    Args:
        members: One a dataset; each is asked as if there were no others.
        order: Which member has each turn of a round, by its place; one with more turns has a
            larger share of the training.
    """

    def __init__(self, members: Sequence[Batches], order: Sequence[int]) -> None:
        self._members = tuple(members)
        self._order = tuple(order)

    def take(self, step: int, rank: int, ranks: int) -> dict[str, Tensor]:
        """Return the batch of the dataset whose turn it is.

        Raises:
            TpgbenchError: A row cannot be had.
        """
        place = self._order[step % len(self._order)]
        return self._members[place].take(self._own_step(place, step), rank, ranks)

    def prepare(self, step: int, ranks: int) -> None:
        """Have what is taken about a later step made, without waiting."""
        for place, member in enumerate(self._members):
            member.prepare(self._own_step(place, step), ranks)

    def identity(self) -> dict[str, Any]:
        """Return what determines the batches."""
        return {"turns": [self._members[place].identity() for place in self._order]}

    def _own_step(self, place: int, step: int) -> int:
        """Return how many turns a member has had before a step."""
        rounds, turn = divmod(step, len(self._order))
        return rounds * self._order.count(place) + self._order[:turn].count(place)
