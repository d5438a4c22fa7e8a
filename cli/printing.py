"""What the commands print: data on stdout, everything else on stderr."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from pydantic import BaseModel

    from ..api.outcomes import RunOutcome
    from ..benchmark.catalogue import Kind
    from ..core.outcome import Outcome
    from ..leaderboard.exported_tables import Format


def typed() -> tuple[str, ...]:
    """Return the command line, for the record."""
    return ("tpgbench", *sys.argv[1:])


def say(line: str) -> None:
    """Print a line on stderr."""
    click.echo(line, err=True)


def print_json(document: BaseModel) -> None:
    """Print a document on stdout."""
    click.echo(document.model_dump_json(indent=2))


def print_table(table: object) -> None:
    """Print a rich table on stdout, and the notes below it in full."""
    from rich.console import Console

    Console(soft_wrap=False).print(table, crop=False)


def say_broken(*kinds: Kind) -> int:
    """Print on stderr which registered entries are broken, a line each; return the exit code."""
    from ..benchmark.catalogue import find_broken

    lines = [line for kind in kinds for line in find_broken(kind)]
    for line in lines:
        say(f"not listed: {line}")
    return 1 if lines else 0


def show_run(outcome: RunOutcome, form: Format) -> int:
    """Print a run's values, then what a user should know; return the exit code."""
    from ..leaderboard.exported_tables import export_values
    from ..leaderboard.result_tables import result_table

    if form == "json":
        print_json(outcome.result)
    elif form == "text":
        print_table(result_table(outcome.result))
    else:
        click.echo(export_values(outcome.result.metrics, form))
    for note in outcome.notes:
        say(f"note: {note}")
    show_problems(outcome)
    say(f"report: {outcome.report}" if outcome.report else f"run: {outcome.path}")
    return outcome.exit_code


def show_problems(outcome: Outcome) -> int:
    """Print what is missing on stderr; return the exit code."""
    for problem in outcome.problems:
        say(f"incomplete: {problem}")
    return outcome.exit_code
