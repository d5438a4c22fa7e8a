"""What the user asked for, checked and resolved before anything is written."""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...core.errors import TpgbenchError
from ...core.files import known_sha256
from ...datasets_builders.base import DATASETS, Dataset
from ...datasets_builders.load import open_dataset
from ..fit import check_fit
from ..model import MODELS, Model
from ..model_options import make_config
from ..tasks import get_task
from .environment import choose_device, describe_environment
from .identity import Identity, RunRecord, Session
from .store import RunStore

RUNS_FOLDER = Path("runs")


@dataclass(frozen=True)
class RunSpec:
    """A generation as the user asks for it; None means the default.

    Attributes:
        model: A registered model.
        dataset: A registered dataset or a folder; the task's embedded one by default.
        split: The dataset's split.
        config: The dataset's configuration; None for its default one.
        limit: Only the first so many samples.
        options: The model's options.
        weights: A folder or hub id for the model.
        size: Side of the frame, in pixels; the dataset's own by default.
        fit: ``"box"``, ``"pad"`` or ``"stretch"``; the dataset's own by default.
        batch_size: Samples a call; the model's own by default.
        seed: Decides all randomness of the run.
        device: ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ``"mps"``.
        precision: ``"fp32"``, ``"bf16"``, ...; the model's own by default.
        out: The run directory; by default derived from the run's identity.
        overwrite: Throw away what another run left in that folder; the same run goes on.
        command: What was typed, for the record.
    """

    model: str
    dataset: str | Path | None = None
    split: str = "test"
    config: str | None = None
    limit: int | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    weights: str | None = None
    size: int | None = None
    fit: str | None = None
    batch_size: int | None = None
    seed: int = 0
    device: str = "auto"
    precision: str | None = None
    out: Path | None = None
    overwrite: bool = False
    command: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    """A generation ready to start: model loaded, dataset open, folder chosen and found fit."""

    model: Model[Any]
    dataset: Dataset
    sample_ids: Sequence[str]
    batch_size: int
    record: RunRecord
    store: RunStore
    overwrite: bool


def make_plan(spec: RunSpec) -> Plan:
    """Check a spec and resolve its names and defaults. Nothing is written.

    Raises:
        TpgbenchError: Anything that is wrong with it.
    """
    model_class = MODELS.get(spec.model)
    config = make_config(model_class, spec.options)
    location = spec.dataset if spec.dataset is not None else get_task(model_class.task).dataset
    check_at_least("--limit", spec.limit, 1)
    check_at_least("--batch-size", spec.batch_size, 1)
    check_at_least("--seed", spec.seed, 0)
    device = choose_device(spec.device, model_class.devices, spec.model)
    precision = spec.precision or model_class.precisions[0]
    if precision not in model_class.precisions:
        raise TpgbenchError(
            f"--precision {precision}: {spec.model} runs in {', '.join(model_class.precisions)}"
        )
    dataset = open_for_task(
        location, spec.split, model_class.task, config=spec.config, size=spec.size
    )
    size, fit = spec.size or dataset.size, spec.fit or dataset.fit
    check_fit(fit, size, get_task(model_class.task))
    sample_ids = list_samples(dataset, spec.limit)

    model = model_class(config)
    try:
        files = model.weight_files(spec.weights)
        weights = {name: known_sha256(file) for name, file in files.items()}
        model.load(device, precision, spec.weights)
    except TpgbenchError:
        raise
    except Exception as error:
        raise TpgbenchError(
            f"the model '{spec.model}' cannot be loaded on {device} ({type(error).__name__}: "
            f"{error}); see its card in 'tpgbench list models --json'"
        ) from error
    identity = Identity(
        task=model_class.task,
        model=spec.model,
        model_version=model_class.version,
        options=config.model_dump(mode="json"),
        weights=weights,
        dataset=dataset.name,
        dataset_fingerprint=dataset.fingerprint,
        split=dataset.split,
        size=size,
        fit=fit,
        seed=spec.seed,
        precision=precision,
    )
    batch_size = spec.batch_size or model_class.batch_size
    record = RunRecord(
        identity=identity,
        dataset_location=portable_location(location),
        dataset_config=spec.config,
        weights_location=None if spec.weights is None else portable_location(spec.weights),
        limit=spec.limit,
        sessions=(new_session(spec.command, batch_size, device),),
    )
    store = RunStore(spec.out if spec.out is not None else RUNS_FOLDER / identity.folder_name())
    check_outside_of_dataset(store, record)
    if not spec.overwrite:
        check_folder(store, identity)
    return Plan(model, dataset, sample_ids, batch_size, record, store, spec.overwrite)


def open_for_task(
    location: str | Path, split: str, task: str, *, config: str | None, size: int | None
) -> Dataset:
    """Open a dataset and see that it is of the right task.

    Raises:
        TpgbenchError: Unknown, unreadable, or of another task.
    """
    dataset = open_dataset(location, split, config=config, size=size)
    if dataset.task != task:
        raise TpgbenchError(
            f"the dataset {dataset.name} is for the task '{dataset.task}', not '{task}': see "
            "'tpgbench list datasets'"
        )
    return dataset


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


def check_outside_of_dataset(store: RunStore, record: RunRecord) -> None:
    """Refuse a run directory within its own dataset, whose files it would change.

    Raises:
        TpgbenchError: It is within.
    """
    folder = Path(record.dataset_location)
    if folder.is_absolute() and store.path.resolve().is_relative_to(folder):
        raise TpgbenchError(
            f"{store.path}: lies within the dataset {folder}, whose files the run would change: "
            "give an --out elsewhere"
        )


def check_folder(store: RunStore, identity: Identity) -> None:
    """Refuse a folder that holds something else.

    Raises:
        TpgbenchError: Files of no run, or a run of another identity; it shows the difference.
    """
    if store.path.exists() and not store.path.is_dir():
        raise TpgbenchError(f"{store.path}: is a file; give another --out")
    if store.is_foreign():
        raise TpgbenchError(f"{store.path}: not empty and not a run; give another --out")
    if not store.record_path.exists():
        return
    differences = store.read_record().identity.differences(identity)
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
        raise TpgbenchError(f"{option} {value}: give at least {least}")


def new_session(command: tuple[str, ...], batch_size: int, device: str) -> Session:
    """Return the record of a session that starts now."""
    return Session(
        started=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        command=command,
        batch_size=batch_size,
        device=device,
        environment=describe_environment(),
    )


def portable_location(location: str | Path) -> str:
    """Return a dataset's name, or its folder's absolute path; as `open_dataset` reads it."""
    if isinstance(location, str) and location in DATASETS:
        return location
    path = Path(location)
    return str(path.resolve()) if path.is_dir() else str(location)
