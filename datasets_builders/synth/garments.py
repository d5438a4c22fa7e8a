"""Garments cut to a pose: panels that unite to the silhouette, and the lines sewn on them.

Units are the figure's (see `figure`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..synth import shapes
from .figure import SIDES, Pose, limb, mirrored
from .raster import Points
from .shapes import place, smooth, stroke


@dataclass(frozen=True)
class Garment:
    """A garment's outlines.

    Attributes:
        kind: A key of `GARMENTS`.
        body: Closed contours of all but the sleeves.
        sleeves: Closed contours, in the order of `SIDES`; or none.
        seams: Contours of thin darker lines: seams, hems, plackets.
        buttons: Contours of light buttons.
    """

    kind: str
    body: Sequence[Points]
    sleeves: Sequence[Points]
    seams: Sequence[Points]
    buttons: Sequence[Points] = ()

    @property
    def panels(self) -> list[Points]:
        """All contours of cloth; the silhouette is their union."""
        return [*self.body, *self.sleeves]


_SEAM = 0.0035
_HANGING = 0.55  # radians: an arm held no farther out hangs


def _seam(*points: Sequence[float]) -> Points:
    return stroke(smooth(points), _SEAM)[0]


def _bodice(
    rng: np.random.Generator, neck: float, scoop: float, hem: tuple[float, float]
) -> Points:
    """Return the front from the shoulders to ``hem`` (half width, y)."""
    waist = rng.uniform(0.078, 0.098)
    side = smooth(
        [
            (neck, 0.157),
            (0.112, 0.176),
            (0.112, 0.215),
            (0.1, 0.28),
            (max(waist, hem[0] - 0.03), 0.385),
            hem,
        ]
    )
    drop = 0.006 * rng.random()
    bottom = smooth([hem, (0.5 * hem[0], hem[1] + 0.7 * drop), (0.0, hem[1] + drop)])
    return mirrored(np.vstack([_neckline(neck, scoop), side, bottom[1:]]))


def _neckline(neck: float, scoop: float) -> Points:
    """Return the right half of a parabola from its lowest point to just before the shoulder."""
    x = np.linspace(0.0, neck, 8)[:-1]
    return np.stack([x, 0.157 + scoop * (1.0 - (x / neck) ** 2)], axis=1)


def _sleeve(pose: Pose, side: str, length: float, cuff: float) -> tuple[Points, Points]:
    """Return a sleeve and its cuff's seam; ``length`` 1 ends at the elbow, 2 at the wrist."""
    sign = SIDES[side]
    shoulder, elbow, wrist = pose.shoulder(side), pose.elbow(side), pose.wrist(side)
    # The sleeve of a lifted arm is set in lower, where the armhole is.
    lift = min(max(pose.arms[side] - _HANGING, 0.0), 1.0)
    start = shoulder - np.array([sign * 0.028, -0.012 - 0.014 * lift])
    top = 0.1 - 0.02 * lift
    if length <= 1.0:
        joints = [start, shoulder + length * (elbow - shoulder)]
        widths = [top, cuff]
    else:
        joints = [start, elbow, elbow + (length - 1.0) * (wrist - elbow)]
        widths = [top, 0.5 * (0.074 + cuff), cuff]
    sleeve = limb(joints, widths)
    middle = len(sleeve) // 2
    edge, before = sleeve[middle - 1 : middle + 1], sleeve[[middle - 2, middle + 1]]
    back = before.mean(axis=0) - edge.mean(axis=0)
    return sleeve, stroke(edge + 0.012 * back / np.hypot(*back), _SEAM)[0]


def _armholes() -> list[Points]:
    return [_seam((s * 0.1, 0.172), (s * 0.088, 0.21), (s * 0.094, 0.25)) for s in SIDES.values()]


def tee(rng: np.random.Generator, pose: Pose) -> Garment:
    """Cut a T-shirt."""
    neck, scoop = rng.uniform(0.036, 0.052), rng.uniform(0.022, 0.05)
    hem = (rng.uniform(0.088, 0.112), rng.uniform(0.46, 0.54))
    length, cuff = rng.uniform(0.5, 0.8), rng.uniform(0.066, 0.09)
    sleeves = [_sleeve(pose, side, length, cuff) for side in SIDES]
    collar = np.linspace(-1.0, 1.0, 15)
    rib = np.stack([(neck + 0.008) * collar, 0.163 + (scoop + 0.005) * (1.0 - collar**2)], axis=1)
    seams = [
        *(seam for _, seam in sleeves),
        *_armholes(),
        stroke(rib, _SEAM)[0],
        _seam((-hem[0], hem[1] - 0.012), (0.0, hem[1] - 0.009), (hem[0], hem[1] - 0.012)),
    ]
    bodice = _bodice(rng, neck, scoop, hem)
    return Garment("tee", [bodice], [sleeve for sleeve, _ in sleeves], seams)


