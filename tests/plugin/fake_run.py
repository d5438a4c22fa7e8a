"""Run directories made by hand, for the tests of the pages."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from pictures import noise
from tpgbench.benchmark.run.identity import Identity, RunRecord, Session
from tpgbench.benchmark.run.results import Result, SampleCounts
from tpgbench.benchmark.run.store import RunStore
from tpgbench.benchmark.scoring.table import ScoredSample, write_scores
from tpgbench.core.errors import TpgbenchError
from tpgbench.core.images import png_bytes
from tpgbench.datasets_builders.base import Dataset, TpgRow
from tpgbench.metrics.base import Value, make_metric

SIZE = 32


picture = partial(noise, size=(SIZE, SIZE))


@dataclass(frozen=True)
class FakeSample:
    sample_id: str
    scores: Mapping[str, float] = field(default_factory=dict)
    error: str | None = None
    caption: str | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)
    has_truth: bool = True
    readable: bool = True


class FakeDataset(Dataset):
    task = "tpg"
    size = SIZE
    licence = "CC0-1.0"

    def __init__(self, samples: Sequence[FakeSample], name: str, split: str) -> None:
        self.name, self.split, self.fingerprint = name, split, "f" * 64
        self.samples = samples

    def sample_ids(self, limit: int | None = None) -> list[str]:
        return [sample.sample_id for sample in self.samples][:limit]

    def __getitem__(self, index: int) -> TpgRow:
        sample = self.samples[index]
        if not sample.readable:
            raise TpgbenchError(f"{sample.sample_id}: garment photo: truncated; replace it")
        photo = picture(index)
        mask = np.zeros(photo.shape[:2], bool)
        mask[4:-4, 8:-8] = True
        pattern = photo if sample.has_truth else None
        return TpgRow(sample.sample_id, photo, mask, pattern, "g", sample.caption, sample.meta)


def aggregate(name: str, samples: Sequence[FakeSample]) -> Value:
    scores = [sample.scores.get(name, math.nan) for sample in samples]
    return make_metric(name).aggregate(scores, {"n": str(len(samples)), "size": str(SIZE)})


def write_run(
    path: Path,
    samples: Sequence[FakeSample],
    *,
    metrics: Sequence[str] = ("ssim", "psnr"),
    values: Sequence[Value] | None = None,
    model: str = "lattice",
    dataset: str = "ctp-synth",
    split: str = "test",
    options: Mapping[str, Any] | None = None,
    environment: Mapping[str, str] | None = None,
    weights: Mapping[str, str] | None = None,
) -> tuple[RunStore, FakeDataset]:
    """Write the directory of a scored run, and return it with its dataset."""
    store = RunStore(path)
    identity = Identity(
        task="tpg",
        model=model,
        model_version=1,
        options=dict(options or {"flatten": True}),
        weights=dict(weights or {}),
        dataset=dataset,
        dataset_fingerprint="f" * 64,
        split=split,
        size=SIZE,
        fit="box",
        seed=0,
        precision="fp32",
    )
    session = Session(
        started="2026-01-02T03:04:05+00:00",
        command=("tpgbench", "run", "--model", model),
        batch_size=1,
        device="cpu",
        environment=dict(environment or {"python": "3.11.7"}),
    )
    record = RunRecord(
        identity=identity,
        dataset_location=dataset,
        dataset_seed=0,
        limit=None,
        sessions=(session,),
    )
    failed = sum(sample.error is not None for sample in samples)
    if values is None:
        values = [aggregate(name, samples) for name in metrics]
    result = Result(
        model=model,
        task="tpg",
        dataset=dataset,
        split=split,
        samples=SampleCounts(total=len(samples), ok=len(samples) - failed, failed=failed),
        metrics=tuple(values),
    )
    rows = [
        ScoredSample(one.sample_id, one.sample_id, one.error, json.dumps(one.meta), one.scores)
        for one in samples
    ]
    store.write_record(record)
    result.write(store.result_path)
    write_scores(store, rows, [value.name for value in values], "")
    for index, sample in enumerate(samples):
        if sample.error is None:
            store.write_png(sample.sample_id, png_bytes(picture(index + 1000)))
    return store, FakeDataset(samples, dataset, split)


def plain_samples(count: int = 24) -> list[FakeSample]:
    """Samples in whose order the scores rise; every tenth from the third on failed."""
    families = ("stripes", "tartan", "paisley")
    return [
        FakeSample(
            f"row-{index:03d}",
            {} if index % 10 == 3 else {"ssim": 0.2 + index / 100, "psnr": 12 + index / 10},
            error="the model broke" if index % 10 == 3 else None,
            caption=f"a tee, number {index}",
            meta={
                "severity": index % 4 + 1,
                "family": families[index % 3],
                "coverage": 0.3 + index / 50,
            },
        )
        for index in range(count)
    ]
