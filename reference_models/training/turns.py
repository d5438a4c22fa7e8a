"""Several datasets in one training, in turn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from .objective import Batches


class Turns(Batches):
    """Whole batches of several datasets, one after another, round after round.

    Args:
        members: One per dataset; each is called as if there were no others.
        order: The member of each turn of a round, by index; a member with more turns has a
            larger share of the training.
    """

    def __init__(self, members: Sequence[Batches], order: Sequence[int]) -> None:
        self._members = tuple(members)
        self._order = tuple(order)

    def take(self, step: int, rank: int, ranks: int) -> dict[str, Tensor]:
        """Return the batch of the dataset whose turn it is.

        Raises:
            TpgbenchError: A row cannot be read.
        """
        place = self._order[step % len(self._order)]
        return self._members[place].take(turns_had(self._order, place, step), rank, ranks)

    def prepare(self, step: int, ranks: int) -> None:
        """Start making the rows around a later step, without waiting."""
        for place, member in enumerate(self._members):
            member.prepare(turns_had(self._order, place, step), ranks)

    def identity(self) -> dict[str, Any]:
        """Return what determines the batches."""
        members = {str(place): member.identity() for place, member in enumerate(self._members)}
        return {"order": list(self._order), "members": members}


def turns_had(order: Sequence[int], place: int, step: int) -> int:
    """Return the number of turns of a member before a step.

    Args:
        order: As in `Turns`.
        place: The member's.
        step: From 0.
    """
    rounds, turn = divmod(step, len(order))
    return rounds * order.count(place) + order[:turn].count(place)
