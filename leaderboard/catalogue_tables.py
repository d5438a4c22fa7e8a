"""`tpgbench list` and `tpgbench doctor` on a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel
from rich.console import Group
from rich.table import Table
from rich.text import Text

from ..benchmark.catalogue import DatasetEntry, Diagnosis, MetricEntry, ModelEntry


def catalogue_table(entries: Sequence[BaseModel]) -> Table:
    """Return the table of ``list models``, ``list datasets`` or ``list metrics``."""
    rows = [_cells(entry) for entry in entries]
    table = Table(box=None, pad_edge=False)
    for position, title in enumerate(rows[0] if rows else ()):
        # Users copy the name, so it must not be wrapped.
        table.add_column(title, overflow="fold", no_wrap=position == 0)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row.values()))
    return table


def _cells(entry: BaseModel) -> dict[str, str]:
    if isinstance(entry, ModelEntry):
        return {
            "model": entry.name,
            "task": entry.task,
            "licence": entry.licence,
            "weights": ", ".join(entry.weights) or "none",
            "what": entry.title,
            "options": ", ".join(f"{key}={one}" for key, one in entry.defaults.items()) or "none",
        }
    if isinstance(entry, MetricEntry):
        return {
            "metric": entry.name,
            "variants": ", ".join(entry.variants) or "-",
            "tasks": ", ".join(entry.tasks),
            "better": "higher" if entry.higher_is_better else "lower",
            "range": " to ".join(entry.range) + (f" {entry.unit}" if entry.unit else ""),
            "needs": ", ".join(entry.needs) or "the output alone",
            "weights": ", ".join(entry.weights) or "none",
        }
    if isinstance(entry, DatasetEntry):
        return {
            "dataset": entry.name,
            "task": entry.task,
            "licence": entry.licence,
            "splits": ", ".join(entry.splits),
            "px": str(entry.size),
            "needs": "nothing" if entry.embedded else "building",
            "what": entry.title,
        }
    raise TypeError(f"no table for {type(entry).__name__}")


def diagnosis_table(diagnosis: Diagnosis) -> Group:
    """Return what ``doctor`` prints."""
    facts = Table(box=None, pad_edge=False, show_header=False)
    facts.add_column(no_wrap=True)
    facts.add_column(overflow="fold")
    for name, value in diagnosis.environment.items():
        facts.add_row(name, Text(value))
    facts.add_row("devices", Text(", ".join(diagnosis.devices)))
    facts.add_row("weights in", Text(diagnosis.weights_folder))
    facts.add_row("downloads", "off (TPGBENCH_OFFLINE)" if diagnosis.offline else "allowed")
    lines = [Text(f"broken: {line}") for line in diagnosis.broken]
    for weights in diagnosis.weights:
        if weights.path is not None:
            lines.append(Text(f"{weights.name}: {weights.path}"))
        else:
            blocked = ", ".join(weights.blocks)
            lines.append(Text(f"{weights.name}: missing; blocks {blocked}; {weights.how_to_get}"))
    if not diagnosis.weights:
        lines.append(Text("no registered model or metric needs a weight file"))
    return Group(facts, *lines)
