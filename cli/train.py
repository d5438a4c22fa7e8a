"""The commands around the reference models' weights: ``tpgbench train`` and ``convert``."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from ..reference_models.slddm.settings import Preset
    from ..reference_models.training.trainer import TrainingSummary

_FOLDER = click.Path(path_type=Path)
EXIT_INCOMPLETE = 1


_TRAINER_OPTIONS = (
    click.option("--split", default="train", show_default=True, help="Split to train on."),
    click.option("--held-out", default="validation", show_default=True, help="Its figures' split."),
    click.option("--out", type=_FOLDER, required=True, help="Folder of the training."),
    click.option("--first-rows", type=int, help="Rows of an endless dataset to start with."),
    click.option("--reuse", type=float, help="Draws of a row of an endless dataset."),
    click.option("--steps", type=int, help="Optimiser steps of the stages; default: the preset's."),
    click.option("--batch-size", type=int, help="Rows a process computes at once."),
    click.option("--accumulation", type=int, help="Batches averaged for a step."),
    click.option("--learning-rate", type=float, help="Default: the preset's."),
    click.option("--precision", help="fp32 or bf16."),
    click.option("--minutes", type=float, help="Stop after so many, with a state to go on from."),
    click.option("--validate-every", type=int, help="Steps between held-out figures and pictures."),
    click.option("--tracker", help="tensorboard, wandb, ...: any that accelerate knows."),
    click.option("--seed", type=int, help="Of weights, draws and noise."),
    click.option(
        "--workers",
        type=click.IntRange(min=1),
        default=1,
        show_default=True,
        help="Processes that render, for each dataset.",
    ),
)


def _trainer_options(command: Callable[..., int]) -> Callable[..., int]:
    """Add what every model's training is told."""
    for option in reversed(_TRAINER_OPTIONS):
        command = option(command)
    return command


def _typed() -> str:
    return shlex.join(["tpgbench", *sys.argv[1:]])


def _report(summaries: Mapping[Any, TrainingSummary | None], folder: Path) -> int:
    """Print what was trained and where it is; return the exit code."""
    done = {name: summary for name, summary in summaries.items() if summary is not None}
    for name, summary in done.items():
        figures = ", ".join(f"{key} {value:.4f}" for key, value in summary.validation.items())
        click.echo(
            f"{name}: {summary.samples:,} samples in {summary.seconds / 60:.1f} minutes"
            + (f"; {figures}" if figures else "")
        )
    click.echo(folder)
    return 0 if all(summary.finished for summary in done.values()) else EXIT_INCOMPLETE


@click.group()
def train() -> None:
    """Train a reference model. The same command resumes an interrupted training."""


@train.command()
@click.option("--preset", default="tiny", show_default=True, help="tiny, tiny-fill, smoke or sd15.")
@click.option(
    "--dataset",
    metavar="NAME|DIR",
    multiple=True,
    help="Of the task tpg; several take turns, one given twice has two; default: the preset's.",
)
@click.option(
    "--stage",
    type=click.Choice(["autoencoder", "ldn", "sldm", "all"]),
    default="all",
    show_default=True,
    help="Which stage; each goes on from what the one before left in --out.",
)
@click.option(
    "--start",
    type=_FOLDER,
    multiple=True,
    help="Pipeline folder whose networks are taken over, with --stage or --warm; several: from the "
    "first that has it.",
)
@click.option("--warm", is_flag=True, help="With --start: train its networks further.")
@click.option("--base", metavar="DIR|ID", help="Stable Diffusion 1.5, for the preset sd15.")
@click.option("--image-encoder", metavar="DIR|ID", help="CLIP ViT-L/14, for the preset sd15.")
@click.option("--size", type=int, help="Side of the pictures in px, for sd15; divisible by 8.")
@click.option("--labelled", type=float, help="Share of rows whose pattern is used.")
@_trainer_options
@click.option("-o", "--option", multiple=True, metavar="KEY=VALUE", help="Setting of the stage.")
def slddm(
    *,
    preset: str,
    dataset: Sequence[str],
    split: str,
    held_out: str,
    stage: str,
    out: Path,
    start: Sequence[Path],
    warm: bool,
    workers: int,
    option: Sequence[str],
    **given: Any,
) -> int:
    """Train SLDDM-TPG: autoencoder (tiny only), LDN, then the diffusion model.

    -o changes what the last stage learns from: -o weights.cls=0, -o structured=false, ...
    """
    from ..core.errors import TpgbenchError
    from ..reference_models.slddm.presets import adjust_preset, get_preset
    from ..reference_models.slddm.train import TrainingSpec, train_slddm

    chosen: Preset = adjust_preset(get_preset(preset), options=option, **given)
    sources = tuple(dataset) or chosen.datasets
    if not sources:
        raise TpgbenchError(f"--preset {preset}: give --dataset, a folder of the task tpg")
    spec = TrainingSpec(
        preset=chosen,
        folder=out,
        datasets=sources,
        stages=chosen.stages if stage == "all" else (stage,),  # type: ignore[arg-type]
        start=tuple(start),
        warm=warm,
        split=split,
        held_out=held_out,
        workers=workers,
        command=_typed(),
    )
    return _report(train_slddm(spec), spec.pipeline_folder)


