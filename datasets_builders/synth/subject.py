"""A dressed figure, its surroundings, and the facts that describe them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from ..synth import anatomy
from .anatomy import Person, draw_person
from .camera import Camera
from .captions import Facts
from .cloth import Drape, draw_drape
from .colours import COLOURS, dominant_words, draw_named
from .figure import SIDES, Pose
from .garments import GARMENTS, Garment
from .pattern import Layout, Pattern, draw_pattern
from .poses import POSES, draw_named_pose
from .raster import Floats, fill
from .stage import Stage, draw_stage
from .streams import Factor, SceneKey, pick

_COMPANIONS: Mapping[str, tuple[str, ...]] = {
    "tee": ("skirt", "trousers"),
    "shirt": ("skirt", "trousers"),
    "dress": (),
    "skirt": ("tee", "shirt"),
    "trousers": ("tee", "shirt"),
}
_TOPS = ("tee", "shirt")
# What a garment shows is judged on a grid of its own, or the caption would depend on the size.
_REFERENCE, _SHARP = 128, 400  # points and pixels a figure's height
_MARGIN = np.array([0.5, 0.05])  # left of and above the figure's origin
_LEAST_CONTRAST = 0.08  # mean standard deviation of a channel, of 1


@dataclass(frozen=True)
class Outfit:
    """What the figure wears.

    Attributes:
        garment: The patterned garment.
        pattern: What it is made of, laid out in the figure's units.
        drape: How it hangs.
        strength: Of its folds, 0 to 1.
        companion: The plain garment with it, or None.
        plain: The companion's colour, RGB from 0 to 1.
    """

    garment: Garment
    pattern: Pattern
    drape: Drape
    strength: float
    companion: Garment | None
    plain: Floats


@dataclass(frozen=True)
class Subject:
    """A dressed figure, ready to be photographed.

    Attributes:
        person: Who wears the outfit.
        pose: How they stand.
        outfit: What they wear.
        stage: Where they stand.
        camera: Where they are on the photo.
    """

    person: Person
    pose: Pose
    outfit: Outfit
    stage: Stage
    camera: Camera


def draw_subject(key: SceneKey) -> tuple[Subject, Facts]:
    """Draw a dressed figure and its surroundings, and return the facts that describe them."""
    rng = key.stream(Factor.GARMENT)
    kind, pose_name = pick(rng, tuple(GARMENTS)), pick(rng, POSES)
    pose = draw_named_pose(rng, pose_name)
    garment = GARMENTS[kind](rng, pose)
    pattern, colours = _draw_visible(key.stream(Factor.PATTERN), garment)
    scene = key.stream(Factor.SCENE)
    stage = draw_stage(scene)
    person = draw_person(scene)
    plain_name, plain = draw_named(scene, set(COLOURS) - set(colours))
    companion = None
    if _COMPANIONS[kind]:
        companion = _tucked(GARMENTS[pick(scene, _COMPANIONS[kind])](scene, pose))
    cloth = key.stream(Factor.CLOTH)
    drape, strength = draw_drape(cloth, kind), cloth.uniform(0.15, 0.35)
    outfit = Outfit(garment, pattern, drape, strength, companion, plain)
    facts = Facts(
        garment=kind,
        family=pattern.family,
        colours=colours,
        companion=companion.kind if companion else None,
        companion_colour=plain_name if companion else None,
        pose=pose_name,
        background=stage.background,
        wall=stage.wall,
    )
    return Subject(person, pose, outfit, stage, _aim(scene, pose, outfit)), facts


def _draw_visible(rng: np.random.Generator, garment: Garment) -> tuple[Pattern, tuple[str, ...]]:
    """Draw a pattern that can be seen on a garment, and name the colours that it shows there.

    The garment may miss every motif of a pattern, and some have hardly any contrast.
    """
    shape = (_REFERENCE, _REFERENCE)
    silhouette = fill([_REFERENCE * (panel + _MARGIN) for panel in garment.panels], shape)
    rows, columns = np.nonzero(silhouette.on(shape) >= 0.5)
    x, y = (columns + 0.5) / _REFERENCE - _MARGIN[0], (rows + 0.5) / _REFERENCE - _MARGIN[1]
    while True:
        pattern = _enlarged(draw_pattern(rng))
        shown = pattern.printed(pattern.worn, _SHARP).at(x, y)
        if shown.std(axis=0).mean() >= _LEAST_CONTRAST:
            return pattern, dominant_words(shown, pattern.design.palette)


def _tucked(garment: Garment) -> Garment:
    """Return a garment that ends at the waist if it is a top."""
    if garment.kind not in _TOPS:
        return garment
    return replace(garment, body=[anatomy.above_waist(panel) for panel in garment.body])


def _enlarged(pattern: Pattern) -> Pattern:
    """Return a pattern laid out in the figure's units, so that it can be seen from afar.

    Periods become more alike: the finest can still be seen, and the largest fit on a shirt.
    """
    period = 0.11 * (pattern.worn.period / 0.25) ** 0.6
    lattice = pattern.worn.lattice * (period / pattern.worn.period)
    return replace(pattern, worn=Layout(lattice, pattern.worn.phase))


def _aim(rng: np.random.Generator, pose: Pose, outfit: Outfit) -> Camera:
    """Aim at the whole figure, from the hands or the head to the soles."""
    contours = [
        *(contour for side in SIDES for contour in anatomy.arm(pose, side).contours),
        *outfit.garment.panels,
        np.array([[0.0, -0.035], [0.0, 1.005]]),
    ]
    points = np.concatenate(contours)
    low, high = points.min(axis=0), points.max(axis=0)
    scale = rng.uniform(0.88, 0.94) / float((high - low).max())
    centre = 0.5 + 0.02 * rng.uniform(-1.0, 1.0, 2)
    return Camera(scale, 0.0, centre - 0.5 * scale * (low + high))
