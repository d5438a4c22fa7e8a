"""Outlines of simple things, as closed contours of (x, y) around the origin."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from .raster import Floats, Points

TURN = 2.0 * np.pi


def rotation(angle: float) -> Floats:
    """Return the matrix (2, 2) that turns column vectors by ``angle`` radians."""
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.array([[cosine, -sine], [sine, cosine]])


def place(
    outline: Points, at: Floats | Sequence[float], scale: float = 1.0, angle: float = 0.0
) -> Points:
    """Scale an outline, turn it by ``angle`` radians, and move its origin to ``at``."""
    return scale * outline @ rotation(angle).T + np.asarray(at, dtype=np.float64)


def smooth(
    points: Sequence[Sequence[float] | Floats], *, closed: bool = False, steps: int = 8
) -> Points:
    """Return a Catmull-Rom spline through the points, ``steps`` samples a segment."""
    knots = np.asarray(points, dtype=np.float64)
    if closed:
        padded = np.vstack([knots[-1:], knots, knots[:2]])
    else:
        padded = np.vstack([2 * knots[0] - knots[1], knots, 2 * knots[-1] - knots[-2]])
    t = np.linspace(0.0, 1.0, steps, endpoint=False)[:, None]
    pieces = []
    for before, here, there, after in zip(
        padded[:-3], padded[1:-2], padded[2:-1], padded[3:], strict=True
    ):
        slope_here, slope_there = 0.5 * (there - before), 0.5 * (after - here)
        bend = 3 * (there - here) - 2 * slope_here - slope_there
        settle = 2 * (here - there) + slope_here + slope_there
        pieces.append(here + t * (slope_here + t * (bend + t * settle)))
    if not closed:
        pieces.append(knots[-1:])
    return np.vstack(pieces)


def circle(radius: float = 1.0, corners: int = 40) -> Points:
    """Return a circle."""
    return ellipse(radius, radius, corners)


def ellipse(x_radius: float, y_radius: float, corners: int = 40) -> Points:
    """Return an ellipse."""
    angle = np.linspace(0.0, TURN, corners, endpoint=False)
    return np.stack([x_radius * np.cos(angle), y_radius * np.sin(angle)], axis=1)


def polar(radius: Floats) -> Points:
    """Return the contour whose radius runs through ``radius`` (n,) in one turn."""
    angle = np.linspace(0.0, TURN, len(radius), endpoint=False)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)


def flower(petals: int, depth: float, roundness: float) -> Points:
    """Return a flower of radius 1.

    Args:
        petals: How many.
        depth: How far the gaps between petals reach inwards, 0 to 1.
        roundness: Exponent of the petal's profile; below 1 the petals are blunt.
    """
    angle = np.linspace(0.0, TURN, 24 * petals, endpoint=False)
    return polar(1.0 - depth + depth * np.abs(np.cos(0.5 * petals * angle)) ** roundness)


def star(points: int, inner: float) -> Points:
    """Return a star of radius 1 whose notches lie at radius ``inner``, a point upwards."""
    radius = np.where(np.arange(2 * points) % 2 == 0, 1.0, inner)
    return polar(radius) @ rotation(-TURN / 4).T


def leaf(width: float) -> Points:
    """Return a pointed leaf from (-1, 0) to (1, 0), ``width`` wide at its middle."""
    t = np.linspace(-1.0, 1.0, 20)
    half = 0.5 * width * (1.0 - t**2)
    return np.vstack([np.stack([t, -half], axis=1), np.stack([t, half], axis=1)[-2:0:-1]])


def heart() -> Points:
    """Return a heart about 2 wide, its point downwards."""
    t = np.linspace(0.0, TURN, 48, endpoint=False)
    x = np.sin(t) ** 3
    y = -(13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)) / 16
    return np.stack([x, y], axis=1)


def teardrop(bend: float) -> Points:
    """Return a paisley drop about 2 tall: round below, its tip on top, bent to one side."""
    t = np.linspace(0.0, TURN, 64, endpoint=False)
    x = 0.62 * np.sin(t) * np.sin(t / 2)
    y = -np.cos(t) * 0.9
    lift = np.clip(-y, 0.0, None)
    return np.stack([x + bend * lift**2, y], axis=1)


def cut(outline: Points, normal: Floats | Sequence[float], level: float) -> Points:
    """Return the part of an outline where ``normal @ point`` is at least ``level``."""
    heights = outline @ np.asarray(normal, dtype=np.float64) - level
    following = zip(np.roll(outline, -1, axis=0), np.roll(heights, -1), strict=True)
    kept = []
    for point, height, (after, height_after) in zip(outline, heights, following, strict=True):
        if height >= 0.0:
            kept.append(point)
        if height * height_after < 0.0:
            kept.append(point + height / (height - height_after) * (after - point))
    return np.stack(kept)


def rectangle(left: float, top: float, right: float, bottom: float) -> Points:
    """Return an upright rectangle."""
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]])


def stroke(path: Points, width: float | Floats, *, round_ends: bool = False) -> list[Points]:
    """Return the contours of a line drawn along ``path``.

    Args:
        path: (n, 2), at least two points.
        width: Full width, one number or one a point.
        round_ends: Whether a disc sits at every point; corners of a path need it.
    """
    half = np.broadcast_to(0.5 * np.asarray(width, dtype=np.float64), (len(path),))
    along = np.gradient(path, axis=0)
    along /= np.maximum(np.hypot(along[:, :1], along[:, 1:]), 1e-12)
    if not round_ends:
        across = np.stack([-along[:, 1], along[:, 0]], axis=1) * half[:, None]
        return [np.vstack([path - across, (path + across)[::-1]])]
    contours = [place(circle(radius, 20), point) for point, radius in zip(path, half, strict=True)]
    for (begin, finish), (wide, narrow) in zip(pairwise(path), pairwise(half), strict=True):
        step = (finish - begin) / max(float(np.hypot(*(finish - begin))), 1e-12)
        side = np.array([-step[1], step[0]])
        contours.append(
            np.array(
                [
                    begin - side * wide,
                    finish - side * narrow,
                    finish + side * narrow,
                    begin + side * wide,
                ]
            )
        )
    return contours
