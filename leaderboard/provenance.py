"""What a run was made from, and the command that reproduces it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..benchmark.run.identity import RunRecord
from ..benchmark.run.results import Result
from ..core.places import command_without_places, place_name


@dataclass(frozen=True)
class ProvenanceSection:
    """A titled table of names and values.

    Attributes:
        title: What it is about.
        entries: Names and values, in order.
    """

    title: str
    entries: tuple[tuple[str, str], ...]


def reproduce_command(record: RunRecord, result: Result) -> str:
    """Return the shell command that reproduces the run, quoted for a POSIX shell.

    Folders are named as ``path/to/NAME``, because the page is shared: whoever has them elsewhere
    puts in the path.

    Options that are None are left out: None is their default, and cannot be typed. External images
    cannot be generated again, so for them the command scores the images again.

    Args:
        record: The run's record.
        result: Its values: the command names the same metrics and the same limit.
    """
    identity, images = record.identity, record.images
    frame = ["--dataset", record.dataset_location, "--split", identity.split]
    if record.dataset_config is not None:
        frame += ["--config", record.dataset_config]
    if record.dataset_seed:
        frame += ["--data-seed", str(record.dataset_seed)]
    if result.limit is not None:
        frame += ["--limit", str(result.limit)]
    frame += ["--size", str(identity.size), "--fit", identity.fit]
    # A metric with several values has one result for each: KEY, KEY:OUTPUT, ...
    computed = dict.fromkeys(
        value.name.partition(":")[0] for value in result.metrics if value.not_computed is None
    )
    frame += ["--metrics", ",".join(computed)] if computed else []
    if images is not None:
        words = ["tpgbench", "score", images.folder, *frame, "--name", identity.model]
        if images.manifest is not None:
            words += ["--manifest", images.manifest]
        if images.resize:
            words.append("--resize")
        return command_without_places(words)
    words = ["tpgbench", "run", "--model", identity.model, *frame]
    if record.weights_location is not None:
        words += ["--weights", record.weights_location]
    words += ["--seed", str(identity.seed), "--precision", identity.precision]
    if record.sessions:
        last = record.sessions[-1]
        words += ["--batch-size", str(last.batch_size), "--device", last.device]
    for name, value in identity.options.items():
        if value is not None:
            words += ["-o", f"{name}={_typed(value)}"]
    return command_without_places(words)


def provenance(record: RunRecord) -> list[ProvenanceSection]:
    """Return everything that is recorded about a run, as text, in sections."""
    identity = record.identity
    what = {
        "task": identity.task,
        "model": f"{identity.model}, version {identity.model_version}",
        "dataset": identity.dataset,
        "dataset location": place_name(record.dataset_location),
        "dataset fingerprint": identity.dataset_fingerprint,
        "split": identity.split,
        **({"config": record.dataset_config} if record.dataset_config is not None else {}),
        **({"data seed": str(record.dataset_seed)} if record.dataset_seed else {}),
        "limit": "none" if record.limit is None else str(record.limit),
        "size": f"{identity.size} px",
        "fit": identity.fit,
        "seed": str(identity.seed),
        "precision": identity.precision,
        **(
            {"weights from": place_name(record.weights_location)}
            if record.weights_location is not None
            else {}
        ),
        **({"images from": place_name(record.images.folder)} if record.images is not None else {}),
        "identity": identity.digest(),
    }
    options = {
        name: json.dumps(place_name(value) if isinstance(value, str) else value, ensure_ascii=False)
        for name, value in identity.options.items()
    }
    sections = [
        _section("Identity", what),
        _section("Options", options),
        _section("Weights (SHA-256)", identity.weights),
    ]
    for number, session in enumerate(record.sessions, start=1):
        facts = {
            "started": session.started,
            "command": command_without_places(session.command),
            "device": session.device,
            "batch size": str(session.batch_size),
        }
        sections.append(_section(f"Session {number}", {**facts, **session.environment}))
    return [section for section in sections if section.entries]


def _section(title: str, entries: Mapping[str, str]) -> ProvenanceSection:
    return ProvenanceSection(title, tuple(entries.items()))


def _typed(value: Any) -> str:
    """Return an option's value as one types it after ``-o name=``."""
    return value if isinstance(value, str) else json.dumps(value)
