"""A stroke alphabet: no font file, so a letter is the same on every machine."""

from __future__ import annotations

import numpy as np

from .raster import Points
from .shapes import stroke

# Each stroke is a run of points "xy" on a grid of 0 to 4 across and 0 to 6 down.
_STROKES = {
    "A": ("06 20 46", "14 34"),
    "B": ("06 00 30 41 42 33 03", "33 44 45 36 06"),
    "C": ("41 30 10 01 05 16 36 45",),
    "D": ("06 00 20 42 44 26 06",),
    "E": ("40 00 06 46", "03 33"),
    "F": ("40 00 06", "03 33"),
    "G": ("41 30 10 01 05 16 36 45 43 23",),
    "H": ("00 06", "40 46", "03 43"),
    "I": ("20 26", "10 30", "16 36"),
    "J": ("40 45 36 16 05",),
    "K": ("00 06", "40 03 46"),
    "L": ("00 06 46",),
    "M": ("06 00 23 40 46",),
    "N": ("06 00 46 40",),
    "O": ("10 30 41 45 36 16 05 01 10",),
    "P": ("06 00 30 41 42 33 03",),
    "R": ("06 00 30 41 42 33 03", "23 46"),
    "S": ("41 30 10 01 02 13 33 44 45 36 16 05",),
    "T": ("00 40", "20 26"),
    "U": ("00 05 16 36 45 40",),
    "V": ("00 26 40",),
    "W": ("00 16 23 36 40",),
    "X": ("00 46", "40 06"),
    "Y": ("00 23 40", "23 26"),
    "Z": ("00 40 06 46",),
}
LETTERS = tuple(_STROKES)


def letter(name: str, weight: float) -> list[Points]:
    """Return a letter's contours, 1 tall and 2/3 wide around the origin.

    Args:
        name: One of `LETTERS`.
        weight: The pen's width.
    """
    contours: list[Points] = []
    for run in _STROKES[name]:
        path = np.array([[int(point[0]) - 2, int(point[1]) - 3] for point in run.split()]) / 6.0
        contours += stroke(path, weight, round_ends=True)
    return contours
