"""The options of a run, listed once; see `tpgbench.core.options`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from typing_extensions import TypedDict

from ...core.options import Option


class ViewOptions(TypedDict, total=False):
    """Which rows of a dataset, and how they are compared."""

    split: Annotated[str, Option("Split of the dataset.", default="test")]
    config: Annotated[str | None, Option("Configuration of the dataset; default: its first.")]
    data_seed: Annotated[
        int, Option("Seed of a procedural dataset: another seed is another dataset.", default=0)
    ]
    masks: Annotated[
        str,
        Option(
            "Of a folder of photos, masks that it lacks: auto (plain background), or a model.",
            metavar="auto|DIR|ID",
            default="given",
        ),
    ]
    limit: Annotated[int | None, Option("Only the first N samples; N can be raised later.")]
    size: Annotated[int | None, Option("Side of the frame in pixels; default: the dataset's.")]
    fit: Annotated[str | None, Option("Frame: box, pad or stretch; default: the dataset's.")]


class ReportingOptions(TypedDict, total=False):
    """What is said on the way, and kept for the record."""

    show_progress: Annotated[bool, Option("Show progress on stderr.", default=False, cli=False)]
    command: Annotated[
        Sequence[str], Option("The command line, for the record.", default=(), cli=False)
    ]


class MetricOptions(TypedDict, total=False):
    """What is scored."""

    metrics: Annotated[
        Sequence[str] | None,
        Option(
            "Metrics to compute, separated by commas; default: the task's.",
            metavar="NAME[@VARIANT],...",
            separated=True,
        ),
    ]


class DatasetOptions(TypedDict, total=False):
    """Which dataset."""

    dataset: Annotated[
        str | Path | None,
        Option("Dataset's name or folder; default: the task's embedded one.", metavar="NAME|DIR"),
    ]


class GenerateOptions(DatasetOptions, ViewOptions, ReportingOptions, total=False):
    """Everything that decides what is generated, and where."""

    options: Annotated[
        Mapping[str, Any] | None,
        Option("Option of the model.", flags=("-o", "--option"), metavar="KEY=VALUE"),
    ]
    weights: Annotated[
        str | Path | None, Option("Weights of the model: a folder or hub id.", metavar="DIR|ID")
    ]
    batch_size: Annotated[int | None, Option("Samples per call; default: the model's.")]
    seed: Annotated[int, Option("Seed of the run.", default=0)]
    device: Annotated[str, Option("auto, cpu, cuda, cuda:1 or mps.", default="auto")]
    precision: Annotated[str | None, Option("fp32, bf16, ...; default: the model's.")]
    out: Annotated[
        str | Path | None, Option("Run directory; default: runs/ and a name made from the run.")
    ]
    overwrite: Annotated[bool, Option("Replace another run in that folder.", default=False)]


class RunOptions(GenerateOptions, MetricOptions, total=False):
    """Everything that decides a run."""


class ExportOptions(ViewOptions, total=False):
    """Which inputs are exported."""

    seed: Annotated[int, Option("Seed of the run, from which each sample's follows.", default=0)]
    show_progress: Annotated[bool, Option("Show progress on stderr.", default=False, cli=False)]


class ScoreOptions(MetricOptions, total=False):
    """How a run directory is scored again."""

    dataset: Annotated[
        str | Path | None,
        Option("Where the dataset is now, if it has moved.", metavar="NAME|DIR"),
    ]
    show_progress: Annotated[bool, Option("Show progress on stderr.", default=False, cli=False)]


class ExternalOptions(ViewOptions, MetricOptions, ReportingOptions, total=False):
    """How images made elsewhere are scored."""

    name: Annotated[str, Option("Name of the external method.", default="outside")]
    manifest: Annotated[
        str | Path | None, Option("CSV or JSON Lines file with sample_id and file.")
    ]
    resize: Annotated[
        bool,
        Option(
            "Frame external images of another size: as the truth, or square ones resized.",
            default=False,
        ),
    ]
    out: Annotated[str | Path | None, Option("Where the scores of external images go.")]
