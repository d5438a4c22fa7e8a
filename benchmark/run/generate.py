"""The first stage: images, one file per sample, whatever happens."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass

from ...core.errors import TpgbenchError
from ...core.progress import progress
from .engines.base import Engine
from .identity import Identity, RunRecord
from .plan import Plan
from .run import Run, check_folder, new_session
from .store import RunStore
from .worker import Batch, Finished

_NUMERIC_PACKAGES = ("numpy", "scipy", "torch", "pillow", "scikit-image")


@dataclass(frozen=True)
class Generated:
    """What the stage left behind.

    Attributes:
        run: The run.
        failures: The error by id of those samples that have no image.
    """

    run: Run
    failures: dict[str, str]


def generate(
    plan: Plan,
    run: Run,
    engine: Engine,
    *,
    overwrite: bool = False,
    command: Sequence[str] = (),
    show_progress: bool = True,
) -> Generated:
    """Generate the images of a run; it resumes where an earlier process stopped.

    Batches are cut at fixed places of the sample list, so a resumed run calls the model with
    the batches of an uninterrupted one. (After ``limit`` was raised, the batch that the old limit
    had cut short is called again, whole; the images that it has already stay.) A run that is
    complete loads no model.

    Args:
        plan: What to do.
        run: Where to, with the dataset open.
        engine: Who does it.
        overwrite: Throw away what another run left in the folder; the same run resumes.
        command: What was typed, for the record.
        show_progress: Show progress on stderr.

    Raises:
        TpgbenchError: The model cannot be loaded, the folder holds another run, or it cannot be
            written.
    """
    store, identity = run.store, plan.identity
    replaced = overwrite and _is_another_run(store, identity)
    todo = _pending_batches(run, plan.batch_size, nothing_is_there=replaced)
    with ExitStack() as stack:
        # Before anything is written: a model that cannot be loaded leaves no folder behind.
        workers = stack.enter_context(engine.start(plan)) if todo else None
        stack.enter_context(store.locked())
        # Asked again: another process may have begun, or ended, this very run meanwhile.
        if overwrite and _is_another_run(store, identity):
            store.clear()
        check_folder(store, identity, None if overwrite else run.record.limit)
        device = None if workers is None else workers.device
        run.record = _recorded(store, run.record, plan.batch_size, device, command)
        failures = {
            sample_id: error
            for sample_id, error in store.read_failures().items()
            if not store.has_image(sample_id)
        }
        left = sum(map(len, todo))
        with progress(
            "generate",
            len(run.sample_ids),
            done=len(run.sample_ids) - left,
            show=show_progress and left > 0,
        ) as advance:
            finished = () if workers is None else workers.run(todo)
            for batch in _written_behind(finished, store):
                for sample_id in batch.images:
                    failures.pop(sample_id, None)
                # A batch is called whole: what an earlier call made of a sample stays good.
                errors = {k: v for k, v in batch.errors.items() if not store.has_image(k)}
                failures.update(errors)
                if errors:
                    store.write_failures(failures)
                advance(len(batch.batch))
        store.write_failures(failures)
    asked = set(run.sample_ids)
    return Generated(run, {k: v for k, v in failures.items() if k in asked})


def _written_behind(finished: Iterable[Finished], store: RunStore) -> Iterator[Finished]:
    """Yield each batch once its images are on the disk; the next is computed meanwhile."""
    with ThreadPoolExecutor(1) as writer:
        writing: Future[Finished] | None = None
        try:
            for batch in finished:
                if writing is not None:
                    yield writing.result()
                writing = writer.submit(_write, batch, store)
            if writing is not None:
                yield writing.result()
        finally:
            if writing is not None:
                writing.exception()  # wait, also when interrupted: its images are good


def _write(batch: Finished, store: RunStore) -> Finished:
    for sample_id in batch.images:
        if not store.has_image(sample_id):
            store.write_png(sample_id, batch.png(sample_id))
    return batch


def _is_another_run(store: RunStore, identity: Identity) -> bool:
    """Return whether a folder holds a run to be thrown away; the same run resumes instead."""
    if not store.record_path.exists():
        return False
    try:
        return bool(store.read_record().identity.differences(identity))
    except TpgbenchError:
        return True  # damaged, or of another version


def _recorded(
    store: RunStore, record: RunRecord, batch_size: int, device: str | None, command: Sequence[str]
) -> RunRecord:
    """Write the record with the earlier sessions, and this one if it has work to do."""
    earlier = store.read_record() if store.record_path.exists() else None
    sessions = () if earlier is None else earlier.sessions
    if device is not None:
        session = new_session(command, batch_size, device)
        if sessions:
            _warn_of_other_versions(sessions[-1].environment, session.environment)
        sessions = (*sessions, session)
    record = record.model_copy(update={"sessions": sessions})
    if record != earlier:
        store.write_record(record)
    return record


def _warn_of_other_versions(before: dict[str, str], now: dict[str, str]) -> None:
    changed = [
        f"{name} {before[name]} -> {now[name]}"
        for name in _NUMERIC_PACKAGES
        if name in before and name in now and before[name] != now[name]
    ]
    if changed:
        warnings.warn(
            f"this run was begun with other versions ({', '.join(changed)}): its images may "
            "differ by rounding",
            stacklevel=5,
        )


def _pending_batches(run: Run, batch_size: int, *, nothing_is_there: bool) -> list[Batch]:
    """Return the batches of which an image is missing, whole."""
    ids = run.sample_ids
    rows = {sample_id: index for index, sample_id in enumerate(ids)}
    batches = [
        {sample_id: rows[sample_id] for sample_id in ids[start : start + batch_size]}
        for start in range(0, len(ids), batch_size)
    ]
    if nothing_is_there:
        return list(batches)
    return [batch for batch in batches if not all(map(run.store.has_image, batch))]
