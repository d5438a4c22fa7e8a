"""The Python API of runs: what the commands do, with typed results."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..benchmark.model import MODELS
from ..benchmark.run.generate import Generated
from ..benchmark.run.generate import generate as generate_stage
from ..benchmark.run.plan import RunSpec
from ..benchmark.run.results import Result
from ..benchmark.run.store import RunStore
from ..benchmark.scoring.external import find_images
from ..benchmark.scoring.score import Scored, check_metrics
from ..benchmark.scoring.score import score as score_stage
from ..benchmark.scoring.score_external import OutsideSpec, score_outside
from ..core.errors import TpgbenchError
from ..datasets_builders.base import Dataset
from ..datasets_builders.load import open_dataset
from ..leaderboard.report import write_report

if TYPE_CHECKING:
    from ..benchmark.comparing.compare import RunComparison


@dataclass(frozen=True)
class RunOutcome:
    """What a run, or the scoring of one, came to.

    Attributes:
        path: The run directory.
        result: The numbers, as in `result.json`.
        report: The page, if it was asked for.
        problems: What was asked for and is missing, a line each.
        notes: What else a user should know.
    """

    path: Path
    result: Result
    report: Path | None
    problems: tuple[str, ...]
    notes: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """0 when complete, 1 when something that was asked for is missing."""
        return 1 if self.problems else 0


def run(
    model: str,
    *,
    dataset: str | Path | None = None,
    split: str = "test",
    config: str | None = None,
    limit: int | None = None,
    metrics: Sequence[str] | None = None,
    options: Mapping[str, Any] | None = None,
    weights: str | None = None,
    size: int | None = None,
    fit: str | None = None,
    batch_size: int | None = None,
    seed: int = 0,
    device: str = "auto",
    precision: str | None = None,
    out: str | Path | None = None,
    overwrite: bool = False,
    show_progress: bool = False,
    command: Sequence[str] = (),
) -> RunOutcome:
    """Generate, score and report; the same call resumes what was interrupted.

    Args:
        model: A registered model: ``"quilting"``.
        dataset: A registered dataset or a folder; the task's embedded one by default.
        split: The dataset's split.
        config: The dataset's configuration; None for its default one.
        limit: Only the first so many samples; it can be raised later.
        metrics: Metrics by name, ``"fid@clean"`` with a variant; None for the task's defaults.
        options: The model's options.
        weights: A folder or hub id for the model.
        size: Side of the frame of comparison, in pixels; the dataset's own by default.
        fit: ``"box"``, ``"pad"`` or ``"stretch"``; the dataset's own by default.
        batch_size: Samples a call of the model.
        seed: Decides all randomness.
        device: ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ``"mps"``.
        precision: ``"fp32"``, ``"bf16"``, ...; the model's own by default.
        out: The run directory; by default ``runs/`` and a name derived from the run's identity.
        overwrite: Throw away another run's files in ``out``.
        show_progress: Say on stderr how far it is.
        command: What was typed, for the record.

    Raises:
        TpgbenchError: Wrong input; nothing is written then. Or the disk refuses.
    """
    model_class = MODELS.get(model)
    check_metrics(metrics, model_class.task)  # before hours of generation
    generated = generate(
        model,
        dataset=dataset,
        split=split,
        config=config,
        limit=limit,
        options=options,
        weights=weights,
        size=size,
        fit=fit,
        batch_size=batch_size,
        seed=seed,
        device=device,
        precision=precision,
        out=out,
        overwrite=overwrite,
        show_progress=show_progress,
        command=command,
    )
    path = generated.store.path
    scored = score_stage(path, metrics=metrics, show_progress=show_progress)
    return _outcome(path, scored, report(path))


def generate(
    model: str,
    *,
    dataset: str | Path | None = None,
    split: str = "test",
    config: str | None = None,
    limit: int | None = None,
    options: Mapping[str, Any] | None = None,
    weights: str | None = None,
    size: int | None = None,
    fit: str | None = None,
    batch_size: int | None = None,
    seed: int = 0,
    device: str = "auto",
    precision: str | None = None,
    out: str | Path | None = None,
    overwrite: bool = False,
    show_progress: bool = False,
    command: Sequence[str] = (),
) -> Generated:
    """Only generate. Arguments and errors as in `run`."""
    spec = RunSpec(
        model=model,
        dataset=dataset,
        split=split,
        config=config,
        limit=limit,
        options=options or {},
        weights=weights,
        size=size,
        fit=fit,
        batch_size=batch_size,
        seed=seed,
        device=device,
        precision=precision,
        out=None if out is None else Path(out),
        overwrite=overwrite,
        command=tuple(command),
    )
    return generate_stage(spec, show_progress=show_progress)


def score(
    path: str | Path,
    *,
    metrics: Sequence[str] | None = None,
    dataset: str | Path | None = None,
    show_progress: bool = False,
) -> RunOutcome:
    """Score a run directory, again or with other metrics.

    Args:
        path: The run directory.
        metrics: Metrics by name; None for the task's defaults.
        dataset: Where the dataset is now, if it has moved.
        show_progress: Say on stderr how far it is.

    Raises:
        TpgbenchError: Not a run directory, another dataset, an unknown metric.
    """
    scored = score_stage(Path(path), metrics=metrics, dataset=dataset, show_progress=show_progress)
    return _outcome(Path(path), scored, None)


def score_images(
    images: str | Path,
    dataset: str | Path,
    *,
    split: str = "test",
    config: str | None = None,
    name: str = "outside",
    limit: int | None = None,
    size: int | None = None,
    fit: str | None = None,
    manifest: str | Path | None = None,
    resize: bool = False,
    metrics: Sequence[str] | None = None,
    out: str | Path | None = None,
    show_progress: bool = False,
    command: Sequence[str] = (),
) -> RunOutcome:
    """Score images made elsewhere, matched by sample id and never by folder order.

    Args:
        images: The folder, read only.
        dataset: A registered dataset or a folder.
        split: The dataset's split.
        config: The dataset's configuration; None for its default one.
        name: What to call the method.
        limit: Only the first so many samples.
        size: Side of the frame of comparison, in pixels.
        fit: The frame.
        manifest: A CSV or JSON Lines file with ``sample_id`` and ``file``; without it an image
            belongs to the sample whose id is its file stem.
        resize: Resize images of another size; the recipe says so.
        metrics: Metrics by name; None for the task's defaults.
        out: The run directory for the scores.
        show_progress: Say on stderr how far it is.
        command: What was typed, for the record.

    Raises:
        TpgbenchError: Wrong input; nothing is written then.
    """
    spec = OutsideSpec(
        images=Path(images),
        dataset=dataset,
        split=split,
        config=config,
        name=name,
        limit=limit,
        size=size,
        fit=fit,
        manifest=None if manifest is None else Path(manifest),
        resize=resize,
        metrics=metrics,
        out=None if out is None else Path(out),
        command=tuple(command),
    )
    path, scored = score_outside(spec, show_progress=show_progress)
    return _outcome(path, scored, None)


def report(path: str | Path, *, dataset: str | Path | None = None) -> Path:
    """Write `report.html` of a scored run and return its path.

    Args:
        path: The run directory.
        dataset: Where the dataset is now, if it has moved. Without the dataset the page shows
            the generated images alone.

    Raises:
        TpgbenchError: Not a scored run directory.
    """
    store = RunStore(Path(path))
    record = store.read_record()
    location = dataset if dataset is not None else record.dataset_location
    rows: Dataset | None = None
    try:
        rows = open_dataset(
            location,
            record.identity.split,
            config=record.dataset_config,
            size=record.identity.size,
        )
    except TpgbenchError as error:
        if dataset is not None:
            raise
        warnings.warn(f"the report shows no photos: {error}", stacklevel=2)
    image_paths = None
    if record.images is not None:
        image_paths = {}
        try:
            ids = [] if rows is None else list(rows.sample_ids(record.limit))
            image_paths = find_images(record.images, ids).paths if ids else {}
        except TpgbenchError as error:
            warnings.warn(f"the report shows no images: {error}", stacklevel=2)
    with store.locked():
        return write_report(store, rows, image_paths=image_paths)


def compare(paths: Sequence[str | Path]) -> RunComparison:
    """Compare scored runs of the same data by paired tests, Holm-corrected.

    Raises:
        TpgbenchError: Fewer than two runs, or runs of different data.
    """
    from ..benchmark.comparing.compare import (
        compare_runs,  # with pandas, which a run can do without
    )

    return compare_runs([Path(path) for path in paths])


def _outcome(path: Path, scored: Scored, page: Path | None) -> RunOutcome:
    return RunOutcome(path, scored.result, page, scored.problems, scored.notes)
