"""The command line: it parses, calls `tpgbench.api.runs`, and prints."""

from __future__ import annotations

import io
import json
import os
import sys
import warnings
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click

from .. import __version__
from ..core.errors import TpgbenchError, UnknownNameError
from .metrics import metrics as metrics_command
from .metrics import unverified_option
from .metrics import weights as weights_command
from .train import convert as convert_command
from .train import train as train_command

if TYPE_CHECKING:
    from pydantic import BaseModel

    from ..api.runs import RunOutcome

Command = TypeVar("Command", bound=Callable[..., Any])

EXIT_INCOMPLETE = 1
EXIT_REFUSED = 2
EXIT_DEFECT = 70
EXIT_INTERRUPTED = 130

EPILOG = """Exit codes: 0 complete; 1 finished, but something that was asked for is missing; 2
refused or wrong input, nothing written; 70 a defect of tpgbench or of a plug-in. Results go to
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


def _together(*options: Callable[[Command], Command]) -> Callable[[Command], Command]:
    def apply(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return apply


_FOLDER = click.Path(path_type=Path)
_json = click.option("--json", "as_json", is_flag=True, help="Print JSON on stdout.")
_metrics = _together(
    click.option(
        "--metrics",
        multiple=True,
        metavar="NAME[@VARIANT],...",
        help="Metrics to compute, by comma; default: the task's.",
    ),
    click.option("--preset", help="Metrics of a try-on repository: ladi, catvton or hrvton."),
    unverified_option,
)
_frame = _together(
    click.option("--split", default="test", show_default=True, help="Split of the dataset."),
    click.option("--config", help="Configuration of the dataset; default: its first."),
    click.option("--limit", type=int, help="Only the first so many samples; can be raised later."),
    click.option("--size", type=int, help="Side of the frame in px; default: the dataset's."),
    click.option("--fit", help="Frame: box, pad or stretch; default: the dataset's."),
)
_generation = _together(
    click.option("--model", required=True, help="See 'tpgbench list models'."),
    click.option("--dataset", metavar="NAME|DIR", help="Default: the task's embedded dataset."),
    _frame,
    click.option("-o", "--option", multiple=True, metavar="KEY=VALUE", help="Option of the model."),
    click.option("--weights", metavar="DIR|ID", help="Weights of the model."),
    click.option("--batch-size", type=int, help="Samples a call; default: the model's."),
    click.option("--seed", type=int, default=0, show_default=True, help="Seed of the run."),
    click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, mps."),
    click.option("--precision", help="fp32, bf16, ...; default: the model's."),
    click.option("--out", type=_FOLDER, help="Run directory; default: runs/NAME-OF-THE-RUN."),
    click.option("--overwrite", is_flag=True, help="Replace another run in that folder."),
)


@cli.command()
@_generation
@_metrics
@_json
def run(option: Sequence[str], metrics: Sequence[str], as_json: bool, **given: Any) -> int:
    """Generate, score and report. The same command resumes an interrupted run."""
    from .. import api
    from ..benchmark.model_options import parse_assignments

    chosen = _split(metrics, given.pop("preset"))
    outcome = api.run(
        **given,
        options=parse_assignments(option),
        metrics=chosen,
        show_progress=True,
        command=_typed(),
    )
    return _show(outcome, as_json)


@cli.command()
@_generation
def generate(option: Sequence[str], **given: Any) -> int:
    """Only generate the images of a run."""
    from .. import api
    from ..benchmark.model_options import parse_assignments

    generated = api.generate(
        **given, options=parse_assignments(option), show_progress=True, command=_typed()
    )
    click.echo(generated.store.path)
    if not generated.failures:
        return 0
    sample_id, error = next(iter(generated.failures.items()))
    _say(f"{len(generated.failures)} samples failed; the first, {sample_id}: {error}")
    return EXIT_INCOMPLETE


@cli.command()
@click.argument("path", metavar="RUN|IMAGES", type=_FOLDER)
@click.option("--dataset", metavar="NAME|DIR", help="For images made elsewhere: their dataset.")
@_frame
@click.option("--name", default="outside", show_default=True, help="Name of the outside method.")
@click.option("--manifest", type=_FOLDER, help="CSV or JSONL with sample_id and file.")
@click.option("--resize", is_flag=True, help="Resize outside images of another size.")
@click.option("--out", type=_FOLDER, help="Where the scores of outside images go.")
@_metrics
@_json
def score(
    path: Path, dataset: str | None, metrics: Sequence[str], as_json: bool, **given: Any
) -> int:
    """Score a run directory, or images made elsewhere (with --dataset)."""
    from .. import api

    chosen = _split(metrics, given.pop("preset"))
    if (path / "run.json").exists():
        _refuse_given(given, "a run directory has its own; it is for images made elsewhere")
        outcome = api.score(path, metrics=chosen, dataset=dataset, show_progress=True)
    elif dataset is None:
        raise TpgbenchError(f"{path}: not a run directory; for images made elsewhere add --dataset")
    else:
        outcome = api.score_images(
            path, dataset, metrics=chosen, show_progress=True, command=_typed(), **given
        )
    return _show(outcome, as_json)


@cli.command()
@click.argument("path", metavar="RUN", type=_FOLDER)
@click.option("--dataset", metavar="NAME|DIR", help="Where the dataset is now, if it has moved.")
def report(path: Path, dataset: str | None) -> int:
    """Write report.html of a scored run."""
    from .. import api

    click.echo(api.report(path, dataset=dataset))
    return 0


@cli.command()
@click.argument("paths", metavar="RUN RUN...", nargs=-1, type=_FOLDER)
@click.option("--html", type=_FOLDER, help="Also write a page to this file.")
@_json
def compare(paths: Sequence[Path], html: Path | None, as_json: bool) -> int:
    """Compare scored runs of the same data by paired tests, Holm-corrected."""
    from .. import api
    from ..leaderboard.comparison import write_comparison
    from ..leaderboard.terminal import comparison_table

    if html is not None and html.suffix.lower() not in (".html", ".htm"):
        raise TpgbenchError(f"--html {html}: give a file that ends in .html")
    comparison = api.compare(paths)
    if as_json:
        _print_json(comparison)
    else:
        _print_table(comparison_table(comparison))
    if html is not None:
        write_comparison(comparison, html)
        _say(f"page: {html}")
    return 0


@cli.command("build-dataset")
@click.argument("name")
@click.option("--source", metavar="DIR|ARCHIVE|ID", help="The owner's folder or .zip, .tar(.gz).")
@click.option("--out", type=_FOLDER, required=True, help="Folder to make.")
@click.option("--size", type=int, help="Longer side of images, at most; or rendered size, in px.")
@click.option("--train-rows", type=int, default=0, help="Rows of a procedural dataset's train.")
@click.option("--workers", type=int, default=1, show_default=True, help="Processes.")
@click.option("--strict", is_flag=True, help="Refuse on any finding; write nothing.")
@click.option("--push-to-hub", metavar="OWNER/NAME", help="Publish it, as a private dataset.")
@_json
def build_dataset(name: str, as_json: bool, **given: Any) -> int:
    """Package a dataset as Parquet, from its owner's files or rendered."""
    from .. import api

    built = api.build_dataset(name, **given)
    if as_json:
        click.echo(json.dumps(built.as_dict(), indent=2, ensure_ascii=False))
    else:
        click.echo("\n".join(built.lines()))
    return EXIT_INCOMPLETE if built.left_out else 0