def shirt(rng: np.random.Generator, pose: Pose) -> Garment:
    """Cut a long-sleeved shirt with a collar, a placket and buttons."""
    hem = (rng.uniform(0.09, 0.112), rng.uniform(0.49, 0.56))
    sleeves = [_sleeve(pose, side, rng.uniform(1.86, 1.98), 0.046) for side in SIDES]
    collars = [
        np.array([[s * 0.03, 0.15], [s * 0.05, 0.163], [s * 0.034, 0.205], [0.0, 0.186]])
        for s in SIDES.values()
    ]
    seams = [
        *(seam for _, seam in sleeves),
        *_armholes(),
        *(stroke(collar[1:], _SEAM)[0] for collar in collars),
        *(_seam((x, 0.19), (x, 0.3), (x, hem[1])) for x in (-0.009, 0.009)),
    ]
    rows = np.arange(0.215, hem[1] - 0.02, 0.05)
    buttons = [place(shapes.circle(0.0045, 12), (0.0, y)) for y in rows]
    body = [_bodice(rng, 0.034, 0.024, hem), *collars]
    return Garment("shirt", body, [sleeve for sleeve, _ in sleeves], seams, buttons)


def dress(rng: np.random.Generator, pose: Pose) -> Garment:
    """Cut a dress with or without sleeves."""
    flare, hem = rng.uniform(0.1, 0.22), rng.uniform(0.64, 0.82)
    neck, scoop = rng.uniform(0.04, 0.054), rng.uniform(0.03, 0.075)
    sleeved = rng.random() < 0.5
    outer = 0.11 if sleeved else 0.098
    side = smooth(
        [
            (neck, 0.157),
            (outer, 0.174),
            (0.09, 0.25 if sleeved else 0.225),
            (0.094, 0.275),
            (rng.uniform(0.072, 0.082), 0.385),
            (0.086 + 0.25 * (flare - 0.08), 0.47),
            (0.04 + 0.6 * flare, 0.47 + 0.55 * (hem - 0.47)),
            (flare, hem),
        ]
    )
    bottom = smooth([(flare, hem), (0.55 * flare, hem + 0.012), (0.0, hem + 0.016)])
    body = mirrored(np.vstack([_neckline(neck, scoop), side, bottom[1:]]))
    sleeves = []
    seams = [_seam((-0.074, 0.388), (0.0, 0.393), (0.074, 0.388))]
    if sleeved:
        length = rng.uniform(0.4, 0.9)
        for name in SIDES:
            sleeve, cuff = _sleeve(pose, name, length, 0.07)
            sleeves.append(sleeve)
            seams.append(cuff)
        seams += _armholes()
    return Garment("dress", [body], sleeves, seams)


def skirt(rng: np.random.Generator, pose: Pose) -> Garment:
    """Cut a skirt, from a pencil to a full circle."""
    flare, hem = rng.uniform(0.1, 0.24), rng.uniform(0.63, 0.84)
    side = smooth(
        [
            (0.073, 0.385),
            (0.08, 0.41),
            (max(0.098, 0.5 * flare), 0.48),
            (0.03 + 0.8 * flare, 0.48 + 0.55 * (hem - 0.48)),
            (flare, hem),
        ]
    )
    bottom = smooth([(flare, hem), (0.55 * flare, hem + 0.014), (0.0, hem + 0.02)])
    top = np.array([[0.0, 0.392]])
    seams = [_seam((-0.078, 0.405), (0.0, 0.412), (0.078, 0.405))]
    return Garment("skirt", [mirrored(np.vstack([top, side, bottom[1:]]))], [], seams)


def trousers(rng: np.random.Generator, pose: Pose) -> Garment:
    """Cut trousers, from slim to wide, cropped or full."""
    hem = rng.uniform(0.84, 0.95)
    knee, cuff = rng.uniform(0.04, 0.058), rng.uniform(0.03, 0.07)
    panels = []
    for sign in SIDES.values():
        foot = sign * pose.stance * 1.08
        middle = 0.5 * (foot + sign * 0.055)
        outer = smooth(
            [
                (sign * 0.074, 0.385),
                (sign * 0.1, 0.47),
                (sign * 0.104, 0.54),
                (middle + sign * knee, 0.72),
                (foot + sign * cuff, hem),
            ]
        )
        inner = smooth(
            [
                (foot - sign * cuff * 0.8, hem),
                (middle - sign * knee * 0.85, 0.72),
                (sign * 0.002, 0.545),
                (-sign * 0.004, 0.5),
            ]
        )
        panels.append(np.vstack([outer, inner, [(-sign * 0.004, 0.398)]]))
    seams = [
        _seam((-0.08, 0.404), (0.0, 0.416), (0.08, 0.404)),
        _seam((0.0, 0.416), (0.003, 0.46), (0.0, 0.535)),
        *(_seam((s * 0.06, 0.41), (s * 0.075, 0.43), (s * 0.096, 0.45)) for s in SIDES.values()),
    ]
    return Garment("trousers", panels, [], seams)


GARMENTS: Mapping[str, Callable[[np.random.Generator, Pose], Garment]] = {
    "tee": tee,
    "shirt": shirt,
    "dress": dress,
    "skirt": skirt,
    "trousers": trousers,
}
