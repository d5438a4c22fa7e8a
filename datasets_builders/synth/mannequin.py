"""From a scene's key to a photo of a whole figure and the caption that describes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import numpy as np

from ..base import MannequinRow
from ..synth import anatomy
from .captions import write_caption
from .cloth import Surface
from .figure import SIDES, Part
from .garments import Garment
from .identity import check_size, row_id
from .layers import Layers
from .photo import develop, to_bytes
from .raster import Floats, Patch, Points
from .shapes import rotation
from .streams import Factor, SceneKey
from .subject import Subject, draw_subject

_SEAM, _BUTTON, _SOLE = np.zeros(3), np.full(3, 0.9), np.full(3, 0.88)
_LIPS = np.array([0.72, 0.25, 0.27])
_FLAWS = 0.4  # of the camera, over the strength of the folds: a studio has a good one
# Folds are drawn for a square box; this one, in the figure's units, holds any garment.
_BOX_SIDE, _BOX_CORNER = 0.7, np.array([-0.35, 0.15])


def render_mannequin(key: SceneKey, *, size: int, conditioned: bool) -> MannequinRow:
    """Render one row.

    A scene is the same at every size but for the pixels' noise. The row's ``meta`` holds the
    facts that the caption states (see `captions.Facts`), the pattern's details (such as the
    wallpaper ``group``), and ``palette``, a list of RGB from 0 to 255, the ground first.

    Args:
        key: Which scene.
        size: Side of the photo in pixels, 64 to 1024.
        conditioned: Whether the row has its condition: the figure's silhouette, grey on black,
            the visible part of the patterned garment in white.

    Raises:
        TpgbenchError: The size is out of range.
    """
    check_size(size)
    subject, facts = draw_subject(key)
    layers = _Painter(subject, size).paint()
    garment = layers.visible["garment"]
    silhouette = np.repeat(0.5 * (layers.figure + garment)[..., None], 3, axis=2)
    flaws = _FLAWS * subject.outfit.strength
    image = develop(layers.image * subject.stage.tint, key.stream(Factor.NOISE), flaws)
    design = subject.outfit.pattern.design
    return MannequinRow(
        sample_id=row_id(key),
        caption=write_caption(key.stream(Factor.CAPTION), facts),
        condition=to_bytes(silhouette) if conditioned else None,
        mask=garment >= 0.5,
        image=to_bytes(image),
        garment_id=row_id(key),
        meta={
            **asdict(facts),
            "colours": list(facts.colours),
            **design.details,
            "palette": np.rint(255.0 * design.palette).astype(int).tolist(),
        },
    )


class _Painter:
    """Paints a subject, part by part, the farthest first."""

    def __init__(self, subject: Subject, size: int) -> None:
        person, pattern, camera = subject.person, subject.outfit.pattern, subject.camera
        stage = subject.stage
        self._subject = subject
        self._size = size
        self._layers = Layers(stage.on(size, camera), camera, stage.light)
        self._print = pattern.printed(pattern.worn, size * camera.scale)
        self._surfaces = {"skin": person.skin, "hair": person.hair, "shoes": person.shoes}

    def paint(self) -> Layers:
        """Paint all of it."""
        layers, person, pose = self._layers, self._subject.person, self._subject.pose
        outfit = self._subject.outfit
        self._body(anatomy.hair_behind(person.haircut))
        self._body(anatomy.lower_body(pose))
        layers.mark(anatomy.soles(pose), "shoes", _SOLE, 1.0)
        self._body(anatomy.torso())
        if outfit.companion:
            self._plain(outfit.companion.body)
        self._patterned(outfit.garment.body, np.eye(2), np.zeros(2))
        for nth, side in enumerate(SIDES):
            self._body([anatomy.arm(pose, side)])
            layers.mark(anatomy.finger_lines(pose, side), "skin", 0.6 * person.skin, 0.6)
            if outfit.companion and outfit.companion.sleeves:
                self._plain([anatomy.beyond_armhole(outfit.companion.sleeves[nth], side)])
            if outfit.garment.sleeves:
                # A sleeve is cut along its arm.
                turn = rotation(SIDES[side] * pose.arms[side])
                sleeve = anatomy.beyond_armhole(outfit.garment.sleeves[nth], side)
                self._patterned([sleeve], turn, pose.shoulder(side))
        if outfit.companion:
            self._sewing(outfit.companion, "companion")
        self._sewing(outfit.garment, "garment")
        self._body(anatomy.head(person.haircut))
        face = anatomy.features()
        layers.mark(face.dark, "skin", 0.5 * person.hair, 0.85)
        layers.mark(face.soft, "skin", 0.6 * person.skin, 0.6)
        layers.mark(face.lips, "skin", person.skin.max() * _LIPS, 0.7)
        return layers

    def _body(self, parts: Sequence[Part]) -> None:
        for part in parts:
            patch = self._layers.patch(part.contours)
            self._layers.lay(patch, part.surface, self._surfaces[part.surface])

    def _plain(self, panels: Sequence[Points]) -> None:
        patch = self._layers.patch(panels)
        shade = self._hang(patch).shade
        self._layers.lay(patch, "companion", self._subject.outfit.plain * shade[..., None])

    def _patterned(self, panels: Sequence[Points], turn: Floats, pivot: Floats) -> None:
        """Lay panels whose cloth is turned by a matrix (2, 2) about a point."""
        patch = self._layers.patch(panels)
        surface = self._hang(patch)
        where = patch.coverage > 0.0
        points = np.stack([surface.x[where], surface.y[where]], axis=1)
        x, y = ((points - pivot) @ turn.T + pivot).T
        cloth = np.zeros((*where.shape, 3))
        cloth[where] = self._print.at(x, y) * surface.shade[where][:, None]
        self._layers.lay(patch, "garment", cloth)

    def _hang(self, patch: Patch) -> Surface:
        """Return which point of the flat cloth, in the figure's units, each pixel shows."""
        camera, outfit = self._subject.camera, self._subject.outfit
        rows, columns = patch.window
        centres = (np.arange(self._size) + 0.5) / self._size
        x = (centres[columns] - camera.shift[0]) / camera.scale
        y = (centres[rows] - camera.shift[1]) / camera.scale
        surface = outfit.drape.on(
            (x - _BOX_CORNER[0]) / _BOX_SIDE,
            (y - _BOX_CORNER[1]) / _BOX_SIDE,
            self._subject.stage.light,
            outfit.strength,
        )
        return Surface(
            _BOX_SIDE * surface.x + _BOX_CORNER[0],
            _BOX_SIDE * surface.y + _BOX_CORNER[1],
            surface.shade,
        )

    def _sewing(self, garment: Garment, surface: str) -> None:
        self._layers.mark(garment.seams, surface, _SEAM, 0.3)
        if garment.buttons:
            self._layers.mark(garment.buttons, surface, _BUTTON, 0.9)