@cli.command("verify-dataset")
@click.argument("folder", metavar="DIR", type=_FOLDER)
@click.option("--source", type=_FOLDER, help="The owner's folder or archive, to check too.")
@_json
def verify_dataset(folder: Path, source: Path | None, as_json: bool) -> int:
    """Check a built dataset against its build.json and manifest."""
    from .. import api

    found = api.verify_dataset(folder, source=source)
    if as_json:
        click.echo(json.dumps(found.as_dict(), indent=2, ensure_ascii=False))
    else:
        click.echo("\n".join(found.lines()))
    return EXIT_INCOMPLETE if found.differences else 0


@cli.command("show-dataset")
@click.argument("dataset", metavar="NAME|DIR")
@click.option("--split", default="test", show_default=True, help="Split of the dataset.")
@click.option("--config", help="Configuration of the dataset; default: its first.")
@click.option("--limit", type=int, default=48, show_default=True, help="How many rows.")
@click.option("--size", type=int, help="Side of the pattern, for a procedural dataset.")
@click.option("--out", type=_FOLDER, help="The picture (.png); default: NAME-SPLIT.png.")
def show_dataset(dataset: str, **given: Any) -> int:
    """Show the first rows of a dataset as a picture and an HTML page."""
    from .. import api

    sheet = api.show_dataset(dataset, **given)
    click.echo(f"{sheet.picture}\n{sheet.page}")
    if not sheet.problems:
        return 0
    _say(f"{len(sheet.problems)} of {sheet.shown} rows cannot be read; {sheet.problems[0]}")
    return EXIT_INCOMPLETE


