"""From a training's folder to a checkpoint that can be shipped."""

from __future__ import annotations

from pathlib import Path

from ...errors import TpgbenchError
from .card import write_card
from .checkpoint import load_checkpoint, save_checkpoint
from .model import SLDDM, SLDDMFill

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
    write_card(folder, training, pipeline, title=model.name, about=about, limits=model.card.limits)
    return folder
