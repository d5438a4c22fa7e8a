"""Images without any pattern: the first row of tables of models."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import PIL.Image
import tpgbench
from tpgbench.benchmark.fit import fit_sample


def score_blank(dataset: str, limit: int | None, out: Path) -> Path:
    """Score images filled with the mean colour of each garment; return the folder of the run.

    This is not a method. It shows how a metric rates an image without any pattern: some metrics
    reward it where the ground truth cannot be matched.

    Args:
        dataset: A registered dataset; its test split is scored.
        limit: Only the first N samples; None for all.
        out: The folder for the images and the run.
    """
    rows = tpgbench.load_dataset(dataset, "test")
    images = out / f"mean-colour-{dataset}-images"
    images.mkdir(parents=True, exist_ok=True)
    for index in range(min(len(rows), limit or len(rows))):
        sample = fit_sample(rows[index], size=rows.size)
        colour = np.rint(sample.garment[sample.mask].mean(axis=0)).astype(np.uint8)
        picture = PIL.Image.fromarray(np.broadcast_to(colour, sample.garment.shape).copy())
        picture.save(images / f"{sample.sample_id}.png")
    outcome = tpgbench.score_images(
        images, dataset, name="mean colour", limit=limit, out=out / f"mean-colour-{dataset}"
    )
    return outcome.path
