"""What the user asked for, checked and resolved before anything is written: a plan is data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from ...core.errors import TpgbenchError
from ...core.files import given_path, known_sha256, recordable
from ...datasets_builders.reference import DatasetRef, portable_location
from ..fit import check_fit
from ..given_model import AnyModel, GivenModel
from ..model import MODELS, Model
from ..model_options import make_config
from ..tasks import get_task
from .environment import check_device_kind
from .identity import Identity, RunRecord
from .options import GenerateOptions
from .run import Run, check_at_least, check_folder, default_folder
from .store import RunStore


class Plan(BaseModel):
    """A generation ready to start, as data: it pickles, and another process can do its work.

    Attributes:
        identity: What decides the images; it names the model, its options and weights' hashes.
        dataset: Where the rows are.
        weights: The folder or hub id of the model's weights, or None for its own.
        device: As asked for: ``"auto"`` is resolved where the model runs.
        batch_size: Samples per call of the model.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    identity: Identity
    dataset: DatasetRef
    weights: str | None
    device: str
    batch_size: int

    def make_model(self) -> Model[Any]:
        """Return the model, with its options, not loaded.

        Raises:
            TpgbenchError: It is not installed here, or is of another version than the plan's.
        """
        model_class = MODELS.get(self.identity.model)
        if model_class.version != self.identity.model_version:
            raise TpgbenchError(
                f"{self.identity.model}: version {model_class.version} is installed here and the "
                f"plan was made for {self.identity.model_version}: install the same version"
            )
        return model_class(make_config(model_class, self.identity.options))


def make_plan(model: AnyModel | GivenModel, options: GenerateOptions) -> tuple[Plan, Run]:
    """Check what is asked for and resolve names and defaults. Nothing is written or loaded.

    Args:
        model: As for `GivenModel.find`.
        options: All of them, as `tpgbench.core.options.resolve` returns them.

    Returns:
        The plan, and its run with the dataset open.

    Raises:
        TpgbenchError: Anything that is wrong with it.
    """
    given = GivenModel.find(model)
    model_class, name = given.kind, given.kind.name
    task = get_task(model_class.task)
    config = given.config(options["options"] or {})
    for key, least in (("limit", 1), ("batch_size", 1), ("seed", 0), ("data_seed", 0)):
        check_at_least(key, options[key], least)  # type: ignore[literal-required]
    check_device_kind(options["device"], model_class.devices, name)
    precision = options["precision"] or model_class.precisions[0]
    if precision not in model_class.precisions:
        raise TpgbenchError(
            f"--precision {precision}: {name} runs in {', '.join(model_class.precisions)}"
        )
    asked = options["dataset"]
    reference = DatasetRef(
        location=portable_location(task.dataset if asked is None else asked),
        split=options["split"],
        config=options["config"],
        size=options["size"],
        seed=options["data_seed"],
        masks=options["masks"],
    )
    dataset = reference.open()
    if dataset.task != task.name:
        raise TpgbenchError(
            f"the dataset {dataset.name} is for the task '{dataset.task}', not '{task.name}': see "
            "'tpgbench list datasets'"
        )
    size, fit = options["size"] or dataset.size, options["fit"] or dataset.fit
    check_fit(fit, size, task)
    given_weights = options["weights"]
    weights = None if given_weights is None else str(given_path(given_weights, "--weights"))
    identity = Identity(
        task=task.name,
        model=name,
        model_version=model_class.version,
        options=config.model_dump(mode="json"),
        weights=_hash_weights(given.make(config), weights) | given.code_digest,
        dataset=dataset.name,
        dataset_fingerprint=dataset.fingerprint,
        split=dataset.split,
        size=size,
        fit=fit,
        seed=options["seed"],
        precision=precision,
    )
    record = RunRecord(
        identity=identity,
        dataset_location=reference.location,
        dataset_config=reference.config,
        dataset_seed=reference.seed,
        dataset_masks=reference.masks,
        weights_location=_portable(weights),
        limit=options["limit"],
    )
    out = options["out"]
    run = Run(
        RunStore(given_path(out, "--out") if out is not None else default_folder(identity)),
        record,
        dataset,
    )
    run.sample_ids  # noqa: B018 (raises where the split has none, or two of one id)
    run.check_outside_of_dataset()
    if not options["overwrite"]:
        check_folder(run.store, identity, record.limit)
    plan = Plan(
        identity=identity,
        dataset=reference,
        weights=record.weights_location,
        device=options["device"],
        batch_size=options["batch_size"] or model_class.batch_size,
    )
    return plan, run


def _hash_weights(model: Model[Any], weights: str | None) -> dict[str, str]:
    """Return the SHA-256 by name of the files that decide the images; no network is loaded."""
    try:
        return {name: known_sha256(path) for name, path in model.weight_files(weights).items()}
    except TpgbenchError:
        raise
    except Exception as error:  # another package's model may raise anything
        raise TpgbenchError(
            f"the weights of '{model.name}' cannot be read ({type(error).__name__}: {error}); see "
            "its card in 'tpgbench list models --json'"
        ) from error


def _portable(weights: str | None) -> str | None:
    """Return a folder's absolute path, or the hub id as it is."""
    if weights is not None:
        recordable(weights, "weights")
    if weights is None or not Path(weights).expanduser().is_dir():
        return weights
    return str(Path(weights).expanduser().resolve())
