"""Colours that go together, and their names."""

from __future__ import annotations

import colorsys

import numpy as np

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
_NAMES = {
    "black": (18, 18, 20),
    "charcoal": (62, 62, 66),
    "grey": (128, 128, 130),
    "silver": (192, 192, 194),
    "white": (247, 246, 244),
    "cream": (240, 228, 200),
    "beige": (208, 186, 150),
    "tan": (176, 134, 90),
    "brown": (104, 66, 36),
    "maroon": (104, 20, 36),
    "red": (204, 34, 40),
    "coral": (240, 120, 100),
    "orange": (238, 130, 28),
    "mustard": (200, 156, 36),
    "yellow": (244, 220, 64),
    "olive": (108, 108, 44),
    "lime": (160, 212, 60),
    "green": (44, 144, 62),
    "dark green": (20, 70, 42),
    "mint": (166, 226, 194),
    "teal": (24, 124, 128),
    "turquoise": (64, 196, 200),
    "light blue": (160, 200, 236),
    "blue": (40, 92, 196),
    "navy": (22, 32, 84),
    "lavender": (190, 172, 228),
    "purple": (108, 48, 144),
    "magenta": (204, 40, 140),
    "pink": (244, 172, 192),
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
    """Return the everyday name nearest to an RGB colour from 0 to 1."""
    red, green, blue = 255.0 * colour

    def distance(name: str) -> float:
        # The "redmean" approximation of perceived difference.
        r, g, b = _NAMES[name]
        mean = 0.5 * (r + red) / 256.0
        return float(
            (2 + mean) * (r - red) ** 2 + 4 * (g - green) ** 2 + (3 - mean) * (b - blue) ** 2
        )

    return min(_NAMES, key=distance)
