"""Options that are listed once, for the Python signature, the command line and the docs.

A list of options is a ``TypedDict`` whose fields are annotated with an `Option`:

    class RunOptions(TypedDict, total=False):
        limit: Annotated[int | None, Option("Only the first N samples.")]

A function takes it as ``**options: Unpack[RunOptions]``, so type checkers know each name and
type; `takes` gives it the signature and the documentation, and `resolve` checks what was given.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, get_args, get_origin, get_type_hints

from .errors import TpgbenchError, UnknownNameError

if TYPE_CHECKING:
    from pydantic import TypeAdapter

Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True)
class Option:
    """An option, apart from its name and type.

    Attributes:
        help: One sentence.
        default: Its value if it is not given.
        flags: On the command line; by default ``--its-name``.
        metavar: The placeholder of its value in the help of the command line.
        separated: Whether it is a list of names that may be given as one text with commas.
        cli: Whether the command line has it.
    """

    help: str
    default: Any = None
    flags: tuple[str, ...] = ()
    metavar: str | None = None
    separated: bool = False
    cli: bool = True


@dataclass(frozen=True)
class ListedOption:
    """An option of a list.

    Attributes:
        name: As Python writes it: ``"batch_size"``.
        kind: Its type, without the annotations.
        option: Its help, default and flags.
    """

    name: str
    kind: Any
    option: Option


def listed(options: type) -> tuple[ListedOption, ...]:
    """Return the options of a list, those of its bases first.

    Args:
        options: A ``TypedDict`` as this module describes.
    """
    hints = get_type_hints(options, include_extras=True)
    found = []
    for name, hint in hints.items():
        kind, *annotations = get_args(hint) if get_origin(hint) is Annotated else (hint,)
        option = next(one for one in annotations if isinstance(one, Option))
        found.append(ListedOption(name, kind, option))
    return tuple(found)


def resolve(options: type, given: Mapping[str, Any]) -> dict[str, Any]:
    """Check what was given and fill in the defaults.

    Args:
        options: The list.
        given: Values by name.

    Raises:
        UnknownNameError: A name that is not in the list.
        TpgbenchError: A value of the wrong type.
    """
    from pydantic import ValidationError

    from .documents import first_problem

    known = {one.name: one.option for one in listed(options)}
    values = dict(given)
    for name, value in given.items():
        if name not in known:
            raise UnknownNameError("option", name, known)
        if known[name].separated and isinstance(value, str):
            values[name] = split_names([value])
    try:
        checked: dict[str, Any] = _adapter(options).validate_python(values)
    except ValidationError as error:
        raise TpgbenchError(first_problem(error).in_options) from error
    defaults: dict[str, Any] = {name: option.default for name, option in known.items()}
    return defaults | checked


def split_names(texts: Sequence[str]) -> list[str]:
    """Return the names in texts that separate them by commas: ``["ssim,psnr"]``."""
    return [name.strip() for text in texts for name in text.split(",") if name.strip()]


@lru_cache(maxsize=32)
def _adapter(options: type) -> TypeAdapter[Any]:
    from pydantic import TypeAdapter  # not at the top: listing options must be quick

    return TypeAdapter(options)


def takes(options: type) -> Callable[[Function], Function]:
    """Give a function with ``**options: Unpack[...]`` its full signature and documentation.

    Its docstring's line ``    Options:`` is replaced by the list.
    """

    def apply(function: Function) -> Function:
        signature = inspect.signature(function)
        kept = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
        names = {one.name for one in kept}
        added = [
            inspect.Parameter(
                one.name,
                inspect.Parameter.KEYWORD_ONLY,
                default=one.option.default,
                annotation=one.kind,
            )
            for one in listed(options)
            if one.name not in names
        ]
        function.__signature__ = signature.replace(parameters=[*kept, *added])  # type: ignore[attr-defined]
        lines = "\n".join(f"        {p.name}: {_described(options, p.name)}" for p in added)
        function.__doc__ = (function.__doc__ or "").replace("        <options>", lines)
        return function

    return apply


def _described(options: type, name: str) -> str:
    return next(one.option.help for one in listed(options) if one.name == name)
