"""Metrics of whole sets: one pass of each backbone, then the numbers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...core.images import Image
from ...core.progress import progress
from ...metrics.base import FeatureExtractor, SetMetric, Value
from ...metrics.features.cache import FeatureCache, pixel_key
from ...metrics.features.extraction import FeatureCollector, Inspected, read_ahead
from .pairs import ComparisonReader


@dataclass(frozen=True)
class _Extracted:
    """What one backbone makes of a run.

    Attributes:
        features: For each role (``"truth"``, ``"output"``) the features of the images it has.
        rows: For each role and each sample the row of its features, or -1; shape (samples,).
        usable: For each metric's key which samples it can use, bool (samples,).
        sample_ids: The samples' ids, (samples,).
        garment_ids: What garment each is of, (samples,).
    """

    features: Mapping[str, NDArray[np.float32]]
    rows: Mapping[str, NDArray[np.int64]]
    usable: Mapping[str, NDArray[np.bool_]]
    sample_ids: NDArray[np.object_]
    garment_ids: NDArray[np.object_]


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

    Features are kept in the user's cache, so scoring again runs no network.

    Args:
        metrics: What to compute.
        reader: Puts images beside their rows.
        images: The generated image by row number.
        missing: How many samples have none.
        context: What the recipes hold beside the metrics' own settings.
        show_progress: Say on stderr how far it is.
    """
    extractors = [metric.extractor() for metric in metrics]
    by_backbone: dict[str, list[SetMetric]] = {}
    for metric, extractor in zip(metrics, extractors, strict=True):
        by_backbone.setdefault(extractor.key, []).append(metric)
    extracted: dict[str, _Extracted] = {}
    values = []
    for metric, extractor in zip(metrics, extractors, strict=True):
        if extractor.key not in extracted:
            extracted[extractor.key] = _extract(
                extractor, by_backbone[extractor.key], reader, images, show_progress=show_progress
            )
        found = extracted[extractor.key]
        usable = found.usable[metric.key]
        features = {role: found.features[role][found.rows[role][usable]] for role in metric.uses}
        left_out = missing + int((~usable).sum())
        used = {"used": _subset(found.sample_ids[usable])} if left_out else {}
        garments = list(found.garment_ids[usable])
        values.append(metric.compute(features, left_out, {**context, **used}, garments))
    return values


def _subset(sample_ids: NDArray[np.object_]) -> str:
    """Return what tells a part of the samples from other parts, for recipes."""
    digest = hashlib.sha256(json.dumps(sorted(sample_ids)).encode()).hexdigest()
    return f"{len(sample_ids)}-{digest[:8]}"


def _extract(
    extractor: FeatureExtractor,
    metrics: Sequence[SetMetric],
    reader: ComparisonReader,
    images: Mapping[int, Path],
    *,
    show_progress: bool,
) -> _Extracted:
    roles = sorted({role for metric in metrics for role in metric.uses})
    cache = FeatureCache(extractor.key)
    collectors = {role: FeatureCollector(extractor, cache) for role in roles}
    rows = {role: np.full(len(images), -1) for role in roles}
    usable = {metric.key: np.zeros(len(images), np.bool_) for metric in metrics}

    sample_ids = np.empty(len(images), object)
    garment_ids = np.empty(len(images), object)

    def inspect(item: tuple[int, Path]) -> tuple[tuple[str, str], list[str], dict[str, Inspected]]:
        index, path = item
        row = reader.dataset[index]
        comparison = reader.read(row, path.read_bytes(), path)
        ready = [metric for metric in metrics if metric.unavailable(comparison) is None]
        wanted = {role: getattr(comparison, role) for metric in ready for role in metric.uses}
        keys = [metric.key for metric in ready]
        inspected = {role: inspect_image(role, image) for role, image in wanted.items()}
        return (row.sample_id, row.garment_id), keys, inspected

    def inspect_image(role: str, image: Image) -> Inspected:
        return collectors[role].inspect(pixel_key(image), lambda: image)

    names = ", ".join(metric.name for metric in metrics)
    with progress(f"features for {names}", len(images), show=show_progress) as advance:
        found = read_ahead(inspect, images.items(), ahead=extractor.batch_size)
        for sample, (ids, ready, inspected) in enumerate(found):
            sample_ids[sample], garment_ids[sample] = ids
            for key in ready:
                usable[key][sample] = True
            for role, one in inspected.items():
                rows[role][sample] = len(collectors[role])
                collectors[role].add(one)
            advance(1)
    features = {role: collector.collect() for role, collector in collectors.items()}
    return _Extracted(features, rows, usable, sample_ids, garment_ids)
