"""Where pairs come from: what the engine asks of a run, of folders, of tensors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from ..pair import Pair
from ..value import Score


@dataclass(frozen=True)
class Entry:
    """One sample of a source, before its images are decoded.

    Attributes:
        sample_id: Its id.
        group: Its garment: statistics draw garments, not samples.
        name: What to call the sample in an error.
        error: Why it cannot be used, where that is known before it is read.
        known: Scores that need not be computed again, by the metric's key.
    """

    sample_id: str
    group: str
    name: str = ""
    error: str | None = None
    known: Mapping[str, Score] = field(default_factory=dict)


ReadPair = Callable[[], Pair]


class PairSource(Protocol):
    """Where pairs come from: a run, folders, tensors."""

    @property
    def side(self) -> str | None:
        """The one image that each pair holds, ``"truth"`` or ``"output"``; None: whole pairs."""

    def __len__(self) -> int:
        """Return how many samples there are."""

    def open(self, index: int) -> tuple[Entry, ReadPair]:
        """Return a sample, and what decodes its pair; several threads may call both.

        The decoder raises `TpgbenchError` or `OSError` if the pair cannot be used.
        """
