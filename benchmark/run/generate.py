"""The first stage: images, one file a sample, whatever happens."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

from ...core.errors import TpgbenchError
from ...core.progress import progress
from .engine import run_locally
from .identity import Identity, RunRecord
from .plan import Plan, RunSpec, check_folder, make_plan
from .store import RunStore

_NUMERIC_PACKAGES = ("numpy", "scipy", "torch", "pillow", "scikit-image")


@dataclass(frozen=True)
class Generated:
    """What the stage left behind.

    Attributes:
        store: The run directory.
        sample_ids: Every sample that was asked for.
        failures: The error by id of those without an image.
    """

    store: RunStore
    sample_ids: Sequence[str]
    failures: dict[str, str]


def generate(spec: RunSpec, *, show_progress: bool = True) -> Generated:
    """Generate the images of a run, going on where an earlier process stopped.

    Batches are cut at fixed places of the sample list, so a resumed run calls the model with
    the batches of an uninterrupted one. (After ``limit`` was raised, the batch that the old limit
    had cut short is called again, whole; the images that it has already stay.)

    Raises:
        TpgbenchError: The spec is wrong, the folder holds another run, or it cannot be written.
    """
    plan = make_plan(spec)
    store, identity = plan.store, plan.record.identity
    with store.locked():
        if plan.overwrite and _is_another_run(store, identity):
            store.clear()
        check_folder(store, identity)  # again: another process may have begun meanwhile
        _record_session(plan)
        failures = {
            sample_id: error
            for sample_id, error in store.read_failures().items()
            if not store.has_image(sample_id)
        }
        todo = _pending_batches(plan)
        left = sum(map(len, todo))
        with progress(
            "generate",
            len(plan.sample_ids),
            done=len(plan.sample_ids) - left,
            show=show_progress and left > 0,
        ) as advance:
            for batch in run_locally(plan.model, plan.dataset, todo, identity, store):
                for sample_id in batch.images:
                    failures.pop(sample_id, None)
                # A batch is called whole: what an earlier call made of a sample stays good.
                errors = {k: v for k, v in batch.errors.items() if not store.has_image(k)}
                failures.update(errors)
                if errors:
                    store.write_failures(failures)
                advance(len(batch.indices))
        store.write_failures(failures)
    asked = set(plan.sample_ids)
    return Generated(store, plan.sample_ids, {k: v for k, v in failures.items() if k in asked})


def _is_another_run(store: RunStore, identity: Identity) -> bool:
    """Return whether a folder holds a run to be thrown away; the same run goes on instead."""
    if not store.record_path.exists():
        return False
    try:
        return bool(store.read_record().identity.differences(identity))
    except TpgbenchError:
        return True  # damaged, or of another version


def _record_session(plan: Plan) -> None:
    record = plan.record
    if plan.store.record_path.exists():
        earlier = plan.store.read_record()
        _warn_of_other_versions(earlier, record)
        record = record.model_copy(update={"sessions": (*earlier.sessions, *record.sessions)})
    plan.store.write_record(record)


def _warn_of_other_versions(earlier: RunRecord, record: RunRecord) -> None:
    if not earlier.sessions:
        return
    before, now = earlier.sessions[-1].environment, record.sessions[-1].environment
    changed = [
        f"{name} {before[name]} -> {now[name]}"
        for name in _NUMERIC_PACKAGES
        if name in before and name in now and before[name] != now[name]
    ]
    if changed:
        warnings.warn(
            f"this run was begun with other versions ({', '.join(changed)}): its images may "
            "differ by rounding",
            stacklevel=4,
        )


def _pending_batches(plan: Plan) -> list[dict[str, int]]:
    """Return the batches of which an image is missing, whole: row number by sample id."""
    rows = {sample_id: index for index, sample_id in enumerate(plan.sample_ids)}
    step = plan.batch_size
    batches = [
        {sample_id: rows[sample_id] for sample_id in plan.sample_ids[start : start + step]}
        for start in range(0, len(rows), step)
    ]
    return [batch for batch in batches if not all(map(plan.store.has_image, batch))]
