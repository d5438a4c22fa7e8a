"""Command-line options made from the lists of `tpgbench.core.options`."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, TypeVar, get_args

import click

from ..core.options import ListedOption, listed

Command = TypeVar("Command", bound=Callable[..., Any])


class _GivenPath(click.Path):
    """A path; an empty text, as of a shell variable that is not set, is none."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not str(value).strip():
            self.fail("the path is empty, as of a variable that is not set", param, ctx)
        return super().convert(value, param, ctx)


FOLDER = _GivenPath(path_type=Path)
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON on stdout.")


def _as_format(context: click.Context, _: click.Parameter, given: bool) -> None:
    if given:
        context.params["form"] = "json"


def output_format(command: Command) -> Command:
    """Add ``--format``, and ``--json`` as a short form; the command takes ``form``."""
    return together(
        click.option(
            "--format",
            "form",
            type=click.Choice(["text", "json", "csv", "markdown", "latex"]),
            default="text",
            show_default=True,
            is_eager=True,
            help="How values are printed.",
        ),
        click.option(
            "--json",
            is_flag=True,
            expose_value=False,
            callback=_as_format,
            help="The same as --format json.",
        ),
    )(command)


def together(*options: Callable[[Command], Command]) -> Callable[[Command], Command]:
    """Return one decorator for several options, shown in this order."""

    def apply(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return apply


def options_of(options: type, *, leave_out: Collection[str] = ()) -> Callable[[Command], Command]:
    """Return a decorator that adds a list's options, in its order.

    Args:
        options: The list.
        leave_out: Names that the command does not take.
    """
    return together(
        *(_click(one) for one in listed(options) if one.option.cli and one.name not in leave_out)
    )


def given_options() -> list[str]:
    """Return the names of the options that were typed, as the command line writes them."""
    context = click.get_current_context()
    default = click.core.ParameterSource.DEFAULT
    return [
        parameter.opts[-1]
        for parameter in context.command.params
        if isinstance(parameter, click.Option)
        and context.get_parameter_source(str(parameter.name)) is not default
    ]


def _click(one: ListedOption) -> Callable[[Command], Command]:
    option = one.option
    flags = option.flags or (f"--{one.name.replace('_', '-')}",)
    kinds = {kind for kind in (get_args(one.kind) or (one.kind,)) if kind is not type(None)}
    about: dict[str, Any] = {"help": option.help, "metavar": option.metavar}
    if kinds == {bool}:
        return click.option(*flags, one.name, is_flag=True, help=option.help)
    if option.separated or option.flags:
        return click.option(*flags, one.name, multiple=True, **about)
    if kinds == {int}:
        about["type"] = int
    elif Path in kinds and option.metavar is None:
        about["type"] = FOLDER
    if option.default is not None:
        about |= {"default": option.default, "show_default": True}
    return click.option(*flags, one.name, **about)
