"""The stages of a training of SLDDM-TPG, one after another."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ...core.errors import TpgbenchError
from ...core.files import explain_os_errors, user_cache
from ...core.folders import replaced_folder
from ..shared.card import EARLIER, RECORDS, keep_records
from ..training.blocks import BlockStore
from ..training.config import TrainingConfig
from ..training.devices import one_process
from ..training.objective import Objective
from ..training.pool import Pool
from ..training.sessions import Session, new_session
from ..training.trainer import TrainingSummary
from ..training.trainer import train as optimise
from ..training.turns import Turns, turns_had
from .autoencoder_objective import AutoencoderObjective
from .batches import TpgBatches
from .diffusion_objective import DiffusionObjective
from .held_out import HeldOut, labelled_rows
from .ldn_objective import LdnObjective
from .networks import make_autoencoder, make_image_encoder, make_ldn, make_pipeline
from .pipeline_folder import PARTS, recover_parts
from .rows import TpgRows
from .settings import Preset, Stage
from .start import copy_part, find_parts

_MADE_BY: dict[Stage, tuple[str, ...]] = {
    "autoencoder": ("vae", "image_encoder"),
    "ldn": ("ldn",),
    "sldm": ("unet", "conditioner"),
}


@dataclass(frozen=True)
class TrainingSpec:
    """A training of SLDDM-TPG.

    Attributes:
        preset: Networks, losses and how each stage trains.
        folder: Where everything goes: a folder per stage, and ``pipeline``.
        datasets: Registered names or folders, of the task ``tpg``, used in turn; repeating a
            name gives it more turns.
        stages: To train; those before must have been trained, here or in ``start``.
        start: Pipeline folders to initialise parts from; the first that has a part is used.
        warm: Whether to initialise the parts that the stages train, too.
        split: Of the datasets, to train on.
        held_out: The validation split; None for no validation.
        data_seed: Of procedural datasets.
        workers: Processes per dataset that render rows.
        command: As typed, for the model card.
    """

    preset: Preset
    folder: Path
    datasets: tuple[str, ...]
    stages: tuple[Stage, ...]
    start: tuple[Path, ...] = ()
    warm: bool = False
    split: str = "train"
    held_out: str | None = "validation"
    data_seed: int = 0
    workers: int = 1
    command: str = ""

    @property
    def pipeline_folder(self) -> Path:
        """The folder of the networks."""
        return self.folder / "pipeline"


def train_slddm(spec: TrainingSpec) -> dict[Stage, TrainingSummary]:
    """Train stage after stage; finished stages are skipped.

    Returns:
        A summary per stage, up to the first that was stopped before its end.

    Raises:
        TpgbenchError: A stage lacks the result of an earlier one, the data or the base model is
            unavailable, or the training failed; the message says what to change. If nothing was
            trained yet, nothing is left behind.
    """
    _check(spec)
    summaries: dict[Stage, TrainingSummary] = {}
    with new_session(spec.folder, spec.command) as session:
        with one_process() as first:
            if first:
                recover_parts(spec.pipeline_folder)
                _take_over(spec, session)
        for stage in spec.stages:
            summaries[stage] = _STAGES[stage](spec, session)
            if not summaries[stage].finished:
                break
    return summaries


def _check(spec: TrainingSpec) -> None:
    """Refuse before the training what would otherwise be refused hours later."""
    preset = spec.preset
    for stage in spec.stages:
        if stage not in preset.training:
            raise TpgbenchError(
                f"--stage {stage}: the preset '{preset.name}' has only {', '.join(preset.stages)}"
            )
    if spec.warm and not spec.start:
        raise TpgbenchError(
            "--warm: give --start PIPELINE, the networks to train further, or leave it out"
        )
    tracks = {rows.track for rows in _rows(spec, spec.split)}
    takes_track = preset.networks.unet is not None and preset.networks.unet.get("num_class_embeds")
    if len(tracks) > 1 and not takes_track:
        raise TpgbenchError(
            f"--dataset {' --dataset '.join(spec.datasets)}: are of both tracks, and the U-Net of "
            f"the preset '{preset.name}' does not take the track as input: give datasets of one "
            "track, or --preset tiny"
        )
    if spec.held_out is not None and "sldm" in spec.stages:
        for rows in _rows(spec, spec.held_out):
            rows.check_held_out()
            next(labelled_rows(rows))


def _take_over(spec: TrainingSpec, session: Session) -> None:
    if not spec.start:
        return
    folder, earlier = spec.pipeline_folder, spec.folder / EARLIER
    trained = {part for stage in spec.stages for part in _MADE_BY[stage]}
    kept = [part for part in PARTS if spec.warm or part not in trained]
    for part, start in find_parts(spec.start, kept, spec.preset, folder).items():
        session.makes(folder / part)
        copy_part(start, folder, part)
    if spec.warm and not earlier.exists():
        origin = spec.start[0].absolute()
        session.makes(earlier)
        with explain_os_errors(earlier):
            keep_records(origin if (origin / RECORDS).is_dir() else origin.parent, earlier)


def _train_autoencoder(spec: TrainingSpec, session: Session) -> TrainingSummary:
    preset, folder = spec.preset, spec.pipeline_folder
    torch.manual_seed(preset.training["autoencoder"].seed)
    vae, encoder = make_autoencoder(preset, folder), make_image_encoder(preset, folder)
    objective = AutoencoderObjective(vae, encoder, preset.networks.background)
    summary = _optimise(spec, session, "autoencoder", objective)
    if summary.finished:
        with one_process() as first:
            if first:
                _save({"vae": vae, "image_encoder": encoder}, folder)
    return summary


def _train_ldn(spec: TrainingSpec, session: Session) -> TrainingSummary:
    preset, folder = spec.preset, spec.pipeline_folder
    _check_parts(spec, "ldn", ("vae",) if preset.networks.autoencoder is not None else ())
    torch.manual_seed(preset.training["ldn"].seed)
    vae = make_autoencoder(preset, folder)
    ldn = make_ldn(preset, folder, vae)
    objective = LdnObjective(vae, ldn, preset.ldn, preset.networks.background)
    summary = _optimise(spec, session, "ldn", objective)
    if summary.finished:
        with one_process() as first:
            if first:
                _save({"ldn": ldn}, folder)
    return summary


def _train_sldm(spec: TrainingSpec, session: Session) -> TrainingSummary:
    preset, folder = spec.preset, spec.pipeline_folder
    needed = ("ldn",) if preset.networks.autoencoder is None else ("vae", "image_encoder", "ldn")
    _check_parts(spec, "sldm", needed)
    torch.manual_seed(preset.training["sldm"].seed)
    pipeline = make_pipeline(preset, folder)
    held_out = None
    if spec.held_out is not None:
        held_out = HeldOut(_rows(spec, spec.held_out), sorted({1, preset.steps}))
    objective = DiffusionObjective(pipeline, preset.diffusion, held_out)
    summary = _optimise(spec, session, "sldm", objective)
    # Also when it was stopped: an unfinished model can be sampled.
    with one_process() as first:
        if first:
            with replaced_folder(folder) as staging:
                pipeline.save_pretrained(staging)
    return summary


_STAGES: dict[Stage, Callable[[TrainingSpec, Session], TrainingSummary]] = {
    "autoencoder": _train_autoencoder,
    "ldn": _train_ldn,
    "sldm": _train_sldm,
}


def _optimise(
    spec: TrainingSpec, session: Session, stage: Stage, objective: Objective
) -> TrainingSummary:
    preset = spec.preset
    config: TrainingConfig = preset.training[stage]
    with ExitStack() as stores:
        names = list(dict.fromkeys(spec.datasets))
        order = [names.index(dataset) for dataset in spec.datasets]
        members = []
        for place, rows in enumerate(_rows(spec, spec.split)):
            store = BlockStore(rows, user_cache("training"), workers=spec.workers)
            member = TpgBatches(
                stores.enter_context(store),
                Pool.of(rows.count(), first_rows=preset.first_rows, reuse=preset.reuse),
                batch_size=config.batch_size,
                steps=turns_had(order, place, config.steps * config.accumulation),
                labelled=preset.labelled,
                # The losses of the LDN compare garments with patterns.
                only_labelled=preset.only_labelled or stage == "ldn",
                track=rows.track,
                seed=config.seed,
            )
            members.append(member)
        batches = members[0] if len(members) == 1 else Turns(members, order)
        return optimise(objective, batches, config, spec.folder / stage, begun=session.record)


def _rows(spec: TrainingSpec, split: str) -> list[TpgRows]:
    """Return the rows of each dataset; all stages of a preset share them."""
    size, filler = spec.preset.size, spec.preset.filler
    return [
        TpgRows(dataset, split, size, seed=spec.data_seed, filler=filler)
        for dataset in dict.fromkeys(spec.datasets)
    ]


def _check_parts(spec: TrainingSpec, stage: Stage, needed: tuple[str, ...]) -> None:
    for part in needed:
        if not (spec.pipeline_folder / part).is_dir():
            raise TpgbenchError(
                f"{spec.pipeline_folder}: has no '{part}', which --stage {stage} needs: train "
                "the stages before it (--stage all), or give --start PIPELINE"
            )


def _save(parts: Mapping[str, Any], folder: Path) -> None:
    """Save networks, each whole or not at all."""
    for name, network in parts.items():
        with replaced_folder(folder / name) as staging:
            network.save_pretrained(staging)
