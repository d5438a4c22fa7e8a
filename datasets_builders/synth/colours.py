"""The sixteen basic colour words of a small vocabulary, and which of them a colour is.

`palette.colour_name` knows more and finer names.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import cache
from typing import Literal

import numpy as np

from .raster import Floats
from .streams import pick

# Typical shades of each word, the lightest first; RGB from 0 to 255.
_SHADES = {
    "black": ((18, 18, 20),),
    "grey": ((192, 192, 194), (128, 128, 130), (62, 62, 66)),
    "white": ((247, 246, 244),),
    "beige": ((240, 228, 200), (208, 186, 150)),
    "brown": ((160, 116, 74), (104, 66, 36), (60, 34, 24)),
    "maroon": ((122, 12, 18), (104, 20, 36)),
    "red": ((204, 34, 40), (176, 64, 62)),
    "orange": ((240, 120, 90), (238, 130, 28)),
    "yellow": ((244, 220, 64), (206, 164, 40)),
    "olive": ((150, 146, 84), (108, 108, 44)),
    "green": (
        (166, 226, 194), (150, 206, 64), (112, 146, 112), (44, 144, 62), (20, 70, 42)
    ),
    "teal": ((64, 190, 196), (76, 132, 134), (24, 124, 128)),
    "blue": ((160, 200, 236), (96, 122, 168), (40, 92, 196)),
    "navy": ((14, 18, 112), (22, 32, 84)),
    "purple": ((190, 172, 228), (156, 130, 164), (116, 78, 120), (108, 48, 144), (58, 24, 68)),
    "pink": ((244, 172, 192), (196, 134, 146), (204, 40, 140)),
}  # fmt: skip
COLOURS = tuple(_SHADES)
_SPREAD = 6.0  # of a drawn shade, in grey levels; words are farther apart

# The share of the cloth from which a first, second and third colour is named. A second one is
# named early, or most polka dots would have none.
_NAMED_FROM = (0.0, 0.03, 0.12)


@cache
def _lab_shades() -> tuple[Floats, tuple[str, ...]]:
    shades = [(shade, word) for word, shades in _SHADES.items() for shade in shades]
    return to_lab(np.array([shade for shade, _ in shades]) / 255.0), tuple(w for _, w in shades)


def to_lab(colours: Floats) -> Floats:
    """Return CIELAB (D65) of sRGB colours (n, 3)."""
    from skimage.color import rgb2lab

    return np.asarray(rgb2lab(colours), dtype=np.float64)


def colour_word(colour: Floats) -> str:
    """Return the basic word of an RGB colour from 0 to 1: that of the nearest shade in CIELAB."""
    shades, words = _lab_shades()
    distances = np.sum((shades - to_lab(colour[None])) ** 2, axis=1)
    return words[int(np.argmin(distances))]


def draw_named(
    rng: np.random.Generator, words: Collection[str], tone: Literal["any", "light", "dark"] = "any"
) -> tuple[str, Floats]:
    """Draw one of some basic words, and a colour (3,) that bears it.

    Args:
        rng: The factor's stream.
        words: From `COLOURS`.
        tone: ``"light"``: the lightest typical shade of the word; ``"dark"``: the darkest.
    """
    word = pick(rng, [name for name in COLOURS if name in words])
    shades = _SHADES[word]
    typical = {"any": pick(rng, shades), "light": shades[0], "dark": shades[-1]}[tone]
    shade = np.array(typical) + _SPREAD * rng.uniform(-1.0, 1.0, 3)
    return word, np.rint(np.clip(shade, 0.0, 255.0)) / 255.0


def dominant_words(colours: Floats, palette: Floats) -> tuple[str, ...]:
    """Return the basic words of what is printed, one to three, the largest area first.

    A mix of two yarns counts half for each.

    Args:
        colours: (n, 3), the print at evenly spread points.
        palette: (m, 3), what it is printed with.
    """
    first, second = np.triu_indices(len(palette))  # each colour with itself, and every mix
    yarns = 0.5 * (palette[first] + palette[second])
    distances = np.sum((colours[:, None] - yarns) ** 2, axis=2)
    # Two mixes may be one colour but for the last bits: take the first of them.
    nearest = np.argmax(distances <= distances.min(axis=1, keepdims=True) + 1e-6, axis=1)
    half_areas = np.bincount(nearest, minlength=len(yarns)) / (2.0 * len(colours))
    words = [colour_word(colour) for colour in palette]
    areas = dict.fromkeys(words, 0.0)
    for one, other, half_area in zip(first, second, half_areas.tolist(), strict=True):
        areas[words[one]] += half_area
        areas[words[other]] += half_area
    ranked = sorted(areas, key=lambda word: -areas[word])
    named = zip(ranked, _NAMED_FROM, strict=False)
    return tuple(word for word, least in named if areas[word] >= least)
