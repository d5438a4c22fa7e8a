"""Several datasets in one training."""

from __future__ import annotations

import pytest
import torch
from tpgbench.reference_models.training.objective import Batches
from tpgbench.reference_models.training.turns import Turns


class Counted(Batches):
    """Says who was asked, and for which step."""

    def __init__(self, name):
        self.name = name
        self.prepared = []

    def take(self, step, rank, ranks):
        return {"said": (self.name, step, rank, ranks)}

    def prepare(self, step, ranks):
        self.prepared.append(step)

    def identity(self):
        return {"name": self.name}


def asked(turns, steps):
    return [turns.take(step, 0, 1)["said"][:2] for step in range(steps)]


def test_each_is_asked_as_if_there_were_no_others():
    turns = Turns([Counted("a"), Counted("b")], [0, 0, 1])

    assert asked(turns, 7) == [
        ("a", 0),
        ("a", 1),
        ("b", 0),
        ("a", 2),
        ("a", 3),
        ("b", 1),
        ("a", 4),
    ]


def test_the_processes_of_a_step_have_the_same_turn():
    turns = Turns([Counted("a"), Counted("b")], [0, 1])

    assert [turns.take(5, rank, 2)["said"] for rank in range(2)] == [
        ("b", 2, 0, 2),
        ("b", 2, 1, 2),
    ]


@pytest.mark.parametrize("step", range(7))
def test_what_is_prepared_is_taken_next(step):
    members = [Counted("a"), Counted("b")]
    turns = Turns(members, [0, 0, 1])
    turns.prepare(step, 1)

    later = asked(turns, step + 3)[step:]
    for member in members:
        assert member.prepared == [min(own for name, own in later if name == member.name)]


def test_the_shares_are_part_of_what_determines_a_training():
    members = [Counted("a"), Counted("b")]
    assert Turns(members, [0, 0, 1]).identity() != Turns(members, [0, 1]).identity()


def test_batches_are_passed_on_as_they_are():
    class Tensors(Counted):
        def take(self, step, rank, ranks):
            return {"x": torch.full((2,), float(step))}

    torch.testing.assert_close(Turns([Tensors("a")], [0]).take(4, 0, 1)["x"], torch.full((2,), 4.0))
