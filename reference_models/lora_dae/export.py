"""From the folder of a training to a checkpoint."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import nn

from ...core.errors import TpgbenchError
from ...core.files import write_atomic
from ...core.folders import recover
from ..shared.card import CardText, write_card
from ..shared.quiet import quiet_libraries
from ..shared.shipping import forget_places, new_checkpoint, weight_sums, write_checksums
from .adapter import ADAPTER, FOLDERS, LORA_FILE, PREDICTOR_FOLDER, STATISTICS, read_adapter
from .model import LoraDae
from .pipeline import load_base

_PARTS = ("base/unet", "base/vae", "base/text_encoder")
_ABOUT = """\
LoRA-DAE, re-implemented from its abstract: ranks, bands and equations are ours.

It is a complete text-to-image model at {size} px. `base` is a diffusers folder; `lora` (rank
{rank_attention} on cross-attention, {rank_convolution} on convolutions) and, if present,
`lora-attention` hold LoRA weights in diffusers' format, with band statistics and trained gains for
the adaptive enhancement if they were made. Its training is described below. A base that is trained
from scratch has the vocabulary of mannequin-synth's captions and was shown photos with blurred
garments, so that it knows no fine texture; the LoRA was trained on the original photos.

Run it with `tpgbench run --model lora-dae --weights FOLDER`, where FOLDER is this folder."""
_LIMITS = """\
Only the paper's abstract is public: ranks, bands and equations are ours. The base takes the caption
only; conditions are not used. It can be expected to work on data like its training data only:
evaluate it on your own data before you rely on it."""


def export_training(
    training: Path, folder: Path, *, licence: str | None = None, limits: str = ""
) -> Path:
    """Write the checkpoint of a training in half precision, whole or not at all.

    Args:
        training: The folder that ``tpgbench train lora-dae --out`` made, with a base of its own.
        folder: Where to; an older checkpoint there is replaced.
        licence: SPDX identifier for the model card; None leaves it out.
        limits: Known limits for the model card, before those of every training.

    Returns:
        The folder.

    Raises:
        TpgbenchError: The training has no base or no LoRA yet, or a file cannot be written.
    """
    for saved in ("base", *(f"{name}/{PREDICTOR_FOLDER}" for name in FOLDERS.values())):
        recover(training / saved)
    for part in ("base", "lora"):
        if not (training / part).is_dir():
            raise TpgbenchError(
                f"{training}: has no '{part}': give the --out of a full 'tpgbench train lora-dae'"
            )
    card = read_adapter(training / "lora")
    with new_checkpoint(folder) as staging:
        parameters = _save_base(training / "base", staging / "base")
        adapters = [name for name in FOLDERS.values() if (training / name).is_dir()]
        for name in adapters:
            parameters[name] = _save_adapter(training / name, staging / name)
        forget_places(staging)
        parts = (*_PARTS, *adapters, f"lora/{PREDICTOR_FOLDER}")
        write_checksums(
            staging, {k: v for one in parts for k, v in weight_sums(staging, one).items()}
        )
        write_card(
            staging,
            training,
            CardText(
                title=LoraDae.name,
                about=_ABOUT.format(**card.model_dump()),
                limits=_LIMITS,
                pipeline_tag="text-to-image",
                tags=("fashion", "diffusion", "lora"),
                validation="loss of the LoRA on rows of the split `--held-out`, by default "
                "`validation`",
                plotted="noise",
                axis="loss, validation split",
            ),
            parameters=parameters,
            stages={
                "autoencoder": "train-autoencoder",
                "base": "train-base",
                "LoRA": "train-lora",
                "LoRA on attention alone": "train-lora-attention",
                "trained gains": "train-gains-lora",
            },
            validated="LoRA",
            licence=licence,
            limits=limits,
        )
    return folder


def _save_base(source: Path, target: Path) -> dict[str, int]:
    pipeline = load_base(str(source))
    parts: dict[str, Any] = {name: getattr(pipeline, Path(name).name) for name in _PARTS}
    for network in parts.values():
        nn.Module.to(network, torch.float16)
    with quiet_libraries():
        pipeline.save_pretrained(target)
    return {name: sum(one.numel() for one in part.parameters()) for name, part in parts.items()}


def _save_adapter(source: Path, target: Path) -> int:
    target.mkdir(parents=True)
    shutil.copyfile(source / ADAPTER, target / ADAPTER)
    try:
        weights = load_file(source / LORA_FILE)
    except (OSError, SafetensorError) as error:
        raise TpgbenchError(
            f"{source / LORA_FILE}: cannot be read ({type(error).__name__}): train the stage "
            "'lora' again"
        ) from error
    write_atomic(target / LORA_FILE, save({k: value.half() for k, value in weights.items()}))
    if (source / STATISTICS).is_file():
        shutil.copyfile(source / STATISTICS, target / STATISTICS)
    if (source / PREDICTOR_FOLDER).is_dir():
        shutil.copytree(source / PREDICTOR_FOLDER, target / PREDICTOR_FOLDER)
    return sum(value.numel() for value in weights.values())
