"""From a training's folder to a checkpoint that can be shipped."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from ...errors import TpgbenchError
from ..shared.card import CardText, write_card
from .checkpoint import load_checkpoint, save_checkpoint
from .model import SLDDM, SLDDMFill
from .networks import PARTS
from .settings import STAGES

_ABOUT = """\
{title}.

It has every part of SLDDM-TPG (arXiv 2603.16747) at {size} px, in the preset `tiny`. Where the
paper has Stable Diffusion's autoencoder, CLIP and VGG, it has a patch autoencoder and one small
image encoder, both trained here on the same stream of procedural garments. The U-Net predicts the
clean latent as a change of the garment latent. All rows are labelled.

`tpgbench run --model {name}` samples it; number of DDIM steps unless `-o steps=` says otherwise:
{steps}."""


def export_training(
    training: Path, folder: Path, *, shared: Path | None = None, steps: int | None = None
) -> Path:
    """Write the checkpoint of a training, whole or not at all.

    Args:
        training: The folder that ``tpgbench train slddm --out`` made.
        folder: Where to; what is there is replaced.
        shared: A checkpoint whose equal parts are left out.
        steps: How many steps it samples in unless the user says otherwise; None for the preset's.

    Returns:
        The folder.

    Raises:
        TpgbenchError: The training has no whole pipeline yet, or a file cannot be written.
    """
    pipeline, _ = load_checkpoint(training / "pipeline")
    if steps is not None:
        if steps < 1:
            raise TpgbenchError(f"--steps {steps}: give at least 1")
        pipeline.register_to_config(steps=steps)
    save_checkpoint(pipeline, folder, shared=shared)
    model = SLDDMFill if pipeline.config.fill else SLDDM
    about = _ABOUT.format(
        title=model.card.title,
        name=model.name,
        size=pipeline.config.size,
        steps=pipeline.config.steps,
    )
    write_card(
        folder,
        training,
        CardText(
            title=model.name,
            about=about,
            limits=model.card.limits,
            pipeline_tag="image-to-image",
            tags=("textile-pattern-generation", "fashion", "diffusion"),
            held_out="64 rows of the validation split; the number after a name is that of the "
            "sampling steps",
            plotted="ssim",
            axis="SSIM, held-out rows",
            taken_over=""
            if shared is None
            else "The other parts were taken over from the checkpoint beside this one.",
        ),
        parameters={part: _count(getattr(pipeline, part)) for part in PARTS},
        stages={stage: stage for stage in STAGES},
        judged="sldm",
    )
    return folder


def _count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())
