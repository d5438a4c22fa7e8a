"""Metrics of whole sets: one pass of each backbone, then the numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..metrics.base import Comparison, FeatureExtractor, SetMetric, Value
from .comparisons import ComparisonReader
from .progress import progress

Features = dict[str, NDArray[np.float32]]


def compute_set_metrics(
    metrics: Sequence[SetMetric],
    reader: ComparisonReader,
    images: Mapping[int, Path],
    missing: int,
    context: Mapping[str, str],
    *,
    show_progress: bool,
) -> list[Value]:
    """Return the value of each metric; those that share a backbone share its pass.

    Args:
        metrics: What to compute.
        reader: Puts images beside their rows.
        images: The generated image by row number.
        missing: How many samples have none.
        context: What the recipes hold beside the metrics' own settings.
        show_progress: Say on stderr how far it is.
    """
    values = []
    extracted: dict[tuple[str, tuple[str, ...]], tuple[Features, int]] = {}
    for metric in metrics:
        extractor = metric.extractor()
        key = (extractor.key, metric.uses)
        if key not in extracted:
            extracted[key] = _extract(extractor, metric, reader, images, show_progress)
        features, lacking = extracted[key]
        values.append(metric.compute(features, missing + lacking, context))
    return values


def _extract(
    extractor: FeatureExtractor,
    metric: SetMetric,
    reader: ComparisonReader,
    images: Mapping[int, Path],
    show_progress: bool,
) -> tuple[Features, int]:
    """Return the features of the samples that have all images, and how many have not."""
    parts: dict[str, list[NDArray[np.float32]]] = {name: [] for name in metric.uses}
    used = 0
    with progress(f"features for {metric.name}", len(images), show=show_progress) as advance:
        for batch in _batches(metric, reader, images, extractor.batch_size):
            for name in metric.uses:
                parts[name].append(extractor.extract([getattr(one, name) for one in batch]))
            used += len(batch)
            advance(len(batch))
    empty = np.zeros((0, 0), np.float32)
    return (
        {name: np.concatenate(found) if found else empty for name, found in parts.items()},
        len(images) - used,
    )


def _batches(
    metric: SetMetric, reader: ComparisonReader, images: Mapping[int, Path], size: int
) -> Iterator[list[Comparison]]:
    batch: list[Comparison] = []
    for index, path in images.items():
        comparison = reader.read(reader.dataset[index], path.read_bytes(), path)
        if metric.unavailable(comparison) is None:
            batch.append(comparison)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
