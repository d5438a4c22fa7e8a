"""A whole person, part by part; units and names of sides are those of `figure`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..synth import shapes
from .figure import HIP, SIDES, WAIST, Part, Pose, limb, mirrored
from .palette import draw_colour
from .raster import Floats, Points
from .shapes import cut, place, smooth, stroke
from .streams import pick

HAIR = ("short", "long", "bun")

# A right hand whose fingers point along x; the thumb lies towards positive y.
_HAND = smooth(
    [
        (-0.006, -0.0125),
        (0.016, -0.0175),
        (0.036, -0.0165),
        (0.054, -0.0135),
        (0.066, -0.006),
        (0.067, 0.002),
        (0.057, 0.011),
        (0.034, 0.0145),
        (-0.006, 0.0125),
    ],
    closed=True,
    steps=5,
)
_THUMB = limb(
    [np.array([0.004, 0.007]), np.array([0.02, 0.02]), np.array([0.039, 0.0245])],
    [0.017, 0.013, 0.007],
)
_FINGERS = [
    stroke(np.array([[0.036, y], [0.062, 0.75 * y]]), 0.0016)[0] for y in (-0.008, 0.0, 0.007)
]

# A right shoe from the front, the ankle at the origin.
_SHOE = smooth(
    [(-0.019, -0.012), (0.019, -0.012), (0.0255, 0.012), (0.031, 0.034), (0.02, 0.044),
     (-0.01, 0.044), (-0.021, 0.034), (-0.021, 0.01)],
    closed=True,
    steps=5,
)  # fmt: skip
_INTO_SHOE = np.array([0.0, 0.006])
_SOLE = np.array([[-0.0205, 0.037], [0.0305, 0.037], [0.026, 0.045], [-0.016, 0.045]])


@dataclass(frozen=True)
class Person:
    """What does not depend on the pose.

    Attributes:
        skin: RGB from 0 to 1, as all colours.
        hair: RGB.
        shoes: RGB.
        haircut: One of `HAIR`.
    """

    skin: Floats
    hair: Floats
    shoes: Floats
    haircut: str


def draw_person(rng: np.random.Generator) -> Person:
    """Draw a person."""
    return Person(
        draw_colour(rng, (0.04, 0.085), (0.25, 0.55), (0.36, 0.96)),
        draw_colour(rng, (0.02, 0.095), (0.3, 0.75), (0.05, 0.55)),
        draw_colour(rng, (0.0, 1.0), (0.0, 0.5), (0.06, 0.9)),
        pick(rng, HAIR),
    )


def hair_behind(haircut: str) -> list[Part]:
    """Return the hair that falls behind the shoulders or stands above the head."""
    if haircut == "short":
        return []
    if haircut == "bun":
        return [Part("bun", "hair", [place(shapes.circle(0.026), (0.0, -0.008))])]
    fall = smooth([(0.0, 0.0), (0.05, 0.02), (0.06, 0.08), (0.066, 0.15), (0.06, 0.21), (0.0, 0.2)])
    return [Part("hair-back", "hair", [mirrored(fall)])]


def lower_body(pose: Pose) -> list[Part]:
    """Return the legs and the shoes on them."""
    parts = []
    for side, sign in SIDES.items():
        hip, ankle = np.array([sign * 0.047, 0.49]), pose.ankle(side)
        knee = hip + 0.52 * (ankle - hip) + np.array([sign * 0.004, 0.0])
        calf = hip + 0.7 * (ankle - hip) + np.array([sign * 0.004, 0.0])
        leg = limb([hip, knee, calf, ankle], [0.096, 0.06, 0.062, 0.034])
        parts.append(Part(f"leg-{side}", "skin", [leg]))
        shoe = place(_SHOE * [sign, 1.0], ankle + _INTO_SHOE)
        parts.append(Part(f"shoe-{side}", "shoes", [shoe]))
    return parts


def soles(pose: Pose) -> list[Points]:
    """Return the pale rims of the shoes."""
    return [
        place(_SOLE * [sign, 1.0], pose.ankle(side) + _INTO_SHOE) for side, sign in SIDES.items()
    ]


def torso() -> list[Part]:
    """Return the trunk and the neck on it."""
    trunk = smooth(
        [(0.024, 0.15), (0.08, 0.172), (0.103, 0.2), (0.092, 0.27), WAIST, HIP, (0.085, 0.53)]
    )
    neck = smooth([(0.022, 0.1), (0.023, 0.135), (0.031, 0.158), (0.05, 0.17)])
    return [
        Part("trunk", "skin", [mirrored(trunk)]),
        Part("neck", "skin", [mirrored(neck)]),
    ]


def arm(pose: Pose, side: str) -> Part:
    """Return an arm with its hand, from the armhole on."""
    sign = SIDES[side]
    shoulder, elbow, wrist = pose.shoulder(side), pose.elbow(side), pose.wrist(side)
    inward = shoulder - np.array([sign * 0.016, -0.006])
    return Part(
        f"arm-{side}",
        "skin",
        [
            beyond_armhole(limb([inward, elbow], [0.056, 0.042]), side),
            place(shapes.circle(0.0212), elbow),
            limb([elbow, wrist], [0.043, 0.026]),
            *(_on_wrist(outline, pose, side) for outline in (_HAND, _THUMB)),
        ],
    )


def finger_lines(pose: Pose, side: str) -> list[Points]:
    """Return the thin lines between the fingers."""
    return [_on_wrist(line, pose, side) for line in _FINGERS]


def _on_wrist(outline: Points, pose: Pose, side: str) -> Points:
    """Put a part of the right hand on a wrist, the thumb towards the body."""
    wrist = pose.wrist(side)
    reach = wrist - pose.elbow(side)
    return place(outline * [1.0, SIDES[side]], wrist, angle=float(np.arctan2(reach[1], reach[0])))


def beyond_armhole(contour: Points, side: str) -> Points:
    """Cut off what of a contour lies on the body's side of the armhole, a slanting line."""
    return cut(contour, (SIDES[side], 0.1), 0.111)


