"""From a training's folder to a checkpoint that can be shipped."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from ...core.errors import TpgbenchError
from ..shared.card import CardText, write_card
from ..shared.shipping import new_checkpoint
from .checkpoint import check_shared, load_checkpoint, write_parts
from .model import SLDDM, SLDDMFill
from .pipeline import SLDDMPipeline
from .pipeline_folder import PARTS
from .settings import STAGES

_TITLES = {
    False: "A training of SLDDM-TPG: semi-supervised latent disentangled diffusion",
    True: "A training of our extension of SLDDM-TPG, not the paper's method: it starts from the "
    "garment filled beforehand",
}
_PREDICTED = {"epsilon": "the noise", "sample": "the clean latent", "v_prediction": "the velocity"}
_ABOUT = """\
{title}.

It has every part of SLDDM-TPG (arXiv 2603.16747), at {size} px. Its autoencoder is a `{vae}`, its
image encoder a `{image_encoder}`; the paper has Stable Diffusion's `AutoencoderKL` and CLIP's
`CLIPVisionModel`. The U-Net predicts {predicted}, and
{told}. What is known of its training stands below.

`tpgbench run --model {name} --weights FOLDER` samples it, FOLDER being this one; number of DDIM
steps unless `-o steps=` says otherwise: {steps}."""
_TOLD = (
    "is told which pattern is wanted: the one in the garment's frame (track `aligned`), or the "
    "canonical tile (`unaligned`)"
)
_UNTOLD = "knows one kind of pattern: that of the datasets that it was trained on"
_LIMITS = """\
It knows what its training showed it and nothing else: measure it on photos of your own before you
rely on it."""
_ELSEWHERE = """\
Not in this folder: {parts}, which are equal in the checkpoint `{shared}`. Copy them from there
beside the others before you give this folder as `--weights`."""


def export_training(
    training: Path,
    folder: Path,
    *,
    shared: Path | None = None,
    steps: int | None = None,
    licence: str | None = None,
    limits: str = "",
) -> Path:
    """Write the checkpoint of a training, whole or not at all.

    Args:
        training: The folder that ``tpgbench train slddm --out`` made.
        folder: Where to; what is there is replaced.
        shared: A checkpoint whose equal parts are left out.
        steps: How many steps it samples in unless the user says otherwise; None for the preset's.
        licence: SPDX identifier for the model card; None leaves it out.
        limits: What the card should say of where it fails, before what holds of every training.

    Returns:
        The folder.

    Raises:
        TpgbenchError: The training has no whole pipeline yet, its records are damaged, ``shared``
            is no whole checkpoint, or a file cannot be written.
    """
    check_shared(shared, folder)
    pipeline = load_checkpoint(training / "pipeline")
    if steps is not None:
        if not 1 <= steps <= 1000:
            raise TpgbenchError(f"--steps {steps}: give 1 to 1000")
        pipeline.register_to_config(steps=steps)
    model = SLDDMFill if pipeline.config.fill else SLDDM
    with new_checkpoint(folder) as staging:
        write_parts(pipeline, staging, shared=shared)
        write_card(
            staging,
            training,
            CardText(
                title=model.name,
                about=_about(pipeline, model.name),
                limits=_LIMITS,
                pipeline_tag="image-to-image",
                tags=("textile-pattern-generation", "fashion", "diffusion"),
                validation="on the first 64 rows at most of the split `--held-out`, by default "
                "`validation`; the number after a name is the number of sampling steps; metrics "
                "with `shift` tolerate a translation and are of the unaligned track, the others "
                "of the aligned track",
                plotted="ssim",
                axis="SSIM, validation split",
                elsewhere=_elsewhere(staging, shared),
            ),
            parameters={part: _count(getattr(pipeline, part)) for part in PARTS},
            stages={stage: stage for stage in STAGES},
            validated="sldm",
            licence=licence,
            limits=limits,
        )
    return folder


def _about(pipeline: SLDDMPipeline, name: str) -> str:
    predicted = _PREDICTED[pipeline.scheduler.config.prediction_type]
    if pipeline.unet.config.garment_residual:
        predicted += " as a change of the latent that it starts from"
    return _ABOUT.format(
        title=_TITLES[pipeline.config.fill],
        size=pipeline.config.size,
        vae=type(pipeline.vae).__name__,
        image_encoder=type(pipeline.image_encoder).__name__,
        predicted=predicted,
        told=_TOLD if pipeline.unet.config.num_class_embeds else _UNTOLD,
        name=name,
        steps=pipeline.config.steps,
    )


def _elsewhere(staging: Path, shared: Path | None) -> str:
    absent = [part for part in PARTS if not (staging / part).is_dir()]
    if shared is None or not absent:
        return ""
    return _ELSEWHERE.format(parts=", ".join(absent), shared=shared.resolve().name)


def _count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())
