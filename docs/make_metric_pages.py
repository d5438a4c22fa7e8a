"""Write docs/metrics: one page a metric, from its docstrings and its class.

python docs/make_metric_pages.py [FOLDER]
"""

from __future__ import annotations

import inspect
import os
import re
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tpgbench.core.registry import BUILTIN_METRICS
from tpgbench.metrics.base import METRICS, Metric, make_metric
from tpgbench.metrics.folders.presets import PRESETS, Preset
from tpgbench.metrics.folders.task import fields_needed

REPOSITORY = Path(__file__).parents[1]
_NOTE = "<!-- Made by docs/make_metric_pages.py: change the docstring, not this page. -->"
_SECTIONS = ("Args", "Returns", "Raises", "Attributes", "Pitfalls")


@dataclass(frozen=True)
class Doc:
    """A docstring in pieces.

    Attributes:
        text: What stands before the first section, as Markdown.
        sections: The sections' text by name.
    """

    text: str
    sections: dict[str, str]


def read_doc(thing: object) -> Doc:
    """Return the docstring of a class or a function in pieces."""
    pieces = re.split(rf"^({'|'.join(_SECTIONS)}):\n", inspect.getdoc(thing) or "", flags=re.M)
    bodies = [inspect.cleandoc(body) for body in pieces[2::2]]
    return Doc(_markdown(pieces[0]), dict(zip(pieces[1::2], map(_markdown, bodies), strict=True)))


def metric_page(name: str) -> str:
    """Return the page of a metric of the registry."""
    metric = make_metric(name)
    own = read_doc(type(metric))
    parts = [_NOTE, f"# {name}", own.text, _facts(metric), *_definitions(metric)]
    if "Pitfalls" in own.sections:
        parts.append(f"## Pitfalls\n\n{own.sections['Pitfalls']}")
    parts += [_variants(metric), _use(metric), f"## Source\n\n{metric.source}."]
    return "\n\n".join(part.strip() for part in parts if part) + "\n"


def presets_page() -> str:
    """Return the page of the presets."""
    text = [
        _NOTE,
        "# Presets",
        "What well-known try-on repositories report, by the steps of their own evaluation scripts. "
        "Each was checked against its script at the commit named here; a preset that could not be "
        "checked is not offered. Over two folders: `tpgbench metrics catvton REAL GENERATED`. In "
        "a run: `tpgbench run --preset catvton ...`, which takes the images at the run's size.",
    ]
    return "\n\n".join([*text, *map(_preset, PRESETS.values())]) + "\n"


def index_page() -> str:
    """Return the list of all metrics."""
    rows = ["| metric | better | range | needs | weights |", "|---|---|---|---|---|"]
    for name in BUILTIN_METRICS:
        metric = make_metric(name)
        rows.append(
            f"| [{name}]({name}.md) | {_direction(metric)} | {_range(metric)} | {_needs(metric)} | "
            f"{', '.join(_weights(metric)) or 'none'} |"
        )
    return (
        "\n\n".join(
            [
                _NOTE,
                "# Metrics",
                "Every value carries its recipe; values with different recipes are never ranked "
                "together. [Presets](presets.md) are what try-on repositories report. What metrics "
                "cost compared with other libraries: [of sets](benchmarks-distribution.md), "
                "[of pairs](benchmarks-paired.md).",
                "In the examples PHOTOS is a folder of garment photos: photos in it or in "
                "`garment/`, masks in `mask/`, ground truth in `pattern/`, captions in "
                "`metadata.jsonl` or `NAME.txt`.",
                "\n".join(rows),
            ]
        )
        + "\n"
    )


def _facts(metric: Metric) -> str:
    rows = {
        "better": _direction(metric),
        "range": _range(metric),
        "fewest samples": str(metric.min_samples),
        "needs": _needs(metric),
        "tasks": ", ".join(sorted(metric.tasks)),
        "weights": "<br>".join(_weights(metric)) or "none",
        "version": str(metric.version),
        "recipe": f"`{metric.recipe({})}`",
    }
    lines = [f"| {key} | {value.replace('|', chr(92) + '|')} |" for key, value in rows.items()]
    return "\n".join(["| | |", "|---|---|", *lines])


