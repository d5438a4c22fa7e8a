"""The model card of a checkpoint: what was trained, for how long, and with which results."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import jinja2
from pydantic import BaseModel

from ...core.files import explain_os_errors, write_atomic
from ...core.places import command_without_places
from ..training.folder import CurvePoint, TrainingFolder, read_curve
from ..training.sessions import TrainingSession, read_sessions

CURVE = "curve.png"
RECORDS = "training"  # in a checkpoint: the records of its trainings, on which its card rests
EARLIER = "earlier"  # in a training's folder: the records of the trainings before it
_SESSIONS = "sessions.jsonl"
_CURVE_POINTS = "curve.jsonl"

_TEMPLATE = jinja2.Environment(
    autoescape=False,  # noqa: S701  # Markdown from our own records
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=jinja2.StrictUndefined,
).from_string(
    """\
---
{% if licence %}
license: {{ licence }}
{% endif %}
library_name: tpgbench
pipeline_tag: {{ text.pipeline_tag }}
tags: [{{ text.tags | join(", ") }}]
---
# {{ text.title }}

{{ text.about }}

| part | parameters |
|---|---|
{% for part, count in parameters.items() %}
| {{ part }} | {{ "{:,}".format(count) }} |
{% endfor %}

## Training

| stage | optimiser steps | samples seen | minutes |
|---|---|---|---|
{% for name, point in stages.items() %}
| {{ name }} | {{ "{:,}".format(point.step) }} | {{ "{:,}".format(point.samples) }} | \
{{ "%.1f" | format(point.seconds / 60) }} |
{% endfor %}

A stage that is not listed is not part of these trainings: its networks were taken from another \
checkpoint, or are absent.

{% if text.elsewhere %}
{{ text.elsewhere }}

{% endif %}
{% if sessions %}
Options that a command does not name had their defaults; the default seed is 0:

{% for session in sessions %}
- {{ session.date }}, {{ session.environment.get("processor", "unknown processor") }}, \
{{ session.device }}, {{ session.threads }} thread(s), torch \
{{ session.environment.get("torch", "unknown") }}, commit \
{{ session.environment.get("git_commit", "unknown") }}: \
{% if session.command %}`{{ session.command }}`{% else %}called from Python, settings not recorded\
{% endif %}

{% endfor %}

{% endif %}
{% if points %}
Validation metrics ({{ text.validation }}):

![learning curve]({{ curve }})

| samples seen | {{ names | join(" | ") }} |
|---|{{ "---|" * names | length }}
{% for point in points %}
| {{ "{:,}".format(point.samples) }} | \
{% for name in names %}\
{{ "%.4f" | format(point.validation[name]) if name in point.validation else "-" }} | {% endfor %}

{% endfor %}
{% endif %}

## Limits

{% if limits %}
{{ limits }}

