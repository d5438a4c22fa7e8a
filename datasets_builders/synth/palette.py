"""Colours that go together, and their names."""

from __future__ import annotations

import colorsys
from functools import cache
from typing import Any

import numpy as np

from .colours import to_lab
from .raster import Floats
from .streams import pick

# Ground colours: ranges of saturation and value.
_GROUNDS = {
    "dark": ((0.0, 0.8), (0.06, 0.26)),
    "light": ((0.0, 0.16), (0.88, 1.0)),
    "muted": ((0.15, 0.5), (0.45, 0.75)),
    "saturated": ((0.6, 0.9), (0.5, 0.9)),
    "pastel": ((0.15, 0.35), (0.85, 0.98)),
}
# Typical shades of each name, RGB from 0 to 255; pale grounds and muted tones have their own.
_NAMES = {
    "black": ((18, 18, 20),),
    "charcoal": ((62, 62, 66),),
    "grey": ((128, 128, 130), (158, 158, 160)),
    "silver": ((192, 192, 194), (214, 214, 216)),
    "white": ((247, 246, 244), (255, 255, 255)),
    "cream": ((240, 228, 200), (250, 240, 220)),
    "beige": ((208, 186, 150), (226, 208, 180)),
    "tan": ((176, 134, 90),),
    "brown": ((104, 66, 36), (60, 34, 24), (140, 96, 66)),
    "maroon": ((104, 20, 36), (60, 10, 20)),
    "red": ((204, 34, 40), (170, 30, 36)),
    "rust": ((170, 84, 52),),
    "coral": ((240, 120, 100),),
    "peach": ((248, 206, 176), (255, 224, 204)),
    "orange": ((238, 130, 28),),
    "mustard": ((200, 156, 36), (150, 120, 40)),
    "yellow": ((244, 220, 64),),
    "pale yellow": ((250, 246, 206), (244, 238, 170)),
    "khaki": ((150, 144, 104), (184, 178, 136)),
    "olive": ((108, 108, 44), (66, 66, 24)),
    "lime": ((160, 212, 60), (208, 240, 150)),
    "sage": ((146, 168, 138), (112, 142, 112)),
    "green": ((44, 144, 62), (90, 180, 90)),
    "dark green": ((20, 70, 42), (14, 48, 24)),
    "mint": ((166, 226, 194), (203, 242, 219), (222, 246, 226)),
    "teal": ((24, 124, 128), (16, 70, 74), (96, 146, 146)),
    "turquoise": ((64, 196, 200), (140, 224, 220)),
    "pale blue": ((214, 230, 246), (220, 244, 248)),
    "light blue": ((160, 200, 236),),
    "blue": ((40, 92, 196), (70, 130, 200)),
    "slate blue": ((100, 118, 150), (140, 156, 186)),
    "navy": ((22, 32, 84), (12, 16, 50)),
    "lilac": ((222, 212, 244), (232, 222, 246)),
    "lavender": ((190, 172, 228),),
    "purple": ((108, 48, 144), (140, 80, 190), (60, 24, 80)),
    "mauve": ((150, 118, 146), (182, 146, 174), (124, 92, 118)),
    "plum": ((92, 44, 82),),
    "magenta": ((204, 40, 140),),
    "pink": ((244, 172, 192), (232, 120, 160)),
    "dusty pink": ((196, 148, 156), (160, 112, 122)),
    "pale pink": ((250, 222, 230),),
}


def draw_colour(
    rng: np.random.Generator,
    hue: tuple[float, float],
    saturation: tuple[float, float],
    value: tuple[float, float],
) -> Floats:
    """Draw an RGB colour (3,), a multiple of 1/255, uniformly from ranges of HSV, all 0 to 1."""
    return _rgb(rng.uniform(*hue), rng.uniform(*saturation), rng.uniform(*value))


def _rgb(hue: float, saturation: float, value: float) -> Floats:
    return np.rint(255.0 * np.array(colorsys.hsv_to_rgb(hue % 1.0, saturation, value))) / 255.0


def draw_palette(rng: np.random.Generator, count: int) -> Floats:
    """Draw colours that are clearly distinct; the first is the ground.

    Returns:
        float64 (count, 3), multiples of 1/255 from 0 to 1.
    """
    ground_hue = rng.random()
    saturation, value = _GROUNDS[pick(rng, tuple(_GROUNDS))]
    colours = [_rgb(ground_hue, rng.uniform(*saturation), rng.uniform(*value))]
    one_hue = rng.random() < 0.25
    hues = ground_hue + 0.04 * rng.standard_normal(48) if one_hue else rng.random(48)
    saturations, values = 0.9 * rng.random(48), 0.06 + 0.94 * rng.random(48)
    candidates = np.stack([_rgb(*hsv) for hsv in zip(hues, saturations, values, strict=True)])
    for _ in range(count - 1):
        gaps = np.min([_gap(candidates, colour) for colour in colours], axis=0)
        best = np.argsort(gaps, kind="stable")[::-1][:8]
        colours.append(candidates[pick(rng, best.tolist())])
    return np.stack(colours)


def _gap(colours: Floats, other: Floats) -> Floats:
    """How far colours (n, 3) are from another; lightness, which the eye needs most, counts more."""
    difference = colours - other
    return np.asarray(np.abs(difference).sum(axis=1) + 1.5 * np.abs(difference.mean(axis=1)))


def colour_name(colour: Floats) -> str:
    """Return the everyday name nearest to an RGB colour from 0 to 1, by CIEDE2000."""
    from skimage import color

    shades, names = _lab_shades()
    difference: Any = color.deltaE_ciede2000
    differences = difference(shades, np.broadcast_to(to_lab(colour[None]), shades.shape))
    return names[int(np.argmin(differences))]


@cache
def _lab_shades() -> tuple[Floats, tuple[str, ...]]:
    shades = [(shade, name) for name, shades in _NAMES.items() for shade in shades]
    return to_lab(np.array([shade for shade, _ in shades]) / 255.0), tuple(n for _, n in shades)
