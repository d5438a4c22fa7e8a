from __future__ import annotations

import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import pytest
from tpgbench.core.errors import TpgbenchError
from tpgbench.core.options import Option, listed, resolve, split_names, takes
from typing_extensions import TypedDict, Unpack


class Base(TypedDict, total=False):
    count: Annotated[int | None, Option("How many.")]


class Options(Base, total=False):
    names: Annotated[Sequence[str] | None, Option("Names.", separated=True)]
    place: Annotated[str | Path, Option("Where.", default="here")]
    loud: Annotated[bool, Option("Shout.", default=False)]


@takes(Options)
def act(what: str, **options: Unpack[Options]) -> dict[str, object]:
    """Act.

    Args:
        what: What.
        <options>
    """
    return resolve(Options, options)


def test_a_list_holds_its_bases_options_first():
    assert [one.name for one in listed(Options)] == ["count", "names", "place", "loud"]


def test_a_function_gets_the_lists_signature_and_documentation():
    signature = inspect.signature(act)
    assert [*signature.parameters] == ["what", "count", "names", "place", "loud"]
    assert signature.parameters["place"].default == "here"
    assert signature.parameters["count"].annotation == int | None
    assert "        count: How many.\n        names: Names.\n" in act.__doc__
    assert "<options>" not in act.__doc__


def test_defaults_fill_in_what_is_not_given():
    assert act("x", count=3) == {"count": 3, "names": None, "place": "here", "loud": False}


def test_a_list_of_names_may_be_one_text():
    assert act("x", names="a, b,,c")["names"] == ["a", "b", "c"]
    assert act("x", names=("a", "b"))["names"] == ("a", "b")
    assert split_names(["a,b", " c "]) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"cuont": 3}, "unknown option 'cuont': did you mean 'count'"),
        ({"count": "many"}, "count=many: input should be a valid integer"),
        ({"names": [1]}, r"names\.0=1: input should be a valid string"),
        ({"loud": "perhaps"}, "loud=perhaps: input should be a valid boolean"),
    ],
)
def test_what_is_wrong_is_one_line(given, message):
    with pytest.raises(TpgbenchError, match=message):
        act("x", **given)
