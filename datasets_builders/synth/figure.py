"""A simple figure: a pose, and the body's outlines in it.

Lengths are in parts of the figure's height: y runs from 0 (the crown) down to 1 (the soles), x from
the body's axis to the right of the picture. Sides are named as the camera sees them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..synth import shapes
from .raster import Floats, Points
from .shapes import place, smooth, stroke

SIDES = {"left": -1.0, "right": 1.0}
SHOULDER, WAIST, HIP = (0.1, 0.19), (0.068, 0.39), (0.092, 0.48)
UPPER_ARM, FOREARM = 0.155, 0.145


@dataclass(frozen=True)
class Pose:
    """How the limbs are held.

    Attributes:
        arms: For each of `SIDES`, the upper arm's angle away from the body, in radians.
        elbows: For each side, how much farther out (or, negative, in) the forearm points.
        stance: Half the distance between the ankles.
    """

    arms: Mapping[str, float]
    elbows: Mapping[str, float]
    stance: float

    def shoulder(self, side: str) -> Floats:
        """Return the shoulder's joint, (x, y)."""
        return np.array([SIDES[side] * SHOULDER[0], SHOULDER[1]])

    def elbow(self, side: str) -> Floats:
        """Return the elbow, (x, y)."""
        return self.shoulder(side) + UPPER_ARM * self._direction(side, self.arms[side])

    def wrist(self, side: str) -> Floats:
        """Return the wrist, (x, y)."""
        return self.elbow(side) + FOREARM * self._direction(
            side, self.arms[side] + self.elbows[side]
        )

    def ankle(self, side: str) -> Floats:
        """Return the ankle, (x, y)."""
        return np.array([SIDES[side] * self.stance, 0.95])

    def _direction(self, side: str, angle: float) -> Floats:
        return np.array([SIDES[side] * np.sin(angle), np.cos(angle)])


def draw_pose(rng: np.random.Generator) -> Pose:
    """Draw a standing pose."""
    return Pose(
        {side: rng.uniform(0.1, 0.55) for side in SIDES},
        {side: rng.uniform(-0.35, 0.2) for side in SIDES},
        rng.uniform(0.045, 0.085),
    )


def mirrored(half: Points) -> Points:
    """Close a right half, drawn from top to bottom, with its mirror image."""
    return np.vstack([half, half[::-1] * [-1.0, 1.0]])


def limb(joints: list[Floats], widths: list[float]) -> Points:
    """Return a limb that bends softly through its joints and tapers."""
    path = smooth(joints)
    along = np.linspace(0.0, len(joints) - 1.0, len(path))
    return stroke(path, np.interp(along, np.arange(len(widths)), widths))[0]


@dataclass(frozen=True)
class Part:
    """A part of the body.

    Attributes:
        name: ``"arm-left"``, ``"head"``, ...
        surface: What it is made of: ``"skin"``, ``"hair"`` or ``"shoes"``.
        contours: In the figure's units.
    """

    name: str
    surface: str
    contours: list[Points]


def body(pose: Pose, long_hair: bool) -> list[Part]:
    """Return the body's parts, the farthest first."""
    parts = []
    if long_hair:
        back = smooth([(0.0, 0.0), (0.055, 0.03), (0.062, 0.1), (0.07, 0.19), (0.0, 0.2)])
        parts.append(Part("hair-back", "hair", [mirrored(back)]))
    for side, sign in SIDES.items():
        hip, ankle = np.array([sign * 0.047, 0.49]), pose.ankle(side)
        knee = 0.5 * (hip + ankle) + np.array([sign * 0.006, -0.005])
        foot = ankle + np.array([sign * 0.012, 0.03])
        parts.append(Part(f"shoe-{side}", "shoes", [place(shapes.ellipse(0.027, 0.024), foot)]))
        parts.append(Part(f"leg-{side}", "skin", [limb([hip, knee, ankle], [0.094, 0.062, 0.04])]))
    torso = smooth(
        [
            (0.026, 0.155),
            (0.085, 0.17),
            (0.105, 0.2),
            (0.092, 0.27),
            WAIST,
            HIP,
            (0.085, 0.53),
        ]
    )
    parts.append(Part("torso", "skin", [mirrored(torso)]))
    for side, sign in SIDES.items():
        shoulder, elbow, wrist = pose.shoulder(side), pose.elbow(side), pose.wrist(side)
        inward = shoulder - np.array([sign * 0.016, -0.004])
        hand = wrist + 0.024 * (wrist - elbow) / np.hypot(*(wrist - elbow))
        palm = np.arctan2(*(hand - wrist)[::-1])
        parts.append(Part(f"arm-{side}", "skin", [limb([inward, elbow], [0.056, 0.042])]))
        parts.append(
            Part(
                f"forearm-{side}",
                "skin",
                [
                    limb([elbow, wrist], [0.043, 0.028]),
                    place(shapes.circle(0.021), elbow),
                    place(shapes.ellipse(0.036, 0.017), hand, angle=float(palm)),
                ],
            )
        )
    parts.append(Part("neck", "skin", [shapes.rectangle(-0.023, 0.1, 0.023, 0.172)]))
    crown = place(shapes.ellipse(0.05, 0.06), (0.0, 0.058))
    face = smooth(
        [(0.0, 0.022), (0.03, 0.03), (0.04, 0.06), (0.032, 0.1), (0.012, 0.126), (0.0, 0.128)]
    )
    parts.append(Part("hair-top", "hair", [crown]))
    parts.append(Part("head", "skin", [mirrored(face)]))
    return parts