def _definitions(metric: Metric) -> list[str]:
    """Return what the functions say that the class's docstring names and its module defines."""
    module = inspect.getmodule(type(metric))
    names = re.findall(r"(?<!`)`(\w+)`(?!`)", inspect.getdoc(type(metric)) or "")
    parts = []
    for name in dict.fromkeys(names):
        function = getattr(module, name, None)
        if not inspect.isfunction(function) or function.__module__ != module.__name__:
            continue
        doc = read_doc(function)
        parts.append(f"## `{function.__module__}.{name}`\n\n{doc.text}")
        if "Returns" in doc.sections:
            parts.append(f"**Value:** {doc.sections['Returns']}")
    return parts


def _variants(metric: Metric) -> str:
    if not metric.variants:
        return ""
    settings = {name: make_metric(f"{metric.name}@{name}").settings() for name in metric.variants}
    keys = sorted({key for one in settings.values() for key in one})
    differing = [key for key in keys if len({one.get(key) for one in settings.values()}) > 1]
    rows = [f"| variant | {' | '.join(differing)} |", "|---|" + "---|" * len(differing)]
    for index, (name, one) in enumerate(settings.items()):
        label = f"`{metric.name}@{name}`" + (" (default)" if index == 0 else "")
        rows.append(f"| {label} | {' | '.join(one.get(key, '') for key in differing)} |")
    return "## Variants\n\n" + "\n".join(rows)


def _use(metric: Metric) -> str:
    lines = [f"tpgbench run --model autofill --metrics {metric.name}"]
    needed = fields_needed(metric)
    sides = ("REAL " if needed <= {"truth"} else "PHOTOS ") if needed else ""
    lines.append(f"tpgbench metrics {metric.name} {sides}GENERATED")
    return "## Use\n\n```sh\n" + "\n".join(lines) + "\n```"


def _preset(preset: Preset) -> str:
    metrics = ", ".join(f"[{metric}]({metric.partition('@')[0]}.md)" for metric in preset.metrics)
    differences = "\n".join(f"- {difference}" for difference in preset.differences)
    return (
        f"## {preset.name}\n\n{preset.title}. Script: <{preset.script}>.\n\nMetrics: {metrics}.\n\n"
        f"Not as in the script:\n\n{differences}"
    )


def _direction(metric: Metric) -> str:
    return "higher" if metric.higher_is_better else "lower"


def _range(metric: Metric) -> str:
    low, high = metric.range
    return f"{low:g} to {high:g} {metric.unit}".strip()


def _needs(metric: Metric) -> str:
    return ", ".join(sorted(metric.needs)) or "the output alone"


def _weights(metric: Metric) -> list[str]:
    return [file.name for file in metric.weights] + [model.repository for model in metric.models]


def _markdown(text: str) -> str:
    return text.strip().replace("``", "`")


def hide_this_machine(empty: str) -> None:
    """See to it that no weights and settings of this machine change a page."""
    os.environ |= {"TPGBENCH_OFFLINE": "1", "TPGBENCH_WEIGHTS": empty, "HF_HOME": empty}
    for variable in ("TPGBENCH_CLIP", "TPGBENCH_UNVERIFIED_WEIGHTS"):
        os.environ.pop(variable, None)


def main(folder: Path) -> None:
    """Write all pages into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    pages = {name: metric_page(name) for name in METRICS if name in BUILTIN_METRICS}
    pages |= {"presets": presets_page(), "README": index_page()}
    for name, page in pages.items():
        (folder / f"{name}.md").write_text(page, encoding="utf-8")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as nothing:
        hide_this_machine(nothing)
        main(Path(sys.argv[1]) if len(sys.argv) > 1 else REPOSITORY / "docs" / "metrics")
