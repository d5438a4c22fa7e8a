"""Patterns of straight yarns: stripes, tartan, gingham, houndstooth and argyle."""

from __future__ import annotations

import numpy as np

from .canvas import Canvas, Design
from .layouts import draw_period, draw_rotation
from .palette import draw_palette
from .raster import Floats
from .shapes import TURN, rectangle, stroke
from .streams import between, pick


def _draw_edges(rng: np.random.Generator, count: int) -> Floats:
    """Draw where ``count`` bands end, (count + 1,), from 0 to 1; none is hair-thin."""
    widths = 0.12 - np.log1p(-rng.random(count))
    return np.concatenate([[0.0], np.cumsum(widths) / widths.sum()])


def _band_colours(edges: Floats, colours: Floats, pixels: int) -> Floats:
    """Return what each of ``pixels`` equal steps from 0 to 1 averages to: (pixels, 3)."""
    total = np.concatenate([np.zeros((1, 3)), np.cumsum(np.diff(edges)[:, None] * colours, axis=0)])
    steps = np.linspace(0.0, 1.0, pixels + 1)
    integral = np.stack([np.interp(steps, edges, channel) for channel in total.T], axis=1)
    return np.asarray(np.diff(integral, axis=0) * pixels)


def stripes(rng: np.random.Generator) -> Design:
    """Draw plain, zigzag or wavy stripes of two to five colours.

    The origin is an edge of the ground stripe.
    """
    count = between(rng, 2, 5)
    palette = draw_palette(rng, count)
    edges = _draw_edges(rng, count) if rng.random() < 0.8 else np.linspace(0.0, 1.0, count + 1)
    form = pick(rng, ("plain", "plain", "zigzag", "wavy"))
    reach = rng.uniform(0.12, 0.3)
    t = np.linspace(0.0, 1.0, 3 if form == "zigzag" else 49)
    sway = {
        "plain": np.zeros_like(t),
        "zigzag": reach * np.abs(2.0 * t - 1.0),
        "wavy": 0.5 * reach * np.cos(TURN * t),
    }[form]

    def paint(canvas: Canvas) -> None:
        for begin, end, colour in zip(edges[1:-1], edges[2:], palette[1:], strict=True):
            left, right = np.stack([begin + sway, t], axis=1), np.stack([end + sway, t], axis=1)
            canvas.polygons(colour, [np.vstack([left, right[::-1]])])

    return Design(
        palette,
        draw_period(rng, 0.1, 0.36),
        paint,
        rotation=draw_rotation(rng, (0.0, 90.0, 90.0, 45.0, -45.0)),
        details={"form": form},
    )


def tartan(rng: np.random.Generator) -> Design:
    """Draw a tartan: one mirrored sequence of bands, warp and weft alike.

    The origin is the middle of a ground check.
    """
    count = between(rng, 3, 5)
    palette = draw_palette(rng, count)
    bands = 2 * count - 1
    order = [0] + [between(rng, 0, count - 1) for _ in range(bands - 1)]
    order[1:3] = [1, 2]
    half = 0.5 * _draw_edges(rng, bands)
    edges = np.concatenate([half, 1.0 - half[-2::-1]])
    sett = palette[order + order[::-1]]

    def paint(canvas: Canvas) -> None:
        height, width = canvas.size
        weft, warp = _band_colours(edges, sett, height), _band_colours(edges, sett, width)
        canvas.image[:] = 0.5 * (weft[:, None] + warp)

    return Design(
        palette,
        draw_period(rng, 0.18, 0.48),
        paint,
        rotation=draw_rotation(rng, (0.0, 0.0, 0.0, 45.0)),
    )


def gingham(rng: np.random.Generator) -> Design:
    """Draw gingham: even checks of one or two colours over a light or dark ground.

    The origin is the middle of a ground check.
    """
    palette = draw_palette(rng, between(rng, 2, 3))
    edges = np.array([0.0, 0.25, 0.75, 1.0])
    weft_colour, warp_colour = palette[1], palette[-1]

    def paint(canvas: Canvas) -> None:
        height, width = canvas.size
        ground = palette[0]
        weft = _band_colours(edges, np.stack([ground, weft_colour, ground]), height)
        warp = _band_colours(edges, np.stack([ground, warp_colour, ground]), width)
        canvas.image[:] = 0.5 * (weft[:, None] + warp)

    return Design(
        palette,
        draw_period(rng, 0.07, 0.22),
        paint,
        rotation=draw_rotation(rng, (0.0, 0.0, 0.0, 45.0)),
    )


def houndstooth(rng: np.random.Generator) -> Design:
    """Draw houndstooth: four dark and four light threads in a two-by-two twill.

    The origin is the corner of the solid dark check.
    """
    palette = draw_palette(rng, 2)
    # The solid check, and the twill's diagonals in the two mixed ones.
    teeth = [
        rectangle(0.0, 0.0, 0.5, 0.5),
        np.array([[0.0, 0.5], [0.25, 0.5], [0.0, 0.75]]),
        np.array([[0.0, 1.0], [0.5, 0.5], [0.5, 0.75], [0.25, 1.0]]),
        np.array([[0.5, 0.25], [0.75, 0.0], [1.0, 0.0], [0.5, 0.5]]),
        np.array([[0.75, 0.5], [1.0, 0.25], [1.0, 0.5]]),
    ]

    def paint(canvas: Canvas) -> None:
        canvas.polygons(palette[1], teeth)

    return Design(palette, draw_period(rng, 0.1, 0.32), paint, rotation=draw_rotation(rng))


def argyle(rng: np.random.Generator) -> Design:
    """Draw argyle: diamonds of one or two colours, with or without the thin crossing lines.

    The origin is the middle of a diamond.
    """
    palette = draw_palette(rng, 4)
    tall = rng.uniform(1.1, 1.7)
    size = rng.uniform(0.86, 1.0)
    alternate = bool(rng.random() < 0.5)
    line = pick(rng, (0.0, 0.025, 0.04))
    diamond = 0.5 * size * np.array([[0.0, -tall], [1.0, 0.0], [0.0, tall], [-1.0, 0.0]])
    # In one colour the diamond between four others is a repeat, too.
    second = (0.0, tall) if alternate else (0.5, 0.5 * tall)
    middle = np.array([0.5, 0.5 * tall])
    reach = middle if alternate else 0.5 * middle

    def paint(canvas: Canvas) -> None:
        canvas.polygons(palette[1], [diamond])
        if alternate:
            canvas.polygons(palette[2], [diamond + middle])
        if line:
            for mirror in ([1.0, 1.0], [-1.0, 1.0]):
                canvas.polygons(palette[3], stroke(np.stack([-reach, reach]) * mirror, line))

    return Design(palette, draw_period(rng, 0.14, 0.3), paint, second, draw_rotation(rng))