{% endif %}
{{ text.limits }}
"""
)


@dataclass(frozen=True)
class CardText:
    """The texts of a card that are not in the records.

    Attributes:
        title: One line.
        about: What the model is.
        limits: Where it is known to fail.
        pipeline_tag: The Hub's name of the task.
        tags: For the Hub.
        validation: What the validation metrics are measured on.
        plotted: Prefix of the metrics that the plot shows.
        axis: Label of the plot's vertical axis.
        elsewhere: Which parts are not in the folder and where they are; empty if all are there.
    """

    title: str
    about: str
    limits: str
    pipeline_tag: str
    tags: tuple[str, ...]
    validation: str
    plotted: str
    axis: str
    elsewhere: str = ""


def write_card(
    folder: Path,
    training: Path,
    text: CardText,
    *,
    parameters: Mapping[str, int],
    stages: Mapping[str, str],
    validated: str,
    licence: str | None = None,
    limits: str = "",
) -> None:
    """Write ``README.md``, the learning curve and the records beside a checkpoint's weights.

    Args:
        folder: The checkpoint.
        training: Its training's folder.
        text: Its texts.
        parameters: How many each part has.
        stages: The folder of each stage, within the training's.
        validated: The stage whose validation metrics are shown.
        licence: SPDX identifier; None leaves it out: only the owner of the training knows it.
        limits: Further limits that the owner knows.

    Raises:
        TpgbenchError: A file cannot be read or written.
    """
    curves = {stage: _whole_curve(training, place) for stage, place in stages.items()}
    points = [point for point in curves.get(validated, []) if point.validation]
    names = sorted(points[-1].validation) if points else []
    page = _TEMPLATE.render(
        text=text,
        licence=licence and licence.lower(),  # as the Hub spells them
        limits=limits,
        parameters=parameters,
        stages={stage: curve[-1] for stage, curve in curves.items() if curve},
        sessions=_all_sessions(training),
        points=_thinned(points),
        names=names,
        curve=CURVE,
    )
    with explain_os_errors(folder):
        if points:
            shown = [name for name in names if name.startswith(text.plotted)]
            _plot(points, shown, text.axis, folder / CURVE)
        keep_records(training, folder / RECORDS)
        write_atomic(folder / "README.md", page.encode())


def keep_records(training: Path, folder: Path, *, but: Sequence[str] = ()) -> None:
    """Copy the records of a training and of those before it: learning curves and sessions.

    Each training has a folder, ``000`` for the oldest; the newest has the highest number.

    Args:
        training: The folder of a training or a checkpoint; from any other, nothing is copied.
        folder: Where to.
        but: Folders of stages to leave out.
    """
    recorded = [(one, read_sessions(one)) for one in _trainings(training)]
    recorded = [(one, sessions) for one, sessions in recorded if sessions]
    for number, (source, sessions) in enumerate(recorded):
        target = folder / f"{number:03d}"
        _write_lines(target / _SESSIONS, [_elsewhere(session) for session in sessions])
        for path in sorted(source.glob(f"*/{_CURVE_POINTS}")):
            if path.parent.name not in but:
                points = read_curve(path)
                kept = [point for point in points[:-1] if point.validation] + points[-1:]
                _write_lines(target / path.relative_to(source), kept)


def _trainings(folder: Path) -> list[Path]:
    """Return the folders of a training's records, oldest first: those before it, and its own."""
    records, earlier = folder / RECORDS, folder / EARLIER
    if records.is_dir():  # a checkpoint
        return _numbered(records) or _trainings(records)
    if not earlier.is_dir():
        return [folder]
    # An older tpgbench nested them: each `earlier` held the `earlier` of the training before it.
    return [*(_numbered(earlier) or _trainings(earlier)), folder]


def _numbered(folder: Path) -> list[Path]:
    return sorted(one for one in folder.iterdir() if one.name.isdecimal())


def _write_lines(path: Path, records: Sequence[BaseModel]) -> None:
    write_atomic(path, "".join(one.model_dump_json() + "\n" for one in records).encode())


def _whole_curve(training: Path, stage: str) -> list[CurvePoint]:
    """Return a stage's curve, each training's steps added to those before."""
    whole: list[CurvePoint] = []
    for one in _trainings(training):
        path = TrainingFolder(one / stage).curve_path
        points = read_curve(path) if path.is_file() else []
        if whole:
            last = whole[-1]
            points = [
                point.model_copy(
                    update={
                        "step": last.step + point.step,
                        "samples": last.samples + point.samples,
                        "seconds": last.seconds + point.seconds,
                    }
                )
                for point in points
            ]
        whole += points
    return whole


def _all_sessions(training: Path) -> list[TrainingSession]:
    return [_elsewhere(session) for one in _trainings(training) for session in read_sessions(one)]


def _elsewhere(session: TrainingSession) -> TrainingSession:
    command = command_without_places(shlex.split(session.command))
    return session.model_copy(update={"command": command})


def _thinned(points: Sequence[CurvePoint], most: int = 12) -> list[CurvePoint]:
    """Return the last point, and points at equal distances before it."""
    stride = -(-len(points) // most)
    return [point for place, point in enumerate(reversed(points)) if place % stride == 0][::-1]


def _plot(points: Sequence[CurvePoint], names: Sequence[str], axis: str, path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 3.2), layout="constrained")
    axes = figure.add_subplot()
    for name in names:
        judged = [point for point in points if name in point.validation]
        samples = [point.samples for point in judged]
        axes.plot(samples, [point.validation[name] for point in judged], label=name)
    axes.set_xscale("log")
    axes.set_xlabel("samples seen")
    axes.set_ylabel(axis)
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=110)
