"""Draw docs/fits.png: what each ``--fit`` makes of a photo and of a ground truth.

python docs/make_fit_picture.py
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont
import tpgbench
from tpgbench.benchmark.fit import fit_sample, fit_truth
from tpgbench.core.images import Image

SIDE = 150
GAP = 14
LABEL = 20
ROW = 8  # of ctp-synth's test split: a print whose frame is easy to see


def main() -> None:
    """Write the picture."""
    found = tpgbench.load_dataset("ctp-synth", size=256)[ROW]
    if found.pattern is None:
        raise SystemExit("the row has no pattern")
    # Portraits, as CTP-HD has them: the sides of the photo and the top of a pattern are cut off.
    photo, mask = found.garment[:, 64:-64], found.mask[:, 64:-64]
    row = dataclasses.replace(found, garment=photo, mask=mask, pattern=found.pattern[:, :160])
    fits = ("box", "pad", "stretch")
    above = [("photo", photo), *((fit, fit_sample(row, size=256, fit=fit).garment) for fit in fits)]
    below = [("ground truth", row.pattern), *((fit, _truth(row, fit)) for fit in fits)]
    width = len(above) * (SIDE + GAP) + GAP
    sheet = PIL.Image.new("RGB", (width, 2 * (SIDE + LABEL + GAP) + GAP), "white")
    for line, pictures in enumerate((above, below)):
        top = GAP + line * (SIDE + LABEL + GAP)
        for place, (label, image) in enumerate(pictures):
            _paste(sheet, (GAP + place * (SIDE + GAP), top), label, image)
    sheet.save(Path(__file__).parent / "fits.png", optimize=True)


def _truth(row: tpgbench.TpgRow, fit: str) -> Image:
    truth = fit_truth(row, size=256, fit=fit)
    return np.zeros((1, 1, 3), np.uint8) if truth is None else truth


def _paste(sheet: PIL.Image.Image, place: tuple[int, int], label: str, image: Image) -> None:
    picture = PIL.Image.fromarray(image)
    picture.thumbnail((SIDE, SIDE))
    left, top = place
    draw = PIL.ImageDraw.Draw(sheet)
    draw.text((left, top), label, "black", font=PIL.ImageFont.load_default(13))
    sheet.paste(picture, (left, top + LABEL))
    draw.rectangle(
        (left - 1, top + LABEL - 1, left + picture.width, top + LABEL + picture.height),
        outline="grey",
    )


if __name__ == "__main__":
    main()
