"""The stages of a training of LoRA-DAE, one after another."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor
from torch import Tensor

from ...core.errors import TpgbenchError
from ...core.files import explain_os_errors, sha256_file, user_cache
from ...core.folders import recover, replaced_folder
from ...core.places import place_name
from ..shared.autoencoder import PatchAutoencoder
from ..shared.card import EARLIER, keep_records
from ..shared.quiet import quiet_libraries
from ..training.blocks import BlockStore
from ..training.devices import one_process, pick_device
from ..training.objective import Objective
from ..training.pool import Pool
from ..training.sessions import Session, new_session
from ..training.trainer import TrainingSummary
from ..training.trainer import train as optimise
from .adapter import FOLDERS, LORA_FILE, PREDICTOR_FOLDER, STATISTICS, AdapterCard
from .gain_predictor import GainPredictor
from .gather import gather_statistics
from .lora import LoraRanks, add_lora, sample_weights, save_lora
from .objectives import GainObjective, ReconstructionObjective, TextToImageObjective
from .pipeline import load_base, load_pipeline
from .rows import MannequinRows, TextBatches, to_tensors
from .settings import BASE_STAGES, Preset, Stage
from .spec import TrainingSpec
from .statistics import BandStatistics
from .tokens import make_word_tokenizer

_LEARNED_CAP = 1.2
_STEPS = ("", "-gains")  # prefixes in the folder names of each LoRA's stages
_FACTOR = 8  # pixels per latent along a side, in all autoencoders of this kind


def train_lora_dae(spec: TrainingSpec) -> dict[Stage, TrainingSummary | None]:
    """Train stage after stage; finished stages are skipped.

    Returns:
        A summary per stage, up to the first that was stopped before its end; None for the
        statistics, which are gathered and not trained.

    Raises:
        TpgbenchError: The base or the data is unavailable or of another kind, an earlier stage is
            missing, or the training failed; the message says what to change. If nothing was
            trained yet, nothing is left behind.
    """
    _check(spec)
    summaries: dict[Stage, TrainingSummary | None] = {}
    with new_session(spec.folder, spec.command) as session:
        with one_process() as first:
            if first:
                for saved in ("base", "base/vae"):
                    recover(spec.folder / saved)
                _keep_earlier(spec, session)
        for stage in spec.stages:
            summary = _STAGES[stage](spec, session)
            summaries[stage] = summary
            if summary is not None and not summary.finished:
                break
    return summaries


def _check(spec: TrainingSpec) -> None:
    """Refuse before the training what would otherwise be refused hours later."""
    preset = spec.preset
    for stage in spec.stages:
        if stage in BASE_STAGES and not spec.trains_base:
            raise TpgbenchError(
                f"--stage {stage}: the base {spec.base_location} is already trained"
            )
    if spec.start is not None and not spec.trains_base:
        raise TpgbenchError(
            f"--start {spec.start}: the base {spec.base_location} is not trained here; leave it "
            "out, or leave out --base and give --preset tiny"
        )
    if preset.size % _FACTOR:
        raise TpgbenchError(f"--size {preset.size}: give a size divisible by {_FACTOR}")
    ranks = LoraRanks(preset.rank_attention, preset.rank_convolution)
    if spec.trains_base and preset.networks is not None:
        with torch.device("meta"):
            add_lora(UNet2DConditionModel(**preset.networks.unet), ranks)
    else:
        ranks.check()
    _rows(spec, spec.split).open()
    if spec.held_out is not None and {"base", "lora"} & set(spec.stages):
        _rows(spec, spec.held_out).check_held_out()


def _keep_earlier(spec: TrainingSpec, session: Session) -> None:
    """Keep the records of the training that made the base which is trained further."""
    earlier = spec.folder / EARLIER
    if spec.start is None or earlier.exists():
        return
    adapters = [f"train{gains}-{name}" for name in FOLDERS.values() for gains in _STEPS]
    session.makes(earlier)
    with explain_os_errors(earlier):
        keep_records(spec.start.absolute().parent, earlier, but=adapters)


def _train_autoencoder(spec: TrainingSpec, session: Session) -> TrainingSummary:
    torch.manual_seed(spec.preset.training["autoencoder"].seed)
    pipeline = _make_base(spec)
    summary = _optimise(
        spec, session, "autoencoder", ReconstructionObjective(pipeline.vae), pipeline
    )
    if summary.finished:
        # Only the autoencoder: the rest of the base is untrained.
        _replace(spec.folder / "base" / "vae", pipeline.vae.save_pretrained)
    return summary


def _train_base(spec: TrainingSpec, session: Session) -> TrainingSummary:
    torch.manual_seed(spec.preset.training["base"].seed)
    pipeline = _make_base(spec)
    if spec.autoencoder is None and spec.start is None:
        _need(spec.folder / "base" / "vae", "base", "autoencoder")
        vae = _read_autoencoder(spec.folder / "base" / "vae", spec.preset)
        pipeline.register_modules(vae=vae)
    held_out = _held_out(spec, pipeline, smooth=spec.preset.smooth)
    summary = _optimise(spec, session, "base", _text_to_image(spec, pipeline, held_out), pipeline)
    _replace(spec.folder / "base", pipeline.save_pretrained)
    return summary


def _train_lora(spec: TrainingSpec, session: Session) -> TrainingSummary:
    preset = spec.preset
    if spec.trains_base:
        _need(spec.folder / "base", "lora", "base")
    pipeline = load_base(spec.base_location)
    torch.manual_seed(preset.training["lora"].seed)
    add_lora(pipeline.unet, LoraRanks(preset.rank_attention, preset.rank_convolution))
    pipeline.text_encoder.requires_grad_(False)
    held_out = _held_out(spec, pipeline)
    stage = spec.lora_folder.name
    summary = _optimise(
        spec,
        session,
        "lora",
        _text_to_image(spec, pipeline, held_out),
        pipeline,
        folder=f"train-{stage}",
    )
    with one_process() as first:
        if first:
            save_lora(pipeline.unet, spec.lora_folder)
            _card(spec, pipeline).save(spec.lora_folder)
    return summary


def _gather(spec: TrainingSpec, _: Session) -> None:
    with one_process() as first:
        if first:
            _gather_alone(spec)


def _gather_alone(spec: TrainingSpec) -> None:
    file = spec.lora_folder / LORA_FILE
    _need(file, "statistics", "lora")
    lora = sha256_file(file)
    if (spec.lora_folder / STATISTICS).is_file() and BandStatistics.load(
        spec.lora_folder
    ).lora == lora:
        return
    pipeline = load_pipeline(
        spec.lora_folder, lora=spec.lora_kind, base=spec.base, enhancement="none"
    )
    pipeline.to(pick_device())
    size = spec.preset.training["lora"].batch_size
    rows = _rows(spec, spec.split)
    total = min(spec.preset.statistics_rows, rows.count() or spec.preset.statistics_rows)

    def batches(store: BlockStore) -> Iterator[Mapping[str, Tensor]]:
        for start in range(0, total, size):
            indices = range(start, min(start + size, total))
            yield to_tensors(store.gather(list(indices)), pipeline.tokenizer)

    with _store(spec, rows) as store:
        found = gather_statistics(pipeline, batches(store), bins=spec.preset.bins, lora=lora)
    found.save(spec.lora_folder)


def _train_gains(spec: TrainingSpec, session: Session) -> TrainingSummary:
    _need(spec.lora_folder / LORA_FILE, "gains", "lora")
    pipeline = load_pipeline(
        spec.lora_folder, lora=spec.lora_kind, base=spec.base, enhancement="none"
    )
    torch.manual_seed(spec.preset.training["gains"].seed)
    predictor = GainPredictor(channels=pipeline.unet.config.in_channels, max_gain=_LEARNED_CAP)
    objective = GainObjective(
        pipeline,
        predictor,
        steps=spec.preset.sampling_steps,
        lora=sha256_file(spec.lora_folder / LORA_FILE),
    )
    summary = _optimise(
        spec, session, "gains", objective, pipeline, folder=f"train-gains-{spec.lora_folder.name}"
    )
    _replace(spec.lora_folder / PREDICTOR_FOLDER, predictor.save_pretrained)
    return summary


_STAGES: dict[Stage, Callable[[TrainingSpec, Session], TrainingSummary | None]] = {
    "autoencoder": _train_autoencoder,
    "base": _train_base,
    "lora": _train_lora,
    "statistics": _gather,
    "gains": _train_gains,
}


def _make_base(spec: TrainingSpec) -> StableDiffusionPipeline:
    """Return a base with new networks, apart from a given autoencoder."""
    from transformers import CLIPTextConfig, CLIPTextModel

    networks = spec.preset.networks
    if networks is None:
        raise TpgbenchError(f"--preset {spec.preset.name}: has no base of its own: give --base")
    if spec.start is not None:
        pipeline = load_base(str(spec.start))
        if spec.autoencoder is not None:
            pipeline.register_modules(vae=_read_autoencoder(spec.autoencoder, spec.preset))
        return pipeline
    tokenizer = make_word_tokenizer(networks.max_length)
    text = CLIPTextConfig(
        vocab_size=len(tokenizer),
        max_position_embeddings=networks.max_length,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.pad_token_id,
        **networks.text_encoder,
    )
    return StableDiffusionPipeline(
        vae=PatchAutoencoder(**networks.autoencoder)
        if spec.autoencoder is None
        else _read_autoencoder(spec.autoencoder, spec.preset),
        text_encoder=CLIPTextModel(text),
        tokenizer=tokenizer,
        unet=UNet2DConditionModel(**networks.unet),
        scheduler=DDIMScheduler(**networks.scheduler),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def _read_autoencoder(folder: Path, preset: Preset) -> PatchAutoencoder:
    recover(folder)
    try:
        taken: PatchAutoencoder = PatchAutoencoder.from_pretrained(folder)
    except (OSError, ValueError) as error:
        raise TpgbenchError(
            f"{folder}: cannot be loaded as a PatchAutoencoder "
            f"({type(error).__name__}): give the folder 'vae' of a trained pipeline"
        ) from error
    wanted = None if preset.networks is None else preset.networks.unet["in_channels"]
    if taken.config.latent_channels != wanted:
        raise TpgbenchError(
            f"{folder}: has {taken.config.latent_channels} latent channels, and the "
            f"preset's U-Net {wanted}: give another one"
        )
    return taken


def _text_to_image(
    spec: TrainingSpec, pipeline: Any, held_out: Mapping[str, Tensor] | None
) -> TextToImageObjective:
    return TextToImageObjective(
        pipeline, caption_dropout=spec.preset.caption_dropout, held_out=held_out
    )


def _optimise(
    spec: TrainingSpec,
    session: Session,
    stage: Stage,
    objective: Objective,
    pipeline: Any,
    *,
    folder: str | None = None,
) -> TrainingSummary:
    preset, config = spec.preset, spec.preset.training[stage]
    rows = _rows(spec, spec.split, preset.smooth if stage == "base" else 0.0)
    pool = Pool.of(rows.count(), first_rows=preset.first_rows, reuse=preset.reuse)
    if preset.networks is not None and preset.networks.explicit_attention:
        pipeline.unet.set_attn_processor(AttnProcessor())
    with _store(spec, rows) as store:
        batches = TextBatches(
            store,
            pool,
            pipeline.tokenizer,
            batch_size=config.batch_size,
            mirror=preset.mirror,
            seed=config.seed,
        )
        place = spec.folder / (folder or f"train-{stage}")
        return optimise(objective, batches, config, place, begun=session.record)


def _held_out(
    spec: TrainingSpec, pipeline: Any, *, smooth: float = 0.0
) -> Mapping[str, Tensor] | None:
    if spec.held_out is None:
        return None
    rows = _rows(spec, spec.held_out, smooth)
    wanted = spec.preset.held_out_rows
    read = [rows.read(index) for index in range(min(wanted, rows.count() or wanted))]
    stacked = {name: np.stack([row[name] for row in read]) for name in read[0]}
    return to_tensors(stacked, pipeline.tokenizer)


def _rows(spec: TrainingSpec, split: str, smooth: float = 0.0) -> MannequinRows:
    return MannequinRows(spec.dataset, split, spec.preset.size, smooth=smooth)


def _store(spec: TrainingSpec, rows: MannequinRows) -> BlockStore:
    # Not larger than the first pool: rendering rows takes time.
    size = min(128, rows.count() or spec.preset.first_rows)
    return BlockStore(rows, user_cache("training"), rows=size, workers=spec.workers)


def _card(spec: TrainingSpec, pipeline: Any) -> AdapterCard:
    base = spec.base_location
    if Path(base).is_dir():
        # Relative within a training, so that its folder can be moved.
        base = (
            os.path.relpath(base, spec.lora_folder)
            if spec.trains_base
            else str(Path(base).resolve())
        )
    return AdapterCard(
        base=base,
        size=spec.preset.size,
        rank_attention=spec.preset.rank_attention,
        rank_convolution=spec.preset.rank_convolution,
        trained_on=f"{place_name(spec.dataset)}, {spec.split}",
        guidance=spec.preset.guidance,
        base_weights=sample_weights(pipeline.unet),
    )


def _need(path: Path, stage: str, before: str) -> None:
    if not path.exists():
        raise TpgbenchError(
            f"{path}: is missing, and --stage {stage} needs it: train the stage {before} first "
            "(--stage all)"
        )


def _replace(folder: Path, save: Any) -> None:
    """Save into a folder whole or not at all, by one process."""
    with one_process() as first:
        if first:
            with replaced_folder(folder) as staging, quiet_libraries():
                save(staging)
