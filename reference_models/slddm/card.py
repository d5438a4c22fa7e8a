"""The model card of a checkpoint: what was trained, how long, and how well it learned."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Sequence
from pathlib import Path

import jinja2

from ...files import explain_os_errors, write_atomic
from ..training.folder import CurvePoint, TrainingFolder, read_curve
from ..training.sessions import TrainingSession, read_sessions
from .networks import PARTS
from .pipeline import SLDDMPipeline
from .settings import STAGES

CURVE = "curve.png"
EARLIER = "earlier"  # in a training's folder: the records of the one that it goes on from
_SESSIONS = "sessions.jsonl"
_CURVE_POINTS = "curve.jsonl"

_TEMPLATE = jinja2.Environment(
    autoescape=False,  # noqa: S701  # Markdown of our own figures
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=jinja2.StrictUndefined,
).from_string(
    """\
---
license: apache-2.0
library_name: tpgbench
pipeline_tag: image-to-image
tags: [textile-pattern-generation, fashion, diffusion]
---
# {{ title }}

{{ about }}

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

{% if stages | length < 3 %}
The other parts were taken over from the checkpoint beside this one.

{% endif %}
{% for session in sessions %}
- {{ session.date }}, {{ session.environment.get("processor", "unknown processor") }}, \
{{ session.device }}, {{ session.threads }} thread(s), torch \
{{ session.environment.get("torch", "unknown") }}, commit \
{{ session.environment.get("git_commit", "unknown") }}: `{{ session.command }}`
{% endfor %}

{% if figures %}
Held-out figures ({{ held_out }}); the number after a name is that of the sampling steps:

![learning curve]({{ curve }})

| samples seen | {{ names | join(" | ") }} |
|---|{{ "---|" * names | length }}
{% for point in figures %}
| {{ "{:,}".format(point.samples) }} | \
{% for name in names %}{{ "%.4f" | format(point.validation[name]) }} | {% endfor %}

{% endfor %}
{% endif %}

## Limits

{{ limits }}
"""
)


def write_card(
    folder: Path, training: Path, pipeline: SLDDMPipeline, *, title: str, about: str, limits: str
) -> None:
    """Write ``README.md`` and the learning curve beside a checkpoint's weights.

    Args:
        folder: The checkpoint.
        training: Its training's folder.
        pipeline: Its networks.
        title: One line.
        about: A paragraph.
        limits: Where it fails.

    Raises:
        TpgbenchError: A file cannot be read or written.
    """
    curves = {stage: _whole_curve(training, stage) for stage in STAGES}
    figures = [point for point in curves.get("sldm", []) if point.validation]
    names = sorted(figures[-1].validation) if figures else []
    text = _TEMPLATE.render(
        title=title,
        about=about,
        limits=limits,
        parameters={part: _count(pipeline, part) for part in PARTS},
        stages={stage: curve[-1] for stage, curve in curves.items() if curve},
        sessions=_all_sessions(training),
        figures=_thinned(figures),
        names=names,
        held_out="64 rows of the validation split",
        curve=CURVE,
    )
    with explain_os_errors(folder):
        if figures:
            _plot(figures, names, folder / CURVE)
        write_atomic(folder / "README.md", text.encode())


def keep_records(training: Path, folder: Path) -> None:
    """Copy what a card needs of a training: its curves, its sessions, and those before it."""
    for path in sorted(training.rglob("*.jsonl")):
        if path.name in (_SESSIONS, _CURVE_POINTS):
            target = folder / path.relative_to(training)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)


def _whole_curve(training: Path, stage: str) -> list[CurvePoint]:
    """Return a stage's curve, counted on from the trainings before."""
    before = _whole_curve(training / EARLIER, stage) if (training / EARLIER).is_dir() else []
    path = TrainingFolder(training / stage).curve_path
    points = read_curve(path) if path.is_file() else []
    if not before:
        return points
    last = before[-1]
    later = [
        point.model_copy(
            update={
                "step": last.step + point.step,
                "samples": last.samples + point.samples,
                "seconds": last.seconds + point.seconds,
            }
        )
        for point in points
    ]
    return before + later


def _all_sessions(training: Path) -> list[TrainingSession]:
    earlier = training / EARLIER
    before = _all_sessions(earlier) if earlier.is_dir() else []
    return before + [
        one.model_copy(update={"command": _without_places(one.command)})
        for one in read_sessions(training)
    ]


def _without_places(command: str) -> str:
    """Return a command without the folders of the machine that it was typed on."""
    words = shlex.split(command)
    return shlex.join(Path(word).name if Path(word).is_absolute() else word for word in words)


def _count(pipeline: SLDDMPipeline, part: str) -> int:
    return sum(parameter.numel() for parameter in getattr(pipeline, part).parameters())


def _thinned(points: Sequence[CurvePoint], most: int = 12) -> list[CurvePoint]:
    """Return the last point and others at equal distances before it."""
    stride = -(-len(points) // most)
    return [point for place, point in enumerate(reversed(points)) if place % stride == 0][::-1]


def _plot(points: Sequence[CurvePoint], names: Sequence[str], path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 3.2), layout="constrained")
    axes = figure.add_subplot()
    for name in names:
        if name.startswith("ssim"):
            samples = [point.samples for point in points]
            axes.plot(samples, [point.validation[name] for point in points], label=name)
    axes.set_xscale("log")
    axes.set_xlabel("samples seen")
    axes.set_ylabel("SSIM, held-out rows")
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=110)
