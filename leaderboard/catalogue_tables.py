"""`tpgbench list` and `tpgbench doctor` on a terminal.

An entry is a few lines of plain text, whatever their length: a name or an address that is broken
into two lines can be neither copied nor found by grep.
"""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel

from ..benchmark.catalogue import DatasetEntry, Diagnosis, MetricEntry, ModelEntry


def catalogue_lines(entries: Sequence[BaseModel]) -> list[str]:
    """Return the lines of ``list models``, ``list datasets`` or ``list metrics``."""
    return [line for entry in entries for line in _lines(entry)]


def _lines(entry: BaseModel) -> list[str]:
    if isinstance(entry, ModelEntry):
        options = ", ".join(
            name if default is None else f"{name}={default}"
            for name, default in entry.defaults.items()
        )
        return [
            f"{entry.name}: {entry.title}",
            f"    task {entry.task}; licence {entry.licence}; weights to download: "
            f"{', '.join(entry.weights) or 'none'}",
            f"    options (-o NAME=VALUE): {options or 'none'}",
        ]
    if isinstance(entry, MetricEntry):
        better = "higher" if entry.higher_is_better else "lower"
        bounds = f"{' to '.join(entry.range)} {entry.unit}".rstrip()
        lines = [
            f"{entry.name}: {better} is better, {bounds}",
            f"    tasks {', '.join(entry.tasks)}; needs "
            f"{' and '.join(entry.needs) or 'the output alone'}; weights to download: "
            f"{', '.join(entry.weights) or 'none'}",
        ]
        if entry.variants:
            variants = [f"{entry.name}@{variant}" for variant in entry.variants]
            lines.append(f"    variants: {', '.join(variants)}; the default is {variants[0]}")
        if entry.presets:
            presets = (f"{preset} ({key})" for preset, key in entry.presets.items())
            lines.append(f"    presets: {', '.join(presets)}")
        return lines
    if isinstance(entry, DatasetEntry):
        return [
            f"{entry.name}: {entry.title}",
            f"    task {entry.task}; splits {', '.join(entry.splits)}; {entry.size} px; licence "
            f"{entry.licence}",
            "    embedded: nothing to build"
            if entry.embedded
            else f"    to be built: tpgbench build-dataset {entry.name} --source DIR --out DIR",
        ]
    raise TypeError(f"no lines for {type(entry).__name__}")


def diagnosis_lines(diagnosis: Diagnosis) -> list[str]:
    """Return what ``doctor`` prints."""
    facts = {
        **diagnosis.environment,
        "devices": ", ".join(diagnosis.devices),
        "weights in": diagnosis.weights_folder,
        "downloads": "off (TPGBENCH_OFFLINE)" if diagnosis.offline else "allowed",
    }
    width = max(map(len, facts))
    lines = [f"{name:{width}}  {value}" for name, value in facts.items()]
    lines += [f"broken: {line}" for line in diagnosis.broken]
    for weights in diagnosis.weights:
        if weights.path is not None:
            lines.append(f"{weights.name}: {weights.path}")
        else:
            blocked = ", ".join(weights.blocks)
            lines.append(f"{weights.name}: missing; blocks {blocked}; {weights.how_to_get}")
    if not diagnosis.weights:
        lines.append("no registered model or metric needs a weight file")
    return lines
