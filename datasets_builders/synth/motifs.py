"""Patterns of printed motifs: dots, flowers, paisley, letters and placed motifs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..synth import shapes
from .alphabet import LETTERS, letter
from .canvas import HEXAGONAL, SQUARE, Canvas, Design
from .layouts import draw_period, draw_rotation, scatter
from .palette import draw_palette
from .raster import Floats, Points
from .shapes import TURN, place
from .streams import between, pick


@dataclass(frozen=True)
class Layer:
    """Contours of one colour."""

    colour: Floats
    contours: Sequence[Points]


def _print(layers: Sequence[Layer], canvas: Canvas) -> None:
    for layer in layers:
        canvas.polygons(layer.colour, layer.contours)


def dots(rng: np.random.Generator) -> Design:
    """Draw polka dots or rings in rows, staggered, or in two sizes.

    The origin is the middle of a (large) dot.
    """
    palette = draw_palette(rng, 4)
    arrangement = pick(rng, ("rows", "staggered", "staggered", "two sizes"))
    radius = rng.uniform(0.14, 0.34)
    second = (0.5, rng.uniform(0.5, 0.9)) if arrangement == "staggered" else SQUARE
    radius *= min(1.0, 2.2 * second[1] - 0.7) if arrangement == "staggered" else 1.0
    layers = [Layer(palette[1], [shapes.circle(radius)])]
    if rng.random() < 0.3:
        layers.append(Layer(palette[3], [shapes.circle(radius * rng.uniform(0.4, 0.7))]))
    if arrangement == "two sizes":
        small = radius * rng.uniform(0.3, 0.6)
        layers.append(Layer(palette[2], [place(shapes.circle(small), (0.5, 0.5))]))
    return Design(
        palette,
        draw_period(rng, 0.08, 0.28),
        lambda canvas: _print(layers, canvas),
        second,
        draw_rotation(rng, (0.0, 0.0, 45.0)),
        details={"arrangement": arrangement},
    )


def floral(rng: np.random.Generator) -> Design:
    """Draw parametric flowers among leaves and buds.

    The origin is the middle of the largest flower.
    """
    palette = draw_palette(rng, 6)
    second = pick(rng, (SQUARE, (0.5, 1.0), (0.0, 1.2)))
    count = between(rng, 2, 7)
    radius = 0.5 / np.sqrt(count)
    centres = scatter(rng, count, second)
    leaf = shapes.leaf(rng.uniform(0.35, 0.8))
    leaves = [
        place(leaf, at, radius * rng.uniform(0.5, 0.95), TURN * rng.random())
        for at in scatter(rng, 3 * count, second)
    ]
    petals, depth = between(rng, 4, 9), rng.uniform(0.25, 0.7)
    corolla = shapes.flower(petals, depth, rng.uniform(0.4, 1.2))
    double = rng.random() < 0.6
    layers = [Layer(palette[5], leaves)]
    for nth, centre in enumerate(centres):
        size = radius * (1.05 if nth == 0 else rng.uniform(0.5, 0.95))
        angle = TURN * rng.random()
        colour = palette[1 if nth == 0 else between(rng, 1, 3)]
        layers.append(Layer(colour, [place(corolla, centre, size, angle)]))
        if double:
            inner = place(corolla, centre, 0.6 * size, angle + TURN / (2 * petals))
            layers.append(Layer(palette[3] if colour is not palette[3] else palette[2], [inner]))
        layers.append(Layer(palette[4], [place(shapes.circle(0.22), centre, size)]))
    return Design(
        palette,
        draw_period(rng, 0.26, 0.6),
        lambda canvas: _print(layers, canvas),
        second,
        draw_rotation(rng),
    )


def paisley(rng: np.random.Generator) -> Design:
    """Draw paisley: nested drops with a beaded rim.

    The origin is the belly of the largest drop.
    """
    palette = draw_palette(rng, 5)
    second = pick(rng, (SQUARE, (0.5, 0.9), (0.5, 1.1)))
    count = between(rng, 1, 4)
    bend = rng.uniform(0.25, 0.7)
    beads = between(rng, 12, 20)
    layers = []
    for nth, centre in enumerate(scatter(rng, count, second)):
        size = 0.54 / np.sqrt(count) * (1.0 if nth == 0 else rng.uniform(0.6, 0.9))
        angle = TURN * rng.random()
        mirror = np.array([pick(rng, (-1.0, 1.0)), 1.0])
        drop = shapes.teardrop(bend) * mirror
        rim = place(drop, centre, 1.12 * size, angle)[:: max(1, 64 // beads)]
        layers.append(
            Layer(palette[4], [place(shapes.circle(0.09 * size, 12), bead) for bead in rim])
        )
        for scale, colour in zip((0.95, 0.72, 0.5, 0.24), palette[[1, 2, 3, 1]], strict=True):
            # Nested drops share a point of the belly, so the rim widens towards the tip.
            inner = (drop - [0.0, 0.3]) * scale + [0.0, 0.3]
            layers.append(Layer(colour, [place(inner, centre, size, angle)]))
    return Design(
        palette,
        draw_period(rng, 0.2, 0.5),
        lambda canvas: _print(layers, canvas),
        second,
        draw_rotation(rng),
    )


_WORDS = ("COTTON", "DENIM", "KNIT", "LINEN", "LOOM", "SILK", "TWILL", "WEAVE", "WOOL", "YARN")


def lettering(rng: np.random.Generator) -> Design:
    """Draw scattered letters, or a word in staggered rows.

    The origin is the middle of the first letter.
    """
    palette = draw_palette(rng, 4)
    weight = rng.uniform(0.14, 0.3)
    if rng.random() < 0.5:
        form, names = "word", pick(rng, _WORDS)
        pitch = 1.0 / (len(names) + pick(rng, (0, 1)))
        size = 0.68 * pitch
        second = (pick(rng, (0.0, 0.5, pitch)), rng.uniform(1.35, 2.2) * pitch)
        centres = np.stack([pitch * np.arange(len(names)), np.zeros(len(names))], axis=1)
        angles = np.zeros(len(names))
    else:
        form, names = "scattered", "".join(pick(rng, LETTERS) for _ in range(between(rng, 2, 6)))
        size = 0.5 / np.sqrt(len(names))
        second = SQUARE
        centres = scatter(rng, len(names), second)
        angles = rng.uniform(0.0, 1.0) * 0.6 * rng.standard_normal(len(names))
    one_colour = rng.random() < 0.5
    layers = [
        Layer(
            palette[1 if one_colour else 1 + nth % 3],
            [place(stroke, centre, size, angle) for stroke in letter(name, weight)],
        )
        for nth, (name, centre, angle) in enumerate(zip(names, centres, angles, strict=True))
    ]
    return Design(
        palette,
        draw_period(rng, 0.3, 0.6),
        lambda canvas: _print(layers, canvas),
        second,
        draw_rotation(rng),
        details={"form": form, "letters": names},
    )


def placed(rng: np.random.Generator) -> Design:
    """Draw one large motif far from its repeats, alone or with small companions.

    The origin is the middle of the large motif.
    """
    palette = draw_palette(rng, 4)
    second = pick(rng, (SQUARE, HEXAGONAL, (0.5, 0.8)))
    motif = pick(rng, tuple(_EMBLEMS))
    size = rng.uniform(0.24, 0.36)
    angle = pick(rng, (0.0, 0.25 * rng.standard_normal()))
    layers = [
        Layer(palette[colour], [place(contour, (0.0, 0.0), size, angle) for contour in contours])
        for colour, contours in _EMBLEMS[motif](rng)
    ]
    if rng.random() < 0.6:
        small = pick(rng, (shapes.circle(), shapes.star(5, 0.45), shapes.heart()))
        between_motifs = (0.5 + 0.5 * second[0], 0.5 * second[1])
        layers.append(
            Layer(palette[3], [place(small, between_motifs, size * rng.uniform(0.2, 0.35))])
        )
    return Design(
        palette,
        draw_period(rng, 0.4, 0.85),
        lambda canvas: _print(layers, canvas),
        second,
        draw_rotation(rng),
        details={"motif": motif},
    )


_Emblem = list[tuple[int, list[Points]]]


def _star(rng: np.random.Generator) -> _Emblem:
    outline = shapes.star(between(rng, 5, 8), rng.uniform(0.4, 0.6))
    return [(1, [outline]), (2, [0.62 * outline])]


def _heart(rng: np.random.Generator) -> _Emblem:
    return [(1, [shapes.heart()]), (2, [rng.uniform(0.5, 0.75) * shapes.heart()])]


def _flower(rng: np.random.Generator) -> _Emblem:
    outline = shapes.flower(between(rng, 5, 8), rng.uniform(0.3, 0.6), 0.7)
    return [(1, [outline]), (2, [0.6 * outline]), (3, [shapes.circle(0.25)])]


def _drop(rng: np.random.Generator) -> _Emblem:
    outline = shapes.teardrop(rng.uniform(0.3, 0.6))
    return [(1, [outline]), (2, [0.65 * outline]), (3, [0.35 * outline])]


def _palm(rng: np.random.Generator) -> _Emblem:
    fronds = [
        place(shapes.leaf(0.34), (0.5 * np.cos(turn), 0.5 * np.sin(turn)), 0.5, turn)
        for turn in np.linspace(-0.5, 0.0, between(rng, 6, 9)) * TURN
    ]
    trunk = shapes.stroke(np.array([[0.0, 0.0], [0.06, 0.5], [-0.04, 1.0]]), 0.14)
    return [(2, trunk), (1, fronds)]


def _sun(rng: np.random.Generator) -> _Emblem:
    return [(1, [shapes.star(between(rng, 10, 16), 0.62)]), (2, [shapes.circle(0.5)])]


def _anchor(rng: np.random.Generator) -> _Emblem:
    width = rng.uniform(0.14, 0.22)
    shank = shapes.stroke(np.array([[0.0, -0.7], [0.0, 0.9]]), width)
    stock = shapes.stroke(np.array([[-0.4, -0.4], [0.4, -0.4]]), width)
    turn = np.linspace(0.06, 0.44, 13) * TURN
    arms = shapes.stroke(np.stack([0.75 * np.cos(turn), 0.1 + 0.8 * np.sin(turn)], axis=1), width)
    flukes = [place(shapes.star(3, 0.5), (side * 0.7, 0.35), 0.28) for side in (-1.0, 1.0)]
    ring = place(shapes.circle(0.2), (0.0, -0.8))
    hole = place(shapes.circle(0.09), (0.0, -0.8))
    return [(1, [*shank, *stock, *arms, *flukes, ring]), (0, [hole])]


# Motifs of radius about 1, as (index of the colour, contours), the bottom layer first.
_EMBLEMS: Mapping[str, Callable[[np.random.Generator], _Emblem]] = {
    "star": _star,
    "heart": _heart,
    "flower": _flower,
    "drop": _drop,
    "palm": _palm,
    "sun": _sun,
    "anchor": _anchor,
}
