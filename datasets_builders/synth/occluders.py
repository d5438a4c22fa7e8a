"""What hangs or moves in front of a garment: an arm, hair, a bag."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from . import shapes
from .camera import Camera
from .figure import SIDES, Pose, limb
from .garments import Garment
from .raster import Points, fill
from .shapes import TURN, place, smooth, stroke
from .streams import pick

_TRIES = 16
_MOST_HIDDEN = 0.35
_LEAST_HIDDEN = 0.015
# Whether a placement is allowed is decided on a grid of its own, or it would depend on the size.
_REFERENCE = 96
_MARGIN = 2


@dataclass(frozen=True)
class Occluder:
    """Something in front of the garment.

    Attributes:
        kind: ``"arm"``, ``"hair"`` or ``"bag"``.
        surface: Which of the scene's surfaces it shows.
        contours: In the figure's units.
        replaces: The part of the body that it takes the place of, or None.
    """

    kind: str
    surface: str
    contours: Sequence[Points]
    replaces: str | None = None


def _arm(rng: np.random.Generator, pose: Pose, extent: float) -> Occluder:
    side = pick(rng, tuple(SIDES))
    elbow = pose.elbow(side)
    inwards = np.array([SIDES[side] * rng.uniform(-0.06, 0.03), rng.uniform(0.27, 0.46)]) - elbow
    inwards *= rng.uniform(0.15, 0.18) / np.hypot(*inwards)
    wrist = elbow + inwards
    hand = wrist + 0.18 * inwards
    angle = float(np.arctan2(inwards[1], inwards[0]))
    width = 0.9 + 0.3 * extent
    contours = [
        limb([elbow, wrist], [0.044 * width, 0.03 * width]),
        place(shapes.circle(0.022 * width), elbow),
        place(shapes.ellipse(0.037, 0.02 * width), hand, angle=angle),
    ]
    return Occluder("arm", "skin", contours, f"forearm-{side}")


def _hair(rng: np.random.Generator, pose: Pose, extent: float) -> Occluder:
    contours = []
    for sign in SIDES.values() if rng.random() < 0.4 else (pick(rng, (-1.0, 1.0)),):
        end = 0.2 + (0.08 + 0.14 * extent) * rng.uniform(0.5, 1.0)
        lean = rng.uniform(-0.01, 0.03)
        for strand in np.linspace(0.0, 1.0, 4):
            tip = end - 0.03 * rng.random()
            y = np.linspace(0.05, tip, 9)
            fall = (y - 0.05) / (tip - 0.05)
            wave = 0.004 * np.sin(TURN * (2.0 * fall + rng.random()))
            x = sign * (0.04 + 0.012 * strand + lean * fall + 0.012 * (strand - 0.5) * fall) + wave
            width = 0.022 * np.sqrt(np.clip(1.05 - fall**3, 0.0, 1.0))
            contours += stroke(smooth(np.stack([x, y], axis=1).tolist(), steps=1), width)
    return Occluder("hair", "hair", contours)


def _bag(rng: np.random.Generator, pose: Pose, extent: float) -> Occluder:
    side = pick(rng, (-1.0, 1.0))
    width, height = rng.uniform(0.05, 0.075), rng.uniform(0.04, 0.07)
    scale = 0.75 + 0.5 * extent
    middle = np.array([side * rng.uniform(0.03, 0.11), rng.uniform(0.37, 0.6)])
    corners = scale * np.array([[-width, -height], [width, -height], [1.1 * width, height],
                                [-1.1 * width, height]])  # fmt: skip
    body = place(smooth(_rounded(corners), closed=True, steps=3), middle)
    shoulder = np.array([pick(rng, (-1.0, 1.0)) * 0.065, 0.163])
    rings = middle + scale * np.array([[-0.8 * width, -height], [0.8 * width, -height]])
    straps = [stroke(np.stack([shoulder, ring]), 0.008)[0] for ring in rings]
    return Occluder("bag", "bag", [body, *straps])


def _rounded(corners: Points) -> list[list[float]]:
    """Return points near the corners, between which a spline turns smoothly."""
    following, before = np.roll(corners, -1, axis=0), np.roll(corners, 1, axis=0)
    near = np.stack([0.8 * corners + 0.2 * before, 0.8 * corners + 0.2 * following], axis=1)
    points: list[list[float]] = near.reshape(-1, 2).tolist()
    return points


_DRAW = {"arm": _arm, "hair": _hair, "bag": _bag}
# Hair does not reach below the waist, and a shirt's own sleeve is where the arm would be.
_POSSIBLE = {
    "tee": ("arm", "hair", "bag"),
    "shirt": ("hair", "bag"),
    "dress": ("arm", "hair", "bag"),
    "skirt": ("arm", "bag"),
    "trousers": ("arm", "bag"),
}


def draw_occluder(
    rng: np.random.Generator, garment: Garment, pose: Pose, camera: Camera, strength: float
) -> Occluder | None:
    """Draw what hides a part of the garment, if anything.

    It hides 1.5 to 35 % of the garment and leaves each of the silhouette's four outermost points
    free, so that the mask's box, and with it the truth, is the same with and without it.

    Args:
        rng: The factor's stream.
        garment: In the figure's units.
        pose: The figure's.
        camera: The photo's.
        strength: 0 to 1; the stronger, the likelier and the larger.
    """
    if rng.random() > 0.15 + 0.65 * strength:
        return None
    grid = (_REFERENCE, _REFERENCE)
    outline = camera.project(garment.panels, _REFERENCE)
    silhouette = fill(outline, grid).on(grid)
    corners = np.concatenate(outline)
    extremes = corners[np.concatenate([corners.argmin(axis=0), corners.argmax(axis=0)])]
    guarded = [
        tuple(slice(max(int(c) - _MARGIN, 0), int(c) + _MARGIN + 1) for c in (y, x))
        for x, y in extremes
    ]
    for _ in range(_TRIES):
        kind = pick(rng, _POSSIBLE[garment.kind])
        candidate = _DRAW[kind](rng, pose, strength)
        cover = fill(camera.project(candidate.contours, _REFERENCE), grid).on(grid)
        hidden = np.sum(silhouette * cover) / np.sum(silhouette)
        untouched = not any(cover[window].any() for window in guarded)
        if untouched and _LEAST_HIDDEN <= hidden <= _MOST_HIDDEN:
            return candidate
    return None
