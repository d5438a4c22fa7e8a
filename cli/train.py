"""The commands that make weights of the reference models: ``tpgbench train`` and ``convert``."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .options import FOLDER

if TYPE_CHECKING:
    from ..reference_models.slddm.settings import Preset
    from ..reference_models.training.trainer import TrainingSummary

EXIT_INCOMPLETE = 1


_TRAINER_OPTIONS = (
    click.option("--split", default="train", show_default=True, help="Split to train on."),
    click.option(
        "--held-out", default="validation", show_default=True, help="Split used for validation."
    ),
    click.option(
        "--out",
        type=FOLDER,
        required=True,
        help="Folder of the training; the same command resumes it.",
    ),
    click.option(
        "--first-rows",
        type=int,
        help="Size of the first pool of rows, of a procedural dataset.",
    ),
    click.option(
        "--reuse",
        type=float,
        help="Average number of times a row is drawn before a new one is rendered.",
    ),
    click.option("--steps", type=int, help="Optimiser steps per stage; default: the preset's."),
    click.option("--batch-size", type=int, help="Rows per process and step."),
    click.option("--accumulation", type=int, help="Batches whose gradients are averaged per step."),
    click.option("--learning-rate", type=float, help="Peak learning rate; default: the preset's."),
    click.option("--precision", help="Of the computation: fp32 or bf16."),
    click.option(
        "--minutes", type=float, help="Stop each stage after this time; it can be resumed."
    ),
    click.option("--validate-every", type=int, help="Steps between validations and previews."),
    click.option("--tracker", help="tensorboard, wandb, or any other tracker of accelerate."),
    click.option("--seed", type=int, help="Seed of initial weights, sampling and noise."),
    click.option(
        "--workers",
        type=click.IntRange(min=1),
        default=1,
        show_default=True,
        help="Processes per dataset that render rows.",
    ),
)


def _trainer_options(command: Callable[..., int]) -> Callable[..., int]:
    """Add the options that all trainings share."""
    for option in reversed(_TRAINER_OPTIONS):
        command = option(command)
    return command


def _typed() -> str:
    return shlex.join(["tpgbench", *sys.argv[1:]])


def _report(summaries: Mapping[Any, TrainingSummary | None], folder: Path) -> int:
    """Print what was trained and where it is; return the exit code."""
    done = {name: summary for name, summary in summaries.items() if summary is not None}
    for name, summary in done.items():
        metrics = ", ".join(f"{key} {value:.4f}" for key, value in summary.validation.items())
        click.echo(
            f"{name}: {summary.samples:,} samples in {summary.seconds / 60:.1f} minutes"
            + (f"; {metrics}" if metrics else "")
        )
    click.echo(folder)
    return 0 if all(summary.finished for summary in done.values()) else EXIT_INCOMPLETE


@click.group()
def train() -> None:
    """Train a reference model. The same command resumes an interrupted training."""


@train.command()
@click.option(
    "--preset",
    default="tiny",
    show_default=True,
    help="Size of the model: tiny, tiny-fill, smoke-fill or sd15.",
)
@click.option(
    "--dataset",
    metavar="NAME|DIR",
    multiple=True,
    help="Dataset of the task tpg. Repeat to mix datasets; repeat a name to weight it. Default: "
    "the preset's.",
)
@click.option(
    "--stage",
    type=click.Choice(["autoencoder", "ldn", "sldm", "all"]),
    default="all",
    show_default=True,
    help="Stage to train; each continues from the stages before it in --out.",
)
@click.option(
    "--start",
    type=FOLDER,
    multiple=True,
    help="Initialise networks from this pipeline folder; needs --stage or --warm. With several, "
    "the first that has the network is used.",
)
@click.option(
    "--warm", is_flag=True, help="With --start: also initialise the networks that are trained."
)
@click.option("--base", metavar="DIR|ID", help="Stable Diffusion 1.5, for the preset sd15 only.")
@click.option("--image-encoder", metavar="DIR|ID", help="CLIP ViT-L/14, for the preset sd15 only.")
@click.option("--size", type=int, help="Side of the images in px, for sd15 only; divisible by 8.")
@click.option("--labelled", type=float, help="Fraction of rows whose pattern is used, 0 to 1.")
@_trainer_options
@click.option(
    "-o", "--option", multiple=True, metavar="KEY=VALUE", help="Setting of the stage sldm."
)
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

    -o changes the losses and inputs of the last stage: -o weights.cls=0, -o structured=false, ...
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
@click.option(
    "--preset", default="tiny", show_default=True, help="Size of the model: tiny, smoke or sd15."
)
@click.option(
    "--base", metavar="DIR|ID", help="Base model with the architecture of Stable Diffusion 1.5."
)
@click.option(
    "--dataset", metavar="NAME|DIR", help="Dataset of the task mannequin; default: the preset's."
)
@click.option("--no-held-out", is_flag=True, help="Train without validation.")
@click.option(
    "--stage",
    type=click.Choice(["autoencoder", "base", "lora", "statistics", "gains", "all"]),
    default="all",
    show_default=True,
    help="Stage to train; each continues from the stages before it in --out.",
)
@click.option(
    "--autoencoder", type=FOLDER, help="Trained autoencoder to use, for the preset tiny only."
)
@click.option(
    "--start", type=FOLDER, help="Initialise the base from this folder, for the preset tiny only."
)
@click.option("--rank-attn", type=int, help="LoRA rank of cross-attention; 0 for no LoRA there.")
@click.option("--rank-conv", type=int, help="LoRA rank of convolutions; 0 for no LoRA there.")
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
    """Add the texts of the model card that only the owner of a training knows."""
    limits = click.option("--limits", default="", help="Known limits, for the model card.")
    licence = click.option("--licence", help="SPDX identifier, for the model card.")
    return licence(limits(command))


@click.group()
def convert() -> None:
    """Convert weights, or a finished training, to the format of --weights."""


@convert.command("slddm-release")
@click.argument("checkpoint", metavar="CKPT", type=FOLDER)
@click.option("--out", type=FOLDER, required=True, help="Folder to write.")
def slddm_release(checkpoint: Path, out: Path) -> int:
    """Convert a checkpoint of the public release of SLDDM-TPG."""
    from ..reference_models.slddm.release import convert_slddm_release

    report = convert_slddm_release(checkpoint, out)
    click.echo(report)
    return 0


@convert.command("slddm-training")
@click.argument("training", metavar="TRAINING", type=FOLDER)
@click.option("--out", type=FOLDER, required=True, help="Folder of the checkpoint.")
@click.option("--shared", type=FOLDER, help="Leave out parts that are equal in this checkpoint.")
@click.option("--steps", type=int, help="Default number of sampling steps.")
@_card_options
def slddm_training(training: Path, out: Path, **given: Any) -> int:
    """Write a checkpoint from a training: half precision, checksums and a model card."""
    from ..reference_models.slddm.export import export_training

    click.echo(export_training(training, out, **given))
    return 0


@convert.command("lora-dae-training")
@click.argument("training", metavar="TRAINING", type=FOLDER)
@click.option("--out", type=FOLDER, required=True, help="Folder of the checkpoint.")
@_card_options
def lora_dae_training(training: Path, out: Path, **given: Any) -> int:
    """Write a checkpoint from a training: half precision, checksums and a model card."""
    from ..reference_models.lora_dae.export import export_training

    click.echo(export_training(training, out, **given))
    return 0
