"""The paper's ablations on the unaligned track: each variant trained alike, then compared.

    python measurements/ablations.py --start DIR [--steps 1200] [--out runs/ablations] [--only NAME]

DIR is a pipeline folder with the autoencoder and image encoder that all variants share. Each
variant trains its diffusion model for the same number of steps on the same rows in the same order,
and runs on the test split. All variants but the one without reverse attention share the LDN of the
full model, because training it again would give the same weights. The garment latent is dropped
from half of the rows: if it could always be copied, the features would have no effect. There is one
track, so the U-Net gets no track embedding. Each question is answered by every metric, because one
metric alone can be misleading: images without any pattern, in the first row of the table, have the
highest shift-tolerant SSIM. Prints Markdown; a second call resumes.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import tpgbench
from blank import score_blank
from setting import describe_machine
from tables import answer, table
from tpgbench.reference_models.slddm.presets import adjust_preset, get_preset
from tpgbench.reference_models.slddm.settings import Preset
from tpgbench.reference_models.slddm.train import TrainingSpec, train_slddm

DATASET = "ctp-synth-unaligned"
METRICS = ("ssim_shift", "psnr_shift", "repeat", "palette")
LABELLED = 0.5
FIRST_ROWS = 2048
_SAYS = {"yes": "**helps**", "no, the reverse": "**costs**"}
STEPS = 1  # after such a short training, more steps leave grain that hides all differences
COMMON = ("garment_dropout=0.5",)
TRAINING = {"batch_size": 16, "learning_rate": 8e-4}  # as for the shipped checkpoints


@dataclass(frozen=True)
class Variant:
    """A model without one of its parts.

    Attributes:
        claim: The paper's claim about the part, as a question.
        options: Settings of the diffusion stage.
        unlabelled: Whether it trains on unlabelled rows too.
        reverse_attention: Whether the RAM has reverse attention.
    """

    claim: str
    options: tuple[str, ...] = ()
    unlabelled: bool = True
    reverse_attention: bool = True


VARIANTS = {
    "full": Variant("all parts"),
    "without-f_S": Variant("does the content feature help?", ("content=false",)),
    "without-f_A": Variant("does the structured feature help?", ("structured=false",)),
    "without-reverse": Variant("does reverse attention help?", reverse_attention=False),
    "without-STD": Variant("does STD help?", ("weights.std=0", "weights.std_cross=0")),
    "without-CLS": Variant("does CLS help?", ("weights.cls=0",)),
    "without-unlabelled": Variant("do unlabelled garments help?", unlabelled=False),
}


def preset_of(variant: Variant, steps: int, ldn_steps: int) -> Preset:
    """Return the tiny preset without the variant's part."""
    preset = adjust_preset(
        get_preset("tiny"), options=(*COMMON, *variant.options), labelled=LABELLED
    )
    training = {
        "ldn": preset.training["ldn"].model_copy(update={"steps": ldn_steps}),
        "sldm": preset.training["sldm"].model_copy(
            update={"steps": steps, "validate_every": None, "preview_every": None} | TRAINING
        ),
    }
    networks = preset.networks.model_copy(
        update={
            "ldn": preset.networks.ldn | {"reverse_attention": variant.reverse_attention},
            "unet": preset.networks.unet | {"num_class_embeds": None},
        }
    )
    return preset.model_copy(
        update={
            "training": training,
            "first_rows": FIRST_ROWS,
            "networks": networks,
            "only_labelled": not variant.unlabelled,
        }
    )


def run_variant(name: str, given: argparse.Namespace) -> Path:
    """Train a variant and run it; return the run's folder."""
    preset = preset_of(VARIANTS[name], given.steps, given.ldn_steps)
    trainings = given.out / "training"
    own = name == "full" or not VARIANTS[name].reverse_attention
    spec = TrainingSpec(
        preset=preset,
        folder=trainings / name,
        datasets=(DATASET,),
        stages=("ldn", "sldm") if own else ("sldm",),
        start=(given.start,) if own else (trainings / "full" / "pipeline", given.start),
        held_out=None,
    )
    train_slddm(spec)
    outcome = tpgbench.run(
        "slddm",
        dataset=DATASET,
        weights=str(spec.pipeline_folder),
        out=given.out / name,
        options={"steps": STEPS},
        metrics=METRICS,
        limit=given.limit,
    )
    return outcome.path


def main() -> None:
    """Train, run and compare all variants."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--start", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("runs/ablations"))
    parser.add_argument("--steps", type=int, default=1200)
    parser.add_argument("--ldn-steps", type=int, default=300)
    parser.add_argument("--limit", type=int)
    parser.add_argument("--only", choices=list(VARIANTS)[1:])
    given = parser.parse_args()
    names = ["full", given.only] if given.only else list(VARIANTS)
    runs = {name: run_variant(name, given) for name in names}
    print(f"{given.steps} steps each, {LABELLED:.0%} labelled, {DATASET}; {describe_machine()}\n")
    with_blank = [score_blank(DATASET, given.limit, given.out), *runs.values()]
    print(table(tpgbench.compare(with_blank), METRICS) + "\n")
    comparison = tpgbench.compare(list(runs.values()))
    print("Full model minus variant, and whether the part helps or costs:\n")
    print("| variant | question | " + " | ".join(METRICS) + " |\n|---|---|" + "---|" * len(METRICS))
    for name in names[1:]:
        found = (answer(comparison, metric, "full", name) for metric in METRICS)
        cells = (f"{difference} {_SAYS.get(shown, '')}".strip() for difference, shown in found)
        print(f"| {name} | {VARIANTS[name].claim} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
