"""A run: its directory, its record, and its dataset, which is opened once."""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from ...core.errors import TpgbenchError
from ...core.files import utf8_text
from ...datasets_builders.base import Dataset
from ...datasets_builders.reference import DatasetRef, portable_location
from .environment import describe_environment
from .identity import Identity, RunRecord, Session
from .store import RunStore

RUNS_FOLDER = Path("runs")


class Run:
    """One run directory with what belongs to it.

    The stages generate, score and report share one, so that the dataset is opened once and its
    rows need not be read again.

    Args:
        store: The directory's files.
        record: What `run.json` says, or is to say.
        dataset: The open dataset, or None to open the record's when it is first used.
        moved: Where the dataset is now, if it is not where the record says.

    Attributes:
        store: The directory's files.
        record: What `run.json` says.
    """

    def __init__(
        self,
        store: RunStore,
        record: RunRecord,
        dataset: Dataset | None = None,
        *,
        moved: str | Path | None = None,
    ) -> None:
        self.store = store
        self.record = record
        self._moved = moved
        if dataset is not None:
            self.__dict__["dataset"] = dataset

    @classmethod
    def open(cls, path: str | Path, *, dataset: str | Path | None = None) -> Run:
        """Open a run directory; its dataset is opened when it is first used.

        Args:
            path: The run directory.
            dataset: Where the dataset is now, if it has moved.

        Raises:
            TpgbenchError: Not a run directory.
        """
        store = RunStore(Path(path))
        return cls(store, store.read_record(), moved=dataset)

    @property
    def path(self) -> Path:
        """The run directory."""
        return self.store.path

    @property
    def reference(self) -> DatasetRef:
        """The run's dataset by name or place."""
        reference = self.record.dataset_ref
        if self._moved is None:
            return reference
        moved = portable_location(self._moved)
        return reference.model_copy(update={"location": moved})

    @cached_property
    def dataset(self) -> Dataset:
        """The open dataset.

        Raises:
            TpgbenchError: It is not there, or is not what the run was made from.
        """
        found = self.reference.open()
        identity = self.record.identity
        if found.task != identity.task:
            raise TpgbenchError(
                f"the dataset {found.name} is for the task '{found.task}', not '{identity.task}': "
                "see 'tpgbench list datasets'"
            )
        if found.fingerprint != identity.dataset_fingerprint:
            raise TpgbenchError(
                f"{self.reference.location}: its fingerprint is {found.fingerprint[:12]} and the "
                f"run was made from {identity.dataset_fingerprint[:12]}: the dataset has changed; "
                "run again from it"
            )
        return found

    @cached_property
    def sample_ids(self) -> Sequence[str]:
        """The ids of all samples that the run asks for, in the dataset's order.

        Raises:
            TpgbenchError: None, two samples with one id, or an endless split without a limit.
        """
        return list_samples(self.dataset, self.record.limit)

    def check_outside_of_dataset(self) -> None:
        """Refuse a run directory within its own dataset, whose files it would change.

        Raises:
            TpgbenchError: It is within.
        """
        folder = Path(self.record.dataset_location)
        if folder.is_absolute() and self.path.resolve().is_relative_to(folder):
            raise TpgbenchError(
                f"{self.path}: lies within the dataset {folder}, whose files the run would change: "
                "give an --out elsewhere"
            )


def list_samples(dataset: Dataset, limit: int | None) -> list[str]:
    """Return the ids to work on.

    Raises:
        TpgbenchError: None, two samples with one id, or an endless split without a limit.
    """
    ids = list(dataset.sample_ids(limit))
    if not ids:
        raise TpgbenchError(f"{dataset.name}: the split '{dataset.split}' has no sample")
    if len(set(ids)) < len(ids):
        twice = next(one for one, count in Counter(ids).items() if count > 1)
        raise TpgbenchError(
            f"{dataset.name}: two samples of the split '{dataset.split}' have the id '{twice}': "
            "rename one"
        )
    return ids


def default_folder(identity: Identity) -> Path:
    """Return the run directory of an identity unless the user says otherwise."""
    return RUNS_FOLDER / identity.folder_name()


def check_folder(store: RunStore, identity: Identity, limit: int | None) -> None:
    """Refuse a folder that holds something else, or more.

    Args:
        store: The folder.
        identity: The run that wants it.
        limit: How many samples it wants, or None for all.

    Raises:
        TpgbenchError: Files of no run; a run of another identity, with the difference; or the same
            run of more samples, whose results would be lost.
    """
    if store.path.exists() and not store.path.is_dir():
        raise TpgbenchError(f"{store.path}: is a file; give another --out")
    if store.is_foreign():
        raise TpgbenchError(f"{store.path}: not empty and not a run; give another --out")
    if not store.record_path.exists():
        return
    record = store.read_record()
    differences = record.identity.differences(identity)
    if not differences and limit is not None and (record.limit is None or limit < record.limit):
        held = "all samples" if record.limit is None else f"{record.limit} samples"
        raise TpgbenchError(
            f"{store.path} holds this run of {held}, which --limit {limit} would cut: give another "
            "--out, or --overwrite to cut it"
        )
    if differences:
        raise TpgbenchError(
            f"{store.path} holds another run ({'; '.join(differences)}): give --overwrite to "
            "replace it, or another --out"
        )


def check_at_least(option: str, value: int | None, least: int) -> None:
    """Raise when a number is too small.

    Raises:
        TpgbenchError: It is.
    """
    if value is not None and value < least:
        raise TpgbenchError(f"--{option.replace('_', '-')} {value}: give at least {least}")


def new_session(command: Sequence[str], batch_size: int, device: str) -> Session:
    """Return the record of a session that starts now."""
    return Session(
        started=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        command=tuple(map(utf8_text, command)),
        batch_size=batch_size,
        device=device,
        environment=describe_environment(),
    )
