"""What hangs or moves in front of a garment: an arm, hair, a bag."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..synth import shapes
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
_TOUCH = 0.01
_NEAR = _REFERENCE / 128


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


def _arm(rng: np.random.Generator, pose: Pose, kind: str, extent: float) -> Occluder:
    """Draw a forearm laid across the front: over the chest, or past the waist for a bottom."""
    side = pick(rng, tuple(SIDES))
    elbow = pose.elbow(side)
    reach, level = (0.03, 0.09), (0.5, 0.58)
    if kind not in _BOTTOMS:
        reach, level = (-0.06, 0.03), (0.27, 0.46)
    inwards = np.array([SIDES[side] * rng.uniform(*reach), rng.uniform(*level)]) - elbow
    inwards *= rng.uniform(0.15, 0.19) / np.hypot(*inwards)
    wrist, hand = elbow + inwards, elbow + 1.13 * inwards
    width = 0.9 + 0.3 * extent
    contours = [
        limb([elbow, wrist], [0.044 * width, 0.03 * width]),
        place(shapes.circle(0.022 * width), elbow),
        place(shapes.ellipse(0.037, 0.02 * width), hand, angle=float(np.arctan2(*inwards[::-1]))),
    ]
    return Occluder("arm", "skin", contours, f"forearm-{side}")


def _hair(rng: np.random.Generator, pose: Pose, kind: str, extent: float) -> Occluder:
    """Draw long hair that spreads over one shoulder or both."""
    contours = []
    for sign in SIDES.values() if rng.random() < 0.4 else (pick(rng, (-1.0, 1.0)),):
        end = 0.22 + (0.06 + 0.16 * extent) * rng.uniform(0.5, 1.0)
        spread = rng.uniform(0.066, 0.082)
        for strand in np.linspace(0.0, 1.0, 4):
            tip = end - 0.03 * rng.random()
            y = np.linspace(0.025, tip, 14)
            fall = np.clip((y - 0.025) / 0.135, 0.0, 1.0)  # has spread where the shoulder begins
            wave = 0.003 * np.sin(TURN * (7.0 * y + rng.random()))
            x = sign * (0.026 + 0.006 * strand + (spread + 0.008 * strand) * fall**1.2) + wave
            width = 0.02 * np.sqrt(np.linspace(1.05, 0.2, 14))
            contours += stroke(np.stack([x, y], axis=1), width)
    return Occluder("hair", "hair", contours)


def _bag(rng: np.random.Generator, pose: Pose, kind: str, extent: float) -> Occluder:
    """Draw a bag on the hip, its straps running across from the other shoulder."""
    side = pick(rng, (-1.0, 1.0))
    width, height = rng.uniform(0.05, 0.075), rng.uniform(0.04, 0.07)
    scale = 0.75 + 0.5 * extent
    reach, level, shoulder = 0.05, (0.5, 0.6), 0.06
    if kind not in _BOTTOMS:
        reach, level, shoulder = 0.09, (0.33, 0.5), 0.1
    middle = np.array([side * rng.uniform(0.0, reach), rng.uniform(*level)])
    flare = np.array([[-1.0, -1.0], [1.0, -1.0], [1.1, 1.0], [-1.1, 1.0]])
    corners = flare * [scale * width, scale * height]
    body = place(smooth(_rounded(corners), closed=True, steps=3), middle)
    rings = middle + corners[:2] * [0.5, 1.0]
    straps = [stroke(np.array([[-side * shoulder, 0.17], ring]), 0.008)[0] for ring in rings]
    return Occluder("bag", "bag", [body, *straps])


def _rounded(corners: Points) -> list[list[float]]:
    """Return points near the corners, between which a spline turns smoothly."""
    following, before = np.roll(corners, -1, axis=0), np.roll(corners, 1, axis=0)
    near = np.stack([0.8 * corners + 0.2 * before, 0.8 * corners + 0.2 * following], axis=1)
    points: list[list[float]] = near.reshape(-1, 2).tolist()
    return points


_BOTTOMS = ("skirt", "trousers")
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

    It hides 1.5 to 35 % of the garment and leaves the silhouette's outermost points free, so that
    the mask's box, and with it the truth, is the same with and without it.

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
    guarded = _guarded(outline)
    for _ in range(_TRIES):
        kind = pick(rng, _POSSIBLE[garment.kind])
        candidate = _DRAW[kind](rng, pose, garment.kind, strength)
        cover = fill(camera.project(candidate.contours, _REFERENCE), grid).on(grid)
        hidden = np.sum(silhouette * cover) / np.sum(silhouette)
        touched = any(cover[window].max() > _TOUCH for window in guarded)
        if not touched and _LEAST_HIDDEN <= hidden <= _MOST_HIDDEN:
            return candidate
    return None


def _guarded(outline: Sequence[Points]) -> list[tuple[slice, slice]]:
    """Return the windows of the reference grid around the tips that may decide the box.

    Of tips that are less than a pixel of the smallest photo apart, any can be the outermost one
    that is drawn.
    """
    corners = np.concatenate(outline)
    tips = []
    for sign in (1.0, -1.0):
        beyond = sign * corners
        peak = np.concatenate(
            [
                (part >= np.roll(part, 1, axis=0)) & (part >= np.roll(part, -1, axis=0))
                for part in (sign * contour for contour in outline)
            ]
        )
        tips.append(corners[(peak & (beyond >= beyond.max(axis=0) - _NEAR)).any(axis=1)])
    return [
        (slice(max(y - _MARGIN, 0), y + _MARGIN + 1), slice(max(x - _MARGIN, 0), x + _MARGIN + 1))
        for x, y in np.floor(np.concatenate(tips)).astype(int).tolist()
    ]