def above_waist(contour: Points) -> Points:
    """Cut off what of a contour is tucked in."""
    return cut(contour, (0.0, -1.0), -0.402)


def head(haircut: str) -> list[Part]:
    """Return the head, the farthest part first."""
    crown = place(shapes.ellipse(0.047, 0.057), (0.0, 0.056))
    face = smooth(
        [(0.0, 0.02), (0.026, 0.026), (0.038, 0.05), (0.037, 0.078), (0.029, 0.106),
         (0.013, 0.126), (0.0, 0.129)]
    )  # fmt: skip
    ears = [place(shapes.ellipse(0.006, 0.012), (sign * 0.038, 0.075)) for sign in SIDES.values()]
    fringe = smooth(
        [(0.0, -0.001), (0.03, 0.006), (0.045, 0.035), (0.042, 0.066), (0.037, 0.05),
         (0.024, 0.034), (0.0, 0.03)]
    )  # fmt: skip
    parts = [Part("crown", "hair", [crown[crown[:, 1] < 0.08]])]
    if haircut != "long":
        parts.append(Part("ears", "skin", ears))
    parts += [Part("face", "skin", [mirrored(face)]), Part("fringe", "hair", [mirrored(fringe)])]
    return parts


@dataclass(frozen=True)
class Features:
    """Thin marks on a face.

    Attributes:
        dark: Eyes and brows.
        soft: The nose's shadow.
        lips: The mouth.
    """

    dark: Sequence[Points]
    soft: Sequence[Points]
    lips: Sequence[Points]


def features() -> Features:
    """Return the marks on a face that looks at the camera."""
    eyes = [place(shapes.ellipse(0.0062, 0.0027), (s * 0.0165, 0.072)) for s in SIDES.values()]
    brows = [
        stroke(smooth([(s * 0.008, 0.0625), (s * 0.017, 0.0595), (s * 0.0255, 0.0635)]), 0.0022)[0]
        for s in SIDES.values()
    ]
    nose = stroke(smooth([(-0.0055, 0.091), (0.0, 0.0945), (0.0055, 0.091)]), 0.0024)[0]
    mouth = smooth([(-0.0125, 0.1075), (-0.004, 0.1055), (0.0, 0.1065), (0.004, 0.1055),
                    (0.0125, 0.1075), (0.0, 0.1135)], closed=True, steps=4)  # fmt: skip
    return Features([*eyes, *brows], [nose], [mouth])