@train.command("lora-dae")
@click.option("--preset", default="tiny", show_default=True, help="tiny, smoke or sd15.")
@click.option("--base", metavar="DIR|ID", help="Base of Stable Diffusion 1.5's kind.")
@click.option("--dataset", metavar="NAME|DIR", help="Of the task mannequin; default: the preset's.")
@click.option("--no-held-out", is_flag=True, help="Train without figures of held-out photos.")
@click.option(
    "--stage",
    type=click.Choice(["autoencoder", "base", "lora", "statistics", "gains", "all"]),
    default="all",
    show_default=True,
    help="Which stage; each goes on from what the one before left in --out.",
)
@click.option("--autoencoder", type=_FOLDER, help="Trained autoencoder for the preset tiny.")
@click.option("--start", type=_FOLDER, help="Base of the preset tiny that is trained further.")
@click.option("--rank-attn", type=int, help="LoRA rank of cross-attention; 0 for none there.")
@click.option("--rank-conv", type=int, help="LoRA rank of convolutions; 0 for none there.")
@click.option("--size", type=int, help="Side of the photos in px; default: the preset's.")
@_trainer_options
def lora_dae(
    *,
    preset: str,
    base: str | None,
    dataset: str | None,
    split: str,
    held_out: str,
    no_held_out: bool,
    stage: str,
    out: Path,
    autoencoder: Path | None,
    start: Path | None,
    workers: int,
    **given: Any,
) -> int:
    """Train LoRA-DAE: the base (tiny only), the LoRA, band statistics, learned gains."""
    from ..core.errors import TpgbenchError
    from ..reference_models.lora_dae.presets import adjust_preset, get_preset
    from ..reference_models.lora_dae.spec import TrainingSpec, stages_of
    from ..reference_models.lora_dae.train import train_lora_dae

    chosen = adjust_preset(get_preset(preset), **given)
    source = dataset or chosen.dataset
    if source is None:
        raise TpgbenchError(f"--preset {preset}: give --dataset, a folder of the task mannequin")
    spec = TrainingSpec(
        preset=chosen,
        folder=out,
        dataset=source,
        stages=stages_of(chosen, base=base, autoencoder=autoencoder, start=start)
        if stage == "all"
        else (stage,),  # type: ignore[arg-type]
        base=base,
        autoencoder=autoencoder,
        start=start,
        split=split,
        held_out=None if no_held_out else held_out,
        workers=workers,
        command=_typed(),
    )
    return _report(train_lora_dae(spec), spec.folder)


def _card_options(command: Any) -> Any:
    """Add what only the owner of a training knows of it, for its model card."""
    command = click.option("--limits", default="", help="For its card: where it fails.")(command)
    return click.option("--licence", help="For its card: SPDX identifier.")(command)


@click.group()
def convert() -> None:
    """Bring other people's weights into the formats that are read here."""


@convert.command("slddm-release")
@click.argument("checkpoint", metavar="CKPT", type=_FOLDER)
@click.option("--out", type=_FOLDER, required=True, help="Where the folders go.")
def slddm_release(checkpoint: Path, out: Path) -> int:
    """Convert a checkpoint of the public release of SLDDM-TPG."""
    from ..reference_models.slddm.release import convert_slddm_release

    report = convert_slddm_release(checkpoint, out)
    click.echo(report)
    return 0


@convert.command("slddm-training")
@click.argument("training", metavar="TRAINING", type=_FOLDER)
@click.option("--out", type=_FOLDER, required=True, help="The checkpoint's folder.")
@click.option("--shared", type=_FOLDER, help="Checkpoint whose equal parts are not written again.")
@click.option("--steps", type=int, help="Sampling steps unless the user says otherwise.")
@_card_options
def slddm_training(training: Path, out: Path, **given: Any) -> int:
    """Make a checkpoint of a training: half precision, checksums and a model card."""
    from ..reference_models.slddm.export import export_training

    click.echo(export_training(training, out, **given))
    return 0


@convert.command("lora-dae-training")
@click.argument("training", metavar="TRAINING", type=_FOLDER)
@click.option("--out", type=_FOLDER, required=True, help="The checkpoint's folder.")
@_card_options
def lora_dae_training(training: Path, out: Path, **given: Any) -> int:
    """Make a checkpoint of a training: half precision, checksums and a model card."""
    from ..reference_models.lora_dae.export import export_training

    click.echo(export_training(training, out, **given))
    return 0
