"""Scoring images that tpgbench did not generate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ...datasets_builders.load import open_dataset
from ..fit import check_fit
from ..run.identity import Identity, OutsideImages, RunRecord
from ..run.plan import (
    RUNS_FOLDER,
    check_at_least,
    check_folder,
    list_samples,
    new_session,
    portable_location,
)
from ..run.store import RunStore
from ..tasks import get_task
from .external import find_images
from .score import Scored, check_metrics, score


@dataclass(frozen=True)
class OutsideSpec:
    """A folder of images and what to judge them against.

    Attributes:
        images: The folder, read only.
        dataset: A registered dataset or a folder.
        split: The dataset's split.
        config: The dataset's configuration; None for its default one.
        name: What to call the method that made them.
        limit: Only the first N samples.
        size: Side of the frame, in pixels; the dataset's own by default.
        fit: The frame; the dataset's own by default.
        manifest: A CSV or JSON Lines file with ``sample_id`` and ``file``.
        resize: Resize images of another size, and say so in the recipe.
        metrics: Metrics by name; None for the task's defaults.
        out: The run directory for the scores; by default derived like a run's.
        command: What was typed, for the record.
    """

    images: Path
    dataset: str | Path
    split: str = "test"
    config: str | None = None
    name: str = "outside"
    limit: int | None = None
    size: int | None = None
    fit: str | None = None
    manifest: Path | None = None
    resize: bool = False
    metrics: Sequence[str] | None = None
    out: Path | None = None
    command: tuple[str, ...] = ()


def score_outside(spec: OutsideSpec, *, show_progress: bool = True) -> tuple[Path, Scored]:
    """Score a folder of images against a dataset, matched by sample id.

    Returns:
        The run directory, and what `tpgbench.benchmark.scoring.score.score` found.

    Raises:
        TpgbenchError: Wrong folder, dataset, manifest or metric; nothing is written then.
    """
    check_at_least("--limit", spec.limit, 1)
    dataset = open_dataset(spec.dataset, spec.split, config=spec.config, size=spec.size)
    check_metrics(spec.metrics, dataset.task)
    size, fit = spec.size or dataset.size, spec.fit or dataset.fit
    check_fit(fit, size, get_task(dataset.task))
    images = OutsideImages(
        folder=str(spec.images.resolve()),
        manifest=None if spec.manifest is None else str(spec.manifest.resolve()),
        resize=spec.resize,
    )
    find_images(images, list_samples(dataset, spec.limit))
    identity = Identity(
        task=dataset.task,
        model=spec.name,
        model_version=1,
        options={"images": images.folder, "resize": images.resize},
        weights={},
        dataset=dataset.name,
        dataset_fingerprint=dataset.fingerprint,
        split=dataset.split,
        size=size,
        fit=fit,
        seed=0,
        precision="as-given",
    )
    store = RunStore(spec.out if spec.out is not None else RUNS_FOLDER / identity.folder_name())
    check_folder(store, identity)
    record = RunRecord(
        identity=identity,
        dataset_location=portable_location(spec.dataset),
        dataset_config=spec.config,
        limit=spec.limit,
        images=images,
        sessions=(new_session(spec.command, 1, "none"),),
    )
    with store.locked():
        store.write_record(record)
    return store.path, score(store.path, metrics=spec.metrics, show_progress=show_progress)
