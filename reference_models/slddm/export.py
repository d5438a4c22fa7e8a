"""From the folder of a training to a checkpoint."""

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
    "filled garment",
}
_PREDICTED = {"epsilon": "the noise", "sample": "the clean latent", "v_prediction": "the velocity"}
_ABOUT = """\
{title}.

It has every part of SLDDM-TPG (arXiv 2603.16747), at {size} px. Its autoencoder is a `{vae}`, its
image encoder a `{image_encoder}`; the paper uses Stable Diffusion's `AutoencoderKL` and CLIP's
`CLIPVisionModel`. The U-Net predicts {predicted}, and
{track_input}. Its training is described below.

Run it with `tpgbench run --model {name} --weights FOLDER`, where FOLDER is this folder. The default
number of DDIM steps is {steps}; `-o steps=` changes it."""
_WITH_TRACKS = (
    "takes the wanted track as input: the pattern in the garment's frame (`aligned`), or the "
    "canonical tile (`unaligned`)"
)
_WITHOUT_TRACKS = "generates the one kind of pattern that its datasets have"
_LIMITS = """\
It can be expected to work on data like its training data only: evaluate it on your own photos
before you rely on it."""
_ELSEWHERE = """\
Not in this folder: {parts}, which are equal in the checkpoint `{shared}`. Copy them from there into
this folder before you give it as `--weights`."""


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
        folder: Where to; an older checkpoint there is replaced.
        shared: A checkpoint; parts that are equal in it are left out.
        steps: Default number of sampling steps; None for the preset's.
        licence: SPDX identifier for the model card; None leaves it out.
        limits: Known limits for the model card, before those of every training.

    Returns:
        The folder.

    Raises:
        TpgbenchError: The training has no complete pipeline yet, its records are damaged,
            ``shared`` is no complete checkpoint, or a file cannot be written.
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
                validation="on the first rows, 64 at most, of the split `--held-out`, by default "
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
        predicted += " as a residual of the latent that it starts from"
    return _ABOUT.format(
        title=_TITLES[pipeline.config.fill],
        size=pipeline.config.size,
        vae=type(pipeline.vae).__name__,
        image_encoder=type(pipeline.image_encoder).__name__,
        predicted=predicted,
        track_input=_WITH_TRACKS if pipeline.unet.config.num_class_embeds else _WITHOUT_TRACKS,
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
