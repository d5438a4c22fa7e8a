"""The commands of datasets: build, verify and show."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from .options import FOLDER, as_json
from .printing import say, show_problems


@click.command("build-dataset")
@click.argument("name")
@click.option("--source", metavar="DIR|ARCHIVE|ID", help="The owner's folder or .zip, .tar(.gz).")
@click.option("--out", type=FOLDER, required=True, help="Folder to make.")
@click.option("--size", type=int, help="Longer side of images, at most; or rendered size, in px.")
@click.option("--train-rows", type=int, default=0, help="Rows of a procedural dataset's train.")
@click.option("--workers", type=int, default=1, show_default=True, help="Processes.")
@click.option("--strict", is_flag=True, help="Refuse on any finding; write nothing.")
@click.option("--push-to-hub", metavar="OWNER/NAME", help="Publish it, as a private dataset.")
@as_json
def build_dataset(name: str, as_json: bool, **given: Any) -> int:
    """Package a dataset as Parquet, from its owner's files or rendered."""
    from .. import api

    built = api.build_dataset(name, **given, show_progress=True)
    if as_json:
        click.echo(json.dumps(built.as_dict(), indent=2, ensure_ascii=False))
    else:
        click.echo("\n".join(built.lines()))
    return built.exit_code


@click.command("verify-dataset")
@click.argument("folder", metavar="DIR", type=FOLDER)
@click.option("--source", type=FOLDER, help="The owner's folder or archive, to check too.")
@as_json
def verify_dataset(folder: Path, source: Path | None, as_json: bool) -> int:
    """Check a built dataset against its build.json and manifest."""
    from .. import api

    found = api.verify_dataset(folder, source=source, show_progress=True)
    if as_json:
        click.echo(json.dumps(found.as_dict(), indent=2, ensure_ascii=False))
    else:
        click.echo("\n".join(found.lines()))
    return found.exit_code


@click.command("make-masks")
@click.argument("photos", metavar="PHOTOS", type=FOLDER)
@click.option("--masks", default="auto", metavar="auto|DIR|ID", help="auto, or a model.")
@click.option("--out", type=FOLDER, help="Folder to make; default: PHOTOS/mask.")
def make_masks(photos: Path, masks: str, out: Path | None) -> int:
    """Write masks for photos that have none, and a contact sheet to look at them."""
    from .. import api

    done = api.make_masks(photos, out=out, masks=masks, show_progress=True)
    click.echo(f"{done.path}: {done.made} masks\n{done.sheet.picture}\n{done.sheet.page}")
    for name, doubt in done.doubtful.items():
        say(f"look at {name}: {doubt}")
    return show_problems(done)


@click.command("show-dataset")
@click.argument("dataset", metavar="NAME|DIR")
@click.option("--split", default="test", show_default=True, help="Split of the dataset.")
@click.option("--config", help="Configuration of the dataset; default: its first.")
@click.option("--data-seed", "seed", type=int, default=0, help="Seed of a procedural dataset.")
@click.option("--masks", default="given", metavar="auto|DIR|ID", help="As of run.")
@click.option("--limit", type=int, default=48, show_default=True, help="How many rows.")
@click.option("--size", type=int, help="Side of the pattern, for a procedural dataset.")
@click.option("--out", type=FOLDER, help="The picture (.png); default: NAME-SPLIT.png.")
def show_dataset(dataset: str, **given: Any) -> int:
    """Show the first rows of a dataset as a picture and an HTML page."""
    from .. import api

    sheet = api.show_dataset(dataset, **given)
    click.echo(f"{sheet.picture}\n{sheet.page}")
    if sheet.problems:
        say(f"{len(sheet.problems)} of {sheet.shown} rows cannot be read; {sheet.problems[0]}")
    return sheet.exit_code