@cli.command("list")
@click.argument("kind", metavar="models|datasets|metrics")
@_json
def list_(kind: str, as_json: bool) -> int:
    """List the models, datasets or metrics that there are."""
    from ..benchmark import catalogue
    from ..leaderboard.catalogue_tables import catalogue_table

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
        _print_table(catalogue_table(entries))
    return 0


@cli.command()
@_json
def doctor(as_json: bool) -> int:
    """Show versions, devices, and which weights are here or missing."""
    from ..benchmark.catalogue import diagnose
    from ..leaderboard.catalogue_tables import diagnosis_table

    diagnosis = diagnose()
    if as_json:
        _print_json(diagnosis)
    else:
        _print_table(diagnosis_table(diagnosis))
    return EXIT_INCOMPLETE if diagnosis.broken else 0


cli.add_command(metrics_command)
cli.add_command(train_command)
cli.add_command(convert_command)
cli.add_command(weights_command)


def _split(texts: Sequence[str], preset: str | None) -> list[str] | None:
    names = [name.strip() for text in texts for name in text.split(",") if name.strip()]
    if texts and not names:
        raise TpgbenchError("--metrics: name at least one; see 'tpgbench list metrics'")
    if preset is not None:
        from ..metrics.presets import get_preset

        names += get_preset(preset).metrics
    return names or None


def _refuse_given(options: Iterable[str], why: str) -> None:
    context = click.get_current_context()
    for name in options:
        if context.get_parameter_source(name) is not click.core.ParameterSource.DEFAULT:
            raise TpgbenchError(f"--{name.replace('_', '-')}: {why}")


def _typed() -> tuple[str, ...]:
    return ("tpgbench", *sys.argv[1:])


def _show(outcome: RunOutcome, as_json: bool) -> int:
    from ..leaderboard.terminal import result_table

    if as_json:
        _print_json(outcome.result)
    else:
        _print_table(result_table(outcome.result))
    for note in outcome.notes:
        _say(f"note: {note}")
    for problem in outcome.problems:
        _say(f"incomplete: {problem}")
    _say(f"report: {outcome.report}" if outcome.report else f"run: {outcome.path}")
    return outcome.exit_code


def _print_json(document: BaseModel) -> None:
    click.echo(document.model_dump_json(indent=2))


def _print_table(table: object) -> None:
    from rich.console import Console

    Console(soft_wrap=False).print(table)


def _say(line: str) -> None:
    click.echo(line, err=True)


def _warn(message: Warning | str, *_: Any, **__: Any) -> None:
    """Stand in for `warnings.showwarning`: one line, no source."""
    _say(f"warning: {' '.join(str(message).split())}")


def _refuse(message: str) -> NoReturn:
    _say(f"error: {' '.join(message.split())}")
    sys.exit(EXIT_REFUSED)


def main() -> NoReturn:
    """Run the command line; what a user can get wrong ends in one line and exit code 2."""
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
        _say("interrupted: the same command goes on where it stopped")
        sys.exit(EXIT_INTERRUPTED)
    except BrokenPipeError:
        # Whoever read our output has gone; Python would complain again when it flushes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(EXIT_INCOMPLETE)
    except OSError as error:
        _refuse(f"{error.filename or 'file'}: {error.strerror or error}")
    except Exception as error:
        if os.environ.get("TPGBENCH_TRACEBACK"):
            raise
        _say(
            f"error: {type(error).__name__}: {' '.join(str(error).split())} (a defect, please "
            "report it; TPGBENCH_TRACEBACK=1 shows where)"
        )
        sys.exit(EXIT_DEFECT)
