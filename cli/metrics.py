"""The commands for metrics without a benchmark: ``tpgbench metrics`` and ``tpgbench weights``."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .options import FOLDER, output_format
from .options import as_json as json_option
from .printing import say_broken

if TYPE_CHECKING:
    from ..leaderboard.exported_tables import Format
    from ..metrics.base import Value


def _accept_unverified(_: click.Context, __: click.Parameter, given: bool) -> None:
    if given:
        os.environ["TPGBENCH_UNVERIFIED_WEIGHTS"] = "1"


unverified_option: Callable[[Callable[..., Any]], Callable[..., Any]] = click.option(
    "--unverified-weights",
    is_flag=True,
    expose_value=False,
    callback=_accept_unverified,
    help="Accept weights with another checksum; the recipe shows theirs.",
)


def _clear_cache(context: click.Context, _: click.Parameter, given: bool) -> None:
    if not given:
        return
    from ..metrics.features.cache import cache_folder, clear_cache

    click.echo(f"deleted the features of {clear_cache():,} image(s) in {cache_folder()}", err=True)
    context.exit()


@click.command()
@click.argument("names", metavar="METRIC[,METRIC...]|PRESET")
@click.argument("folders", metavar="[REAL] GENERATED", nargs=-1, required=True, type=FOLDER)
@click.option("--protocol", help="Protocol of fid, kid and is: clean, pytorch-fid, ...")
@click.option("--weights", type=FOLDER, help="Folder to look for weights in first.")
@click.option("--interval", is_flag=True, help="Give fid its interval, which takes a while.")
@click.option(
    "--save-statistics",
    "statistics",
    type=FOLDER,
    metavar="FILE.npz",
    help="Write REAL's statistics for fid or kid, to be given in its place later.",
)
@click.option(
    "--clear-cache",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_clear_cache,
    help="Delete the cached features of images (8 KiB each), and do nothing else.",
)
@click.option("--unpaired", type=FOLDER, help="Generated images of persons in other garments.")
@click.option(
    "--published", help="The complete test split that each set is: viton-hd, viton-hd-clean."
)
@unverified_option
@output_format
def metrics(names: str, folders: tuple[Path, ...], form: Format, **given: Any) -> int:
    """Compute metrics over two folders: ssim, lpips@vgg, fid, kid, ...

    A folder may be nested, and may be a zip file or, for fid and kid, a .npz file of statistics.
    Images of paired metrics are matched by name: equal ones, or PERSON_GARMENT and PERSON__GARMENT
    in GENERATED. Metrics that need the generated images alone (is, tileability@seam) take one
    folder. Metrics of garments, masks or captions (cts, retrieval, clip_score) read them from REAL:
    photos in it or in garment/, masks in mask/, ground truth in pattern/, captions in
    metadata.jsonl or NAME.txt. A preset (ladi, catvton, hrvton) computes what that repository's
    script does; with --unpaired, metrics of sets are computed of those images too. FID is ranked
    for 2,048 images or more, and for a complete --published split.
    """
    from ..leaderboard.exported_tables import export_values
    from ..metrics.folders.compute import compute_metrics
    from ..metrics.folders.presets import PRESETS, measure_preset

    if names in PRESETS:
        if len(folders) != 2 or given["protocol"] or given["statistics"]:
            raise click.UsageError(
                f"{names} takes two folders, and no --protocol or --save-statistics."
            )
        del given["protocol"], given["statistics"]
        results = measure_preset(names, *folders, **given)
    else:
        results = compute_metrics(names, folders, **given)
    if form == "json":
        facts = {"notes": list(results.notes)}
        documents = [value.model_dump(mode="json") | facts for value in results.values]
        document = documents[0] if len(documents) == 1 and names not in PRESETS else documents
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
    elif form == "text":
        for value in results.values:
            _print_value(value)
    else:
        click.echo(export_values(results.values, form))
    for note in (*results.notes, results.saved):
        if note:
            click.echo(f"note: {note}", err=True)
    for problem in results.problems:
        click.echo(f"incomplete: {problem}", err=True)
    return 1 if results.problems else 0


@click.group()
def weights() -> None:
    """List, fetch and find the weights of models and metrics."""


@weights.command("list")
@json_option
def list_(as_json: bool) -> int:
    """Show all weights: where they are, or what needs them and how to get them."""
    from ..benchmark.weight_list import list_weights

    statuses = list_weights()
    if as_json:
        documents = [status.model_dump(mode="json") for status in statuses]
        click.echo(json.dumps(documents, indent=2, ensure_ascii=False))
    else:
        for status in statuses:
            click.echo(f"{status.name}: {status.path or 'missing'}")
            click.echo(f"    for {', '.join(status.needed_by)}; licence {status.licence}")
            if status.path is None:
                click.echo(f"    {status.how_to_get}")
    return say_broken("models", "metrics")


@weights.command()
@click.argument("name")
def fetch(name: str) -> int:
    """Download weights by file name, by what needs them (lpips, clip), or "all"."""
    from ..benchmark.weight_list import fetch_weights

    for path in fetch_weights(name):
        click.echo(path)
    return 0


@weights.command("path")
@click.argument("name", required=False)
def path_(name: str | None) -> int:
    """Print the folder of weights, or where the named ones are or belong."""
    from ..benchmark.weight_list import weight_paths
    from ..core.weights import weights_folder

    for path in [weights_folder()] if name is None else weight_paths(name):
        click.echo(path)
    return 0


def _print_value(value: Value) -> None:
    from ..leaderboard.formatting import format_interval, format_number, format_value, unit_of

    facts = [f"n {value.n:,}"]
    if value.interval is not None:
        facts.append(f"95 % interval {format_interval(value)}")
    if value.spread is not None:
        facts.append(f"spread {format_number(value.spread)}")
    if value.infinite:
        facts.append(f"{value.infinite:,} infinite")
    if value.bias is not None:
        facts.append(f"bias about +{format_number(value.bias)} at this n")
    if value.unranked is not None:
        facts.append(f"not ranked: {value.unranked}")
    arrow = "\N{UPWARDS ARROW}" if value.higher_is_better else "\N{DOWNWARDS ARROW}"
    if value.not_computed is not None:  # why stands on stderr, one line a cause
        click.echo(f"{value.name} {arrow} not computed")
        return
    unit = unit_of(value.name)
    number = f"{format_value(value)} {unit}".rstrip()
    click.echo(f"{value.name} {arrow} {number} ({'; '.join(facts)})")
    click.echo(f"    {value.recipe}")
