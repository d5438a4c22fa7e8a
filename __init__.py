"""tpgbench: benchmark and datasets for textile pattern and fashion mannequin generation.

>>> import tpgbench
>>> outcome = tpgbench.run("crop", limit=2, out=folder / "run")
>>> outcome.exit_code, round(outcome.result.metric("ssim").value, 2)
(0, 0.39)

Importing the package imports nothing heavy; each name below is loaded when it is first used. They
are what other people's code may rely on: modules and their places may move, these names do not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .core.lazy import lazy_names

if TYPE_CHECKING:
    from .api.datasets import build_dataset, load_dataset, make_masks, show_dataset, verify_dataset
    from .api.outcomes import GenerateOutcome, ReportOutcome, RunOutcome
    from .api.runs import compare, export_inputs, generate, report, run, score, score_images
    from .benchmark.comparing.compare import RunComparison
    from .benchmark.model import Model, ModelCard, ModelConfig
    from .benchmark.run.export_inputs import ExportOutcome
    from .benchmark.run.results import Result
    from .benchmark.run.run import Run
    from .benchmark.sample import MannequinSample, Sample
    from .core.errors import TpgbenchError
    from .core.hub import HubModel
    from .core.images import Image, Mask
    from .core.outcome import Outcome
    from .core.weights import WeightFile
    from .datasets_builders.base import Dataset, DatasetCard, DatasetSource, MannequinRow, TpgRow
    from .datasets_builders.masks.make_masks import MasksOutcome
    from .datasets_builders.packaging.build import PackagedDataset
    from .datasets_builders.packaging.rows import RawRow
    from .datasets_builders.reading.findings import Finding, FindingKind
    from .datasets_builders.reading.schema import MANNEQUIN_SCHEMA, TPG_SCHEMA, Column
    from .datasets_builders.reading.sources import SourceFolder
    from .datasets_builders.reference import DatasetRef
    from .metrics.base import (
        FeatureExtractor,
        GarmentMetric,
        Metric,
        SampleMetric,
        SetMetric,
        TruthMetric,
    )
    from .metrics.pair import Pair
    from .metrics.torch import torch_metric
    from .metrics.value import Estimate, NotAnswered, Score, Value

__version__ = "0.1.0"

# Where each public name is. A name is added here once it is meant to stay.
_MODULES = {
    "Column": "datasets_builders.reading.schema",
    "Dataset": "datasets_builders.base",
    "DatasetCard": "datasets_builders.base",
    "DatasetRef": "datasets_builders.reference",
    "DatasetSource": "datasets_builders.base",
    "Estimate": "metrics.value",
    "ExportOutcome": "benchmark.run.export_inputs",
    "FeatureExtractor": "metrics.base",
    "Finding": "datasets_builders.reading.findings",
    "FindingKind": "datasets_builders.reading.findings",
    "GarmentMetric": "metrics.base",
    "GenerateOutcome": "api.outcomes",
    "HubModel": "core.hub",
    "Image": "core.images",
    "MANNEQUIN_SCHEMA": "datasets_builders.reading.schema",
    "MannequinRow": "datasets_builders.base",
    "MannequinSample": "benchmark.sample",
    "Mask": "core.images",
    "MasksOutcome": "datasets_builders.masks.make_masks",
    "Metric": "metrics.base",
    "Model": "benchmark.model",
    "ModelCard": "benchmark.model",
    "ModelConfig": "benchmark.model",
    "NotAnswered": "metrics.value",
    "Outcome": "core.outcome",
    "PackagedDataset": "datasets_builders.packaging.build",
    "Pair": "metrics.pair",
    "RawRow": "datasets_builders.packaging.rows",
    "ReportOutcome": "api.outcomes",
    "Result": "benchmark.run.results",
    "Run": "benchmark.run.run",
    "RunComparison": "benchmark.comparing.compare",
    "RunOutcome": "api.outcomes",
    "Sample": "benchmark.sample",
    "SampleMetric": "metrics.base",
    "Score": "metrics.value",
    "SetMetric": "metrics.base",
    "SourceFolder": "datasets_builders.reading.sources",
    "TPG_SCHEMA": "datasets_builders.reading.schema",
    "TpgRow": "datasets_builders.base",
    "TpgbenchError": "core.errors",
    "TruthMetric": "metrics.base",
    "Value": "metrics.value",
    "WeightFile": "core.weights",
    "build_dataset": "api.datasets",
    "compare": "api.runs",
    "export_inputs": "api.runs",
    "generate": "api.runs",
    "load_dataset": "api.datasets",
    "make_masks": "api.datasets",
    "report": "api.runs",
    "run": "api.runs",
    "score": "api.runs",
    "score_images": "api.runs",
    "show_dataset": "api.datasets",
    "torch_metric": "metrics.torch",
    "verify_dataset": "api.datasets",
}

__all__ = [
    "MANNEQUIN_SCHEMA",
    "TPG_SCHEMA",
    "Column",
    "Dataset",
    "DatasetCard",
    "DatasetRef",
    "DatasetSource",
    "Estimate",
    "ExportOutcome",
    "FeatureExtractor",
    "Finding",
    "FindingKind",
    "GarmentMetric",
    "GenerateOutcome",
    "HubModel",
    "Image",
    "MannequinRow",
    "MannequinSample",
    "Mask",
    "MasksOutcome",
    "Metric",
    "Model",
    "ModelCard",
    "ModelConfig",
    "NotAnswered",
    "Outcome",
    "PackagedDataset",
    "Pair",
    "RawRow",
    "ReportOutcome",
    "Result",
    "Run",
    "RunComparison",
    "RunOutcome",
    "Sample",
    "SampleMetric",
    "Score",
    "SetMetric",
    "SourceFolder",
    "TpgRow",
    "TpgbenchError",
    "TruthMetric",
    "Value",
    "WeightFile",
    "build_dataset",
    "compare",
    "export_inputs",
    "generate",
    "load_dataset",
    "make_masks",
    "report",
    "run",
    "score",
    "score_images",
    "show_dataset",
    "torch_metric",
    "verify_dataset",
]

__getattr__, __dir__ = lazy_names(__name__, _MODULES)
