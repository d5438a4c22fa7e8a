"""The commands of runs: run, generate, score, report and compare."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..benchmark.run.options import (
    ExportOptions,
    ExternalOptions,
    GenerateOptions,
    RunOptions,
    ScoreOptions,
)
from ..core.errors import TpgbenchError
from ..core.options import split_names
from .metrics import unverified_option
from .options import FOLDER, given_options, options_of, output_format, together
from .printing import print_json, print_table, say, show_problems, show_run, typed

if TYPE_CHECKING:
    from ..leaderboard.exported_tables import Format

_model = click.option("--model", required=True, help="See 'tpgbench list models'.")
_presets = together(
    click.option("--preset", help="Metrics of a try-on repository: ladi, catvton or hrvton."),
    unverified_option,
)


@click.command()
@_model
@options_of(RunOptions)
@_presets
@output_format
def run(options: Sequence[str], metrics: Sequence[str], preset: str | None, **given: Any) -> int:
    """Generate, score and report. The same command resumes an interrupted run."""
    from .. import api
    from ..benchmark.model_options import parse_assignments

    form = given.pop("form")
    outcome = api.run(
        **given,
        options=parse_assignments(options),
        metrics=_metric_names(metrics, preset),
        show_progress=True,
        command=typed(),
    )
    return show_run(outcome, form)


@click.command()
@_model
@options_of(GenerateOptions)
def generate(options: Sequence[str], **given: Any) -> int:
    """Only generate the images of a run."""
    from .. import api
    from ..benchmark.model_options import parse_assignments

    outcome = api.generate(
        **given, options=parse_assignments(options), show_progress=True, command=typed()
    )
    click.echo(outcome.path)
    return show_problems(outcome)


@click.command("export-inputs")
@click.option("--dataset", required=True, metavar="NAME|DIR", help="Dataset's name or folder.")
@click.option("--out", required=True, type=FOLDER, help="Folder to make.")
@options_of(ExportOptions)
def export_inputs(dataset: str, out: Path, **given: Any) -> int:
    """Write what a model is given as files: photos, masks, manifest.jsonl; never the truth."""
    from .. import api

    outcome = api.export_inputs(dataset, out, **given, show_progress=True)
    click.echo(outcome.path)
    return show_problems(outcome)


@click.command()
@click.argument("path", metavar="RUN|IMAGES", type=FOLDER)
@click.option("--dataset", metavar="NAME|DIR", help="For external images: their dataset.")
@options_of(ExternalOptions)
@_presets
@output_format
def score(
    path: Path, dataset: str | None, metrics: Sequence[str], preset: str | None, **given: Any
) -> int:
    """Score a run directory, or images made elsewhere (with --dataset)."""
    from .. import api

    form = given.pop("form")
    names = _metric_names(metrics, preset)
    if (path / "run.json").exists():
        _refuse_options_of_external_images()
        outcome = api.score(path, metrics=names, dataset=dataset, show_progress=True)
    elif dataset is None:
        raise TpgbenchError(f"{path}: not a run directory; for images made elsewhere add --dataset")
    else:
        outcome = api.score_images(
            path, dataset, metrics=names, show_progress=True, command=typed(), **given
        )
    return show_run(outcome, form)


@click.command()
@click.argument("path", metavar="RUN", type=FOLDER)
@options_of(ScoreOptions, leave_out=("metrics",))
def report(path: Path, dataset: str | None) -> int:
    """Write report.html of a scored run."""
    from .. import api

    outcome = api.report(path, dataset=dataset)
    click.echo(outcome.path)
    return show_problems(outcome)


@click.command()
@click.argument("paths", metavar="RUN RUN...", nargs=-1, type=FOLDER)
@click.option("--html", type=FOLDER, help="Also write a page to this file.")
@output_format
def compare(paths: Sequence[Path], html: Path | None, form: Format) -> int:
    """Compare scored runs of the same data by paired tests, Holm-corrected."""
    from .. import api
    from ..leaderboard.comparison_page import write_comparison
    from ..leaderboard.exported_tables import export_comparison
    from ..leaderboard.result_tables import comparison_table

    if html is not None and html.suffix.lower() not in (".html", ".htm"):
        raise TpgbenchError(f"--html {html}: give a file that ends in .html")
    comparison = api.compare(paths)
    if form == "json":
        print_json(comparison)
    elif form == "text":
        print_table(comparison_table(comparison))
    else:
        click.echo(export_comparison(comparison, form))
    if html is not None:
        write_comparison(comparison, html)
        say(f"page: {html}")
    return comparison.exit_code


def _metric_names(texts: Sequence[str], preset: str | None) -> list[str] | None:
    names = split_names(texts)
    if texts and not names:
        raise TpgbenchError("--metrics: name at least one; see 'tpgbench list metrics'")
    if preset is not None:
        from ..metrics.folders.presets import get_preset

        names += get_preset(preset).metrics
    return names or None


def _refuse_options_of_external_images() -> None:
    allowed = {
        "--dataset",
        "--metrics",
        "--preset",
        "--json",
        "--format",
        "--unverified-weights",
    }
    for flag in given_options():
        if flag not in allowed:
            raise TpgbenchError(
                f"{flag}: a run directory has its own; it is for images made elsewhere"
            )
