"""Scoring images that tpgbench did not generate."""

from __future__ import annotations

from pathlib import Path

from ...core.files import given_path, recordable
from ...datasets_builders.reference import DatasetRef, portable_location
from ..fit import check_fit
from ..run.identity import ExternalImages, Identity, RunRecord
from ..run.options import ExternalOptions
from ..run.run import Run, check_at_least, check_folder, default_folder, new_session
from ..run.store import RunStore
from ..tasks import get_task
from .external import find_images
from .score import check_metrics


def open_external(images: Path, dataset: str | Path, options: ExternalOptions) -> Run:
    """Check a folder of images against a dataset and write the run directory's record.

    Args:
        images: The folder, read only.
        dataset: A registered dataset or a folder.
        options: All of them, as `tpgbench.core.options.resolve` returns them.

    Returns:
        The run, ready to be scored.

    Raises:
        TpgbenchError: Wrong folder, dataset, manifest or metric; nothing is written then.
    """
    check_at_least("limit", options["limit"], 1)
    check_at_least("data_seed", options["data_seed"], 0)
    reference = DatasetRef(
        location=portable_location(dataset),
        split=options["split"],
        config=options["config"],
        size=options["size"],
        seed=options["data_seed"],
        masks=options["masks"],
    )
    rows = reference.open()
    check_metrics(options["metrics"], rows.task)
    size, fit = options["size"] or rows.size, options["fit"] or rows.fit
    check_fit(fit, size, get_task(rows.task))
    manifest = options["manifest"]
    if manifest is not None:
        given_path(manifest, "--manifest")
    external = ExternalImages(
        folder=recordable(str(images.resolve()), "folder of images"),
        manifest=None
        if manifest is None
        else recordable(str(Path(manifest).resolve()), "manifest"),
        resize=options["resize"],
    )
    identity = Identity(
        task=rows.task,
        model=options["name"],
        model_version=1,
        options={"images": external.folder, "resize": external.resize},
        weights={},
        dataset=rows.name,
        dataset_fingerprint=rows.fingerprint,
        split=rows.split,
        size=size,
        fit=fit,
        seed=0,
        precision="as-given",
    )
    record = RunRecord(
        identity=identity,
        dataset_location=reference.location,
        dataset_config=reference.config,
        dataset_seed=reference.seed,
        dataset_masks=reference.masks,
        limit=options["limit"],
        images=external,
        sessions=(new_session(options["command"], 1, "none"),),
    )
    out = options["out"]
    run = Run(
        RunStore(given_path(out, "--out") if out is not None else default_folder(identity)),
        record,
        rows,
    )
    find_images(external, run.sample_ids)
    run.check_outside_of_dataset()
    check_folder(run.store, identity, record.limit)
    with run.store.locked():
        if run.store.record_path.exists():
            earlier = run.store.read_record().sessions
            run.record = record.model_copy(update={"sessions": (*earlier, *record.sessions)})
        run.store.write_record(run.record)
    return run
