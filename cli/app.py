"""The command line: it parses, calls `tpgbench.api.runs`, and prints."""

from __future__ import annotations

import io
import json
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, cast

import click

from .. import __version__
from ..cli import datasets, metrics, runs, train
from ..core.errors import TpgbenchError, UnknownNameError
from .options import as_json as json_option
from .printing import print_json, say, say_broken

if TYPE_CHECKING:
    from pydantic import BaseModel

EXIT_INCOMPLETE = 1
EXIT_REFUSED = 2
EXIT_DEFECT = 70
EXIT_INTERRUPTED = 130

EPILOG = """Exit codes: 0 complete; 1 finished, but something that was asked for is missing; 2
refused or wrong input, nothing written; 70 a defect of tpgbench or of a plug-in, unless it costs a
sample or a metric alone: 1. Results go to
stdout, progress and errors to stderr."""


class _Group(click.Group):
    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            raise UnknownNameError("command", args[0], self.list_commands(ctx))
        return super().resolve_command(ctx, args)


@click.group(cls=_Group, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="tpgbench")
def cli() -> None:
    """Benchmark and datasets for textile pattern and fashion mannequin generation."""


@cli.command("list")
@click.argument("kind", metavar="models|datasets|metrics")
@json_option
def list_(kind: str, as_json: bool) -> int:
    """List the registered models, datasets or metrics, with options, variants and presets."""
    from ..benchmark import catalogue
    from ..leaderboard.catalogue_tables import catalogue_lines

    kinds: dict[str, Callable[[], Sequence[BaseModel]]] = {
        "models": catalogue.list_models,
        "datasets": catalogue.list_datasets,
        "metrics": catalogue.list_metrics,
    }
    if kind not in kinds:
        raise UnknownNameError("list", kind, kinds)
    entries = kinds[kind]()
    if as_json:
        click.echo(json.dumps([entry.model_dump(mode="json") for entry in entries], indent=2))
    else:
        click.echo("\n".join(catalogue_lines(entries)))
    return say_broken(cast("catalogue.Kind", kind))


@cli.command()
@json_option
def doctor(as_json: bool) -> int:
    """Show versions, devices, and which weights are here or missing."""
    from ..benchmark.catalogue import diagnose
    from ..leaderboard.catalogue_tables import diagnosis_lines

    diagnosis = diagnose()
    if as_json:
        print_json(diagnosis)
    else:
        click.echo("\n".join(diagnosis_lines(diagnosis)))
    return EXIT_INCOMPLETE if diagnosis.broken else 0


for command in (
    runs.run,
    runs.generate,
    runs.export_inputs,
    runs.score,
    runs.report,
    runs.compare,
    datasets.build_dataset,
    datasets.verify_dataset,
    datasets.show_dataset,
    datasets.make_masks,
    metrics.metrics,
    metrics.weights,
    train.train,
    train.convert,
):
    cli.add_command(command)


def _warn(message: Warning | str, *_: Any, **__: Any) -> None:
    """Stand in for `warnings.showwarning`: one line, no source."""
    say(f"warning: {' '.join(str(message).split())}")


def _refuse(message: str) -> NoReturn:
    say(f"error: {' '.join(message.split())}")
    sys.exit(EXIT_REFUSED)


def _open_closed_streams() -> None:
    """Give standard streams that were closed (``>&-``) to nothing.

    Otherwise the next file that is opened takes a stream's number, and what some library prints
    goes into it.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free: this one
        if getattr(sys, name) is None:
            mode = "r" if number == 0 else "w"
            setattr(sys, name, Path(os.devnull).open(mode))  # noqa: SIM115


def main() -> NoReturn:
    """Run the command line; what a user can get wrong ends in one line and exit code 2."""
    _open_closed_streams()
    warnings.showwarning = _warn
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that cannot show a sign shows "?"
    try:
        sys.exit(cli.main(standalone_mode=False))
    except TpgbenchError as error:
        _refuse(str(error))
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        sys.exit(EXIT_REFUSED)
    except click.UsageError as error:
        where = error.ctx.command_path if error.ctx else "tpgbench"
        _refuse(f"{error.format_message()} See '{where} --help'.")
    except click.ClickException as error:
        _refuse(error.format_message())
    except (KeyboardInterrupt, click.Abort):
        say("interrupted: the same command resumes")
        sys.exit(EXIT_INTERRUPTED)
    except BrokenPipeError:
        # Whoever read our output has gone; Python would complain again when it flushes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(EXIT_INCOMPLETE)
    except OSError as error:
        _refuse(f"{error.filename or 'output'}: {error.strerror or error}")
    except Exception as error:
        if os.environ.get("TPGBENCH_TRACEBACK"):
            raise
        say(
            f"error: {type(error).__name__}: {' '.join(str(error).split())} (a defect, please "
            "report it; TPGBENCH_TRACEBACK=1 shows where)"
        )
        sys.exit(EXIT_DEFECT)
