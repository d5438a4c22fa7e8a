"""The sixteen basic colour words, and which of them a colour is."""

from __future__ import annotations

from collections.abc import Collection
from functools import cache
from typing import Literal

import numpy as np

from .canvas import Design
from .raster import Floats
from .streams import pick

# Typical shades of each word, the lightest first; RGB from 0 to 255.
_SHADES = {
    "black": ((18, 18, 20),),
    "grey": ((192, 192, 194), (128, 128, 130), (62, 62, 66)),
    "white": ((247, 246, 244),),
    "beige": ((240, 228, 200), (208, 186, 150)),
    "brown": ((160, 116, 74), (104, 66, 36)),
    "maroon": ((104, 20, 36),),
    "red": ((204, 34, 40),),
    "orange": ((240, 120, 90), (238, 130, 28)),
    "yellow": ((244, 220, 64), (206, 164, 40)),
    "olive": ((108, 108, 44),),
    "green": ((166, 226, 194), (150, 206, 64), (44, 144, 62), (20, 70, 42)),
    "teal": ((64, 190, 196), (24, 124, 128)),
    "blue": ((160, 200, 236), (40, 92, 196)),
    "navy": ((22, 32, 84),),
    "purple": ((190, 172, 228), (108, 48, 144)),
    "pink": ((244, 172, 192), (204, 40, 140)),
}
COLOURS = tuple(_SHADES)
_SPREAD = 6.0  # of a drawn shade, in grey levels; words are farther apart

_MOST = 3
_CLEAR = 0.12  # the share of the cloth from which a colour is named
_TRACE = 0.02  # a second colour is named down to this share, or dots would have none
_CELL = 64  # pixels


@cache
def _lab_shades() -> tuple[Floats, tuple[str, ...]]:
    shades = [(shade, word) for word, shades in _SHADES.items() for shade in shades]
    return _lab(np.array([shade for shade, _ in shades]) / 255.0), tuple(w for _, w in shades)


def _lab(colours: Floats) -> Floats:
    """Return CIELAB (D65) of sRGB colours (n, 3)."""
    from skimage.color import rgb2lab

    return np.asarray(rgb2lab(colours), dtype=np.float64)


def colour_word(colour: Floats) -> str:
    """Return the basic word of an RGB colour from 0 to 1: that of the nearest shade in CIELAB."""
    shades, words = _lab_shades()
    distances = np.sum((shades - _lab(colour[None])) ** 2, axis=1)
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


def printed_colours(design: Design) -> tuple[str, ...]:
    """Return the basic words of a pattern's dominant colours, one to three, the largest first.

    A yarn mix counts as that of its two colours which the palette lists first.
    """
    cell = design.cell(_CELL).reshape(-1, 1, 3)
    distances = np.sum((cell - design.palette) ** 2, axis=2)
    # Mixed half and half, both colours are equally near but for the last bit.
    nearest = np.argmin(np.round(distances, 6), axis=1)
    counts = np.bincount(nearest, minlength=len(design.palette))
    shares = dict.fromkeys((colour_word(colour) for colour in design.palette), 0.0)
    for colour, count in zip(design.palette, counts.tolist(), strict=True):
        shares[colour_word(colour)] += count / len(nearest)
    ranked = sorted(shares, key=lambda word: -shares[word])[:_MOST]
    least = (0.0, _TRACE, _CLEAR)
    return tuple(w for w, share in zip(ranked, least, strict=False) if shares[w] >= share)
