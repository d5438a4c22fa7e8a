"""The Python API of runs: what the commands do, with typed results."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from typing_extensions import Unpack

from ..benchmark.given_model import AnyModel, GivenModel
from ..benchmark.run.engines.local import LocalEngine
from ..benchmark.run.export_inputs import ExportOutcome
from ..benchmark.run.export_inputs import export_inputs as write_inputs
from ..benchmark.run.generate import Generated
from ..benchmark.run.generate import generate as generate_stage
from ..benchmark.run.options import (
    ExportOptions,
    ExternalOptions,
    GenerateOptions,
    RunOptions,
    ScoreOptions,
)
from ..benchmark.run.plan import make_plan
from ..benchmark.run.run import Run, check_at_least
from ..benchmark.scoring.external import find_images
from ..benchmark.scoring.score import Scored, check_metrics
from ..benchmark.scoring.score import score as score_stage
from ..benchmark.scoring.score_external import open_external
from ..core.errors import TpgbenchError
from ..core.files import given_path
from ..core.options import resolve, takes
from ..datasets_builders.reference import DatasetRef, portable_location
from ..leaderboard.report_page import write_report
from .outcomes import GenerateOutcome, ReportOutcome, RunOutcome

if TYPE_CHECKING:
    from ..benchmark.comparing.compare import RunComparison


@takes(RunOptions)
def run(model: AnyModel, **options: Unpack[RunOptions]) -> RunOutcome:
    """Generate, score and report; the same call resumes what was interrupted.

    Args:
        model: A registered model, ``"quilting"``; a `Model` class or an instance of one; or, for
            the task ``tpg``, a function ``f(garment, mask) -> image`` of arrays: uint8 (size, size,
            3), bool (size, size) and uint8 (size, size, 3). An edited class or function is another
            run.
        <options>

    Raises:
        TpgbenchError: Wrong input; nothing is written then. Or the disk refuses.

    Examples:
        >>> outcome = run("crop", limit=2, size=64, metrics=["ssim", "psnr"], out="runs/crop")
        >>> outcome.exit_code, outcome.result.metric("psnr").n
        (0, 2)
        >>> def negative(garment, mask):
        ...     return 255 - garment
        >>> run(negative, limit=2, size=64, metrics=["ssim"], out="runs/negative").result.model
        'negative'
    """
    chosen = cast(RunOptions, resolve(RunOptions, options))
    given = GivenModel.find(model)
    check_metrics(chosen["metrics"], given.kind.task)  # before hours of generation
    generated = _generate(given, chosen)
    scored = score_stage(
        generated.run, metrics=chosen["metrics"], show_progress=chosen["show_progress"]
    )
    page = _report(generated.run)
    return _outcome(generated.run, scored, page.path)


@takes(GenerateOptions)
def generate(model: AnyModel, **options: Unpack[GenerateOptions]) -> GenerateOutcome:
    """Only generate; arguments and errors as in `run`.

    Args:
        model: As in `run`.
        <options>

    Examples:
        >>> generate("crop", limit=2, size=64, out="runs/crop").failures
        {}
    """
    generated = _generate(model, cast(GenerateOptions, resolve(GenerateOptions, options)))
    failures = generated.failures
    problems = []
    if failures:
        sample_id, error = next(iter(failures.items()))
        problems.append(f"{len(failures)} samples failed; the first, {sample_id}: {error}")
    return GenerateOutcome(generated.run.path, generated.run, failures, problems=tuple(problems))


@takes(ExportOptions)
def export_inputs(
    dataset: str | Path, out: str | Path, **options: Unpack[ExportOptions]
) -> ExportOutcome:
    """Write what the harness gives a model as files, for programs that are not called from Python.

    Photos and masks are framed as a model gets them; the ground truth is never written. What the
    program makes of them is scored by `score_images(out, dataset, manifest=out/manifest.jsonl)`.

    Args:
        dataset: A registered dataset or a folder.
        out: The folder to make; it appears only when it is complete.
        <options>

    Raises:
        TpgbenchError: Wrong input, or the folder is there already; nothing is written then.

    Examples:
        >>> export_inputs("ctp-synth", "inputs", limit=2, size=64).samples
        2
    """
    chosen = cast(ExportOptions, resolve(ExportOptions, options))
    check_at_least("limit", chosen["limit"], 1)
    check_at_least("seed", chosen["seed"], 0)
    check_at_least("data_seed", chosen["data_seed"], 0)
    reference = DatasetRef(
        location=portable_location(dataset),
        split=chosen["split"],
        config=chosen["config"],
        size=chosen["size"],
        seed=chosen["data_seed"],
        masks=chosen["masks"],
    )
    return write_inputs(
        reference,
        given_path(out, "out"),
        limit=chosen["limit"],
        fit=chosen["fit"],
        seed=chosen["seed"],
        show_progress=chosen["show_progress"],
    )


@takes(ScoreOptions)
def score(path: str | Path, **options: Unpack[ScoreOptions]) -> RunOutcome:
    """Score a run directory, again or with other metrics.

    Args:
        path: The run directory.
        <options>

    Raises:
        TpgbenchError: Not a run directory, another dataset, an unknown metric.

    Examples:
        >>> made = generate("crop", limit=2, size=64, out="runs/crop")
        >>> score(made.path, metrics=["palette"]).result.metric("palette").n
        2
    """
    chosen = cast(ScoreOptions, resolve(ScoreOptions, options))
    found = Run.open(given_path(path, "path"), dataset=chosen["dataset"])
    scored = score_stage(found, metrics=chosen["metrics"], show_progress=chosen["show_progress"])
    return _outcome(found, scored, None)


@takes(ExternalOptions)
def score_images(
    images: str | Path, dataset: str | Path, **options: Unpack[ExternalOptions]
) -> RunOutcome:
    """Score images made elsewhere, matched by sample id and never by folder order.

    Args:
        images: The folder, read only. An image belongs to the sample whose id is its file stem,
            unless a manifest says otherwise.
        dataset: A registered dataset or a folder.
        <options>

    Raises:
        TpgbenchError: Wrong input; nothing is written then.

    Examples:
        >>> made = generate("crop", limit=2, size=64, out="runs/crop")
        >>> images = made.path / "generations"
        >>> outcome = score_images(images, "ctp-synth", limit=2, size=64, metrics=["ssim"])
        >>> outcome.result.metric("ssim").n
        2
    """
    chosen = cast(ExternalOptions, resolve(ExternalOptions, options))
    found = open_external(given_path(images, "images"), dataset, chosen)
    scored = score_stage(found, metrics=chosen["metrics"], show_progress=chosen["show_progress"])
    return _outcome(found, scored, None)


def report(path: str | Path, *, dataset: str | Path | None = None) -> ReportOutcome:
    """Write `report.html` of a scored run.

    Args:
        path: The run directory.
        dataset: Where the dataset is now, if it has moved. Without the dataset the page shows
            the generated images alone.

    Raises:
        TpgbenchError: Not a scored run directory.

    Examples:
        >>> outcome = run("crop", limit=2, size=64, metrics=["ssim"], out="runs/crop")
        >>> report("runs/crop").path.name
        'report.html'
    """
    return _report(
        Run.open(given_path(path, "path"), dataset=dataset), must_have_photos=dataset is not None
    )


def compare(paths: Sequence[str | Path]) -> RunComparison:
    """Compare scored runs of the same data by paired tests, Holm-corrected.

    Args:
        paths: Two run directories or more.

    Raises:
        TpgbenchError: Fewer than two runs, or runs of different data.

    Examples:
        >>> for model in ("crop", "tile-crop"):
        ...     outcome = run(model, limit=2, size=64, metrics=["ssim"], out=f"runs/{model}")
        >>> [one.label for one in compare(["runs/crop", "runs/tile-crop"]).runs]
        ['crop', 'tile-crop']
    """
    from ..benchmark.comparing.compare import compare_runs

    return compare_runs([given_path(path, "path") for path in paths])


def _generate(model: AnyModel | GivenModel, options: GenerateOptions) -> Generated:
    given = GivenModel.find(model)
    plan, planned = make_plan(given, options)
    own = given.instance
    if own is None and given.code is not None:
        own = given.make(given.config(options["options"] or {}))
    return generate_stage(
        plan,
        planned,
        LocalEngine(planned.dataset, own),
        overwrite=options["overwrite"],
        command=options["command"],
        show_progress=options["show_progress"],
    )


def _report(found: Run, *, must_have_photos: bool = False) -> ReportOutcome:
    notes = []
    try:
        rows = found.dataset
    except TpgbenchError as error:
        if must_have_photos:
            raise
        notes.append(f"the report shows no photos: {error}")
        rows = None
    image_paths = None
    if found.record.images is not None:
        image_paths = {}
        try:
            ids = [] if rows is None else found.sample_ids
            image_paths = find_images(found.record.images, ids).paths if ids else {}
        except TpgbenchError as error:
            notes.append(f"the report shows no images: {error}")
    for note in notes:
        warnings.warn(note, stacklevel=3)
    with found.store.locked():
        page = write_report(found.store, rows, image_paths=image_paths)
    return ReportOutcome(page, notes=tuple(notes))


def _outcome(found: Run, scored: Scored, page: Path | None) -> RunOutcome:
    return RunOutcome(found.path, scored.result, page, problems=scored.problems, notes=scored.notes)
