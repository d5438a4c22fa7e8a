"""Patterns without straight lines: camouflage, mosaics, blotches and leopard spots."""

from __future__ import annotations

import numpy as np
from scipy.spatial import Voronoi

from ..synth import shapes
from .canvas import SQUARE, Canvas, Design
from .layouts import draw_period, draw_rotation, scatter
from .palette import draw_colour, draw_palette
from .raster import Floats, Points
from .shapes import TURN, place
from .streams import between, pick
from .waves import draw_periodic

_EARTH = ((0.06, 0.36), (0.12, 0.6), (0.12, 0.75))


def camouflage(rng: np.random.Generator) -> Design:
    """Draw camouflage: patches of three to five colours, earthy or free.

    The origin is the deepest point of the first patch.
    """
    count = between(rng, 3, 5)
    palette = draw_palette(rng, count)
    if rng.random() < 0.5:
        # Evenly spaced values: otherwise two earths may be hard to tell apart.
        values = np.linspace(0.12, 0.8, count)[np.argsort(rng.random(count))]
        palette = np.stack(
            [draw_colour(rng, _EARTH[0], _EARTH[1], (v - 0.05, v + 0.05)) for v in values]
        )
    patches = [draw_periodic(rng, between(rng, 5, 8), rng.uniform(0.9, 1.4)) for _ in palette[1:]]
    patches[0] = patches[0].centred()
    levels = [patch.level(rng.uniform(0.6, 0.75)) for patch in patches]

    def paint(canvas: Canvas) -> None:
        for colour, patch, level in zip(palette[1:], patches, levels, strict=True):
            canvas.above(colour, patch, level)

    return Design(
        palette, draw_period(rng, 0.35, 0.75), paint, SQUARE, draw_rotation(rng, (0.0, 90.0))
    )


def blotches(rng: np.random.Generator) -> Design:
    """Draw organic blotches with rims, like dye or cowhide, or thin marbled veins.

    The origin is the deepest point of the largest blotch.
    """
    palette = draw_palette(rng, between(rng, 2, 4))
    noise = draw_periodic(rng, between(rng, 4, 7), rng.uniform(1.0, 1.7)).centred()
    marbled = rng.random() < 0.4
    lowest, highest = rng.uniform(0.3, 0.6), rng.uniform(0.75, 0.95)
    levels = [noise.level(share) for share in np.linspace(lowest, highest, len(palette) - 1)]
    half = rng.uniform(0.08, 0.2)

    def paint(canvas: Canvas) -> None:
        for colour, level in zip(palette[1:], levels, strict=True):
            if marbled:
                canvas.between(colour, noise, level - half, level + half)
            else:
                canvas.above(colour, noise, level)

    return Design(
        palette,
        draw_period(rng, 0.35, 0.75),
        paint,
        SQUARE,
        draw_rotation(rng, (0.0, 90.0)),
        details={"form": "marbled" if marbled else "blotched"},
    )


def voronoi(rng: np.random.Generator) -> Design:
    """Draw a mosaic of Voronoi cells, parted by lines of the ground's colour.

    The origin is the seed of a cell.
    """
    palette = draw_palette(rng, between(rng, 4, 6))
    seeds = scatter(rng, between(rng, 8, 26), SQUARE)
    seeds[1:] += 0.02 * rng.standard_normal(seeds[1:].shape)
    shrink = 1.0 - rng.uniform(0.06, 0.16)
    colours = [between(rng, 1, len(palette) - 1) for _ in seeds]
    cells = [shrink * (cell - seed) + seed for cell, seed in zip(_cells(seeds), seeds, strict=True)]

    def paint(canvas: Canvas) -> None:
        for index, cell in zip(colours, cells, strict=True):
            canvas.polygons(palette[index], [cell])

    return Design(
        palette, draw_period(rng, 0.32, 0.7), paint, SQUARE, draw_rotation(rng, (0.0, 90.0))
    )


def _cells(seeds: Floats) -> list[Points]:
    """Return the Voronoi cells of seeds (n, 2) that repeat in every unit square."""
    shifts = np.array([[x, y] for x in (0, -1, 1) for y in (0, -1, 1)], dtype=np.float64)
    diagram = Voronoi(np.concatenate([seeds + shift for shift in shifts]))
    cells = []
    for index, seed in enumerate(seeds):
        corners = diagram.vertices[diagram.regions[diagram.point_region[index]]]
        x, y = (corners - seed).T
        cells.append(corners[np.argsort(np.arctan2(y, x))])
    return cells


def leopard(rng: np.random.Generator) -> Design:
    """Draw leopard spots: broken dark rings around a lighter heart.

    The origin is the middle of a spot.
    """
    palette = draw_palette(rng, 3)
    if rng.random() < 0.5:
        palette = np.stack(
            [
                draw_colour(rng, (0.08, 0.13), (0.3, 0.6), (0.75, 0.92)),
                draw_colour(rng, (0.04, 0.1), (0.3, 0.7), (0.05, 0.2)),
                draw_colour(rng, (0.05, 0.1), (0.5, 0.7), (0.45, 0.65)),
            ]
        )
    count = between(rng, 6, 16)
    radius = 0.44 / np.sqrt(count)
    hearts: list[Points] = []
    rings: list[Points] = []
    for centre in scatter(rng, count, SQUARE):
        size = radius * rng.uniform(0.75, 1.0)
        squash = np.array([1.0, rng.uniform(0.7, 1.0)])
        wobble = 1.0 + 0.1 * rng.standard_normal(3)
        turn = TURN * rng.random()
        hearts.append(place(_blob(0.7 * wobble) * squash, centre, size, turn))
        start = TURN * rng.random()
        for _ in range(pick(rng, (2, 3, 3))):
            sweep = rng.uniform(0.18, 0.3) * TURN
            angle = np.linspace(start, start + sweep, 9)
            path = 0.8 * np.stack([np.cos(angle), np.sin(angle)], axis=1) * squash
            width = rng.uniform(0.35, 0.5) * np.sqrt(np.sin(np.linspace(0.15, 0.85, 9) * np.pi))
            rings += [place(part, centre, size, turn) for part in shapes.stroke(path, width)]
            start += sweep + rng.uniform(0.06, 0.12) * TURN

    def paint(canvas: Canvas) -> None:
        canvas.polygons(palette[2], hearts)
        canvas.polygons(palette[1], rings)

    return Design(
        palette, draw_period(rng, 0.32, 0.7), paint, SQUARE, draw_rotation(rng, (0.0, 90.0))
    )


def _blob(radii: Floats) -> Points:
    """Return a rounded contour; three radii pull it in three directions."""
    angle = np.linspace(0.0, TURN, 36, endpoint=False)
    pulls = [
        radius * np.clip(np.cos(angle - nth * TURN / 3), 0.0, None) ** 2
        for nth, radius in enumerate(radii)
    ]
    return shapes.polar(0.6 + 0.45 * np.asarray(np.sum(pulls, axis=0)))
