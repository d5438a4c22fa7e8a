"""LoRA-DAE with and without its parts, on the paired split of mannequin-synth.

    python measurements/compare_mannequin.py [--weights DIR] [--limit N] [--out runs/mannequin]

Prints Markdown for docs/lora_dae.md: the metrics of each variant, and what they show about the
paper's claims. A second call resumes.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import tpgbench
from setting import describe_machine
from tables import answer, table

# The first five need no weights; the others are in the table if their weights are available.
METRICS = (
    *("ssim", "psnr", "texture_band", "texture_band@lack", "texture_band@excess"),
    *("fid", "is", "lpips", "clip_score"),
)
_PLAIN = {"enhancement": "none"}
VARIANTS: dict[str, dict[str, Any]] = {
    "base": {"lora": "none", **_PLAIN},
    "base+enhancement": {"lora": "none", "enhancement": "statistics"},
    "lora-attention": {"lora": "attention", **_PLAIN},
    "lora": _PLAIN,
    "lora+freeu": {"freeu": True, **_PLAIN},
    "lora+pag": {"pag": 3.0, **_PLAIN},
    "lora+enhancement": {"enhancement": "statistics"},
    "lora+trained-enhancement": {"enhancement": "learned"},
}
# Question, metric, the run claimed to be better, the other run.
CLAIMS = (
    ("Does LoRA improve texture?", "texture_band", "lora", "base"),
    ("Do convolutions beside attention?", "texture_band", "lora", "lora-attention"),
    ("Does the enhancement improve texture?", "texture_band", "lora+enhancement", "lora"),
    ("... does it lack less?", "texture_band@lack", "lora+enhancement", "lora"),
    ("Does the trained enhancement?", "texture_band", "lora+trained-enhancement", "lora"),
    ("Is it better than FreeU?", "texture_band", "lora+enhancement", "lora+freeu"),
    ("Is it better than PAG?", "texture_band", "lora+enhancement", "lora+pag"),
    ("LoRA-DAE above the base: FID?", "fid", "lora+enhancement", "base"),
    ("LoRA-DAE above the base: IS?", "is", "lora+enhancement", "base"),
    ("LoRA-DAE above the base: SSIM?", "ssim", "lora+enhancement", "base"),
    ("LoRA-DAE above the base: PSNR?", "psnr", "lora+enhancement", "base"),
    ("Enhancement alone: SSIM?", "ssim", "lora+enhancement", "lora"),
    ("Enhancement alone: PSNR?", "psnr", "lora+enhancement", "lora"),
)


def main() -> None:
    """Run every variant and print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", help="A training's folder; default: the embedded checkpoint.")
    parser.add_argument("--limit", type=int)
    parser.add_argument("--out", type=Path, default=Path("runs/mannequin"))
    given = parser.parse_args()
    paths = []
    for name, options in VARIANTS.items():
        outcome = tpgbench.run(
            "lora-dae",
            dataset="mannequin-synth",
            split="paired",
            weights=given.weights,
            options=options,
            limit=given.limit,
            out=given.out / name,
            show_progress=True,
        )
        paths.append(outcome.path)
    comparison = tpgbench.compare(paths)
    samples = comparison.runs[0].result.samples.total
    print(
        f"`mannequin-synth`, split `paired`, {samples} samples, 95 % intervals; "
        f"{describe_machine()}\n"
    )
    first = comparison.runs[0].result
    computed = tuple(one for one in METRICS if first.metric(one).value is not None)
    print(table(comparison, computed) + "\n")
    print("| question | metric | difference | answer |\n|---|---|---|---|")
    for question, metric, better, worse in CLAIMS:
        difference, shown = answer(comparison, metric, better, worse)
        print(f"| {question} | {metric} | {difference} | {shown} |")


if __name__ == "__main__":
    main()
