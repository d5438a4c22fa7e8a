"""The photo of a garment: figure, cloth, occluder, light and camera, put together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from ...core.images import Box, Image, Mask, square_box
from .camera import Camera, draw_camera
from .cloth import Surface, draw_drape, fix_gauge
from .figure import Pose, body, draw_pose
from .garments import GARMENTS
from .occluders import draw_occluder
from .pattern import Pattern
from .raster import Floats, fill, paint
from .scene import Scene, draw_scene, paint_solid
from .streams import Factor, SceneKey, pick

PHOTO_SCALE = 2  # the photo's side over the pattern's
_SEAM, _BUTTON = np.zeros(3), np.full(3, 0.9)
_BLUR = 0.005  # of the photo's side, at full strength
_NOISE = 0.025
_SHADOW = 0.35


@dataclass(frozen=True)
class Photo:
    """A rendered photo.

    Attributes:
        image: uint8 (side, side, 3).
        mask: True on the garment's visible pixels.
        box: The mask's square box: the frame of the aligned truth.
        garment: The garment's kind.
        occluder: What hides a part of it, or ``"none"``.
    """

    image: Image
    mask: Mask
    box: Box
    garment: str
    occluder: str


def to_bytes(image: Floats) -> Image:
    """Return an image of 0 to 1 as uint8, a half rounded up."""
    # Yarns mix to exact halves: without the margin their rounding would depend on the last bit.
    return np.floor(255.0 * np.clip(image, 0.0, 1.0) + (0.5 + 1e-6)).astype(np.uint8)


def photograph(key: SceneKey, pattern: Pattern, size: int, strength: float) -> Photo:
    """Photograph a garment made of a pattern.

    Args:
        key: The scene; its pattern stream is not used.
        pattern: What the garment is made of.
        size: Side of the pattern; the photo is `PHOTO_SCALE` times as large.
        strength: Of the distortion, 0 to 1.
    """
    side = PHOTO_SCALE * size
    shape = (side, side)
    rng = key.stream(Factor.GARMENT)
    kind = pick(rng, tuple(GARMENTS))
    pose = draw_pose(rng)
    garment = GARMENTS[kind](rng, pose)
    camera = draw_camera(rng, garment.panels)
    scene = draw_scene(key.stream(Factor.SCENE), kind, pose)
    occluder = draw_occluder(key.stream(Factor.OCCLUDER), garment, pose, camera, strength)

    silhouette = fill(camera.project(garment.panels, side), shape)
    hiding = camera.project(occluder.contours, side) if occluder else []
    cover = fill(hiding, shape).on(shape) if occluder else np.zeros(shape)
    visible = silhouette.on(shape) * (1.0 - cover)
    mask = visible >= 0.5
    box = square_box(mask)

    rows, columns = silhouette.window
    x = (np.arange(side)[columns] + 0.5 - box.left) / box.side
    y = (np.arange(side)[rows] + 0.5 - box.top) / box.side
    drape = draw_drape(key.stream(Factor.CLOTH), kind)
    surface = fix_gauge(drape.on(x, y, scene.light, strength), x, y, visible[rows, columns])
    shade = surface.shade
    if occluder:
        shade = shade * (1.0 - _SHADOW * soft_shadow(cover, scene.light)[rows, columns])

    image = scene.backdrop.on(side)
    _paint_figure(image, scene, pose, camera, occluder.replaces if occluder else None)
    cloth = _colours(surface, pattern, size, silhouette.coverage > 0.0)
    paint(image, silhouette, cloth * shade[..., None])
    paint(image, fill(camera.project(garment.seams, side), shape), _SEAM, opacity=0.3)
    if garment.buttons:
        paint(image, fill(camera.project(garment.buttons, side), shape), _BUTTON, opacity=0.9)
    if occluder:
        paint_solid(image, hiding, scene.surfaces[occluder.surface], scene.light)
    image = develop(image * scene.tint, key.stream(Factor.NOISE), strength)
    return Photo(to_bytes(image), mask, box, kind, occluder.kind if occluder else "none")


def _paint_figure(
    image: Floats, scene: Scene, pose: Pose, camera: Camera, replaced: str | None
) -> None:
    """Paint the body, but for the part that the occluder replaces, and its plain clothes."""
    for part in body(pose, scene.long_hair):
        if part.name != replaced:
            contours = camera.project(part.contours, len(image))
            paint_solid(image, contours, scene.surfaces[part.surface], scene.light)
    if scene.companion:
        contours = camera.project(scene.companion, len(image))
        paint_solid(image, contours, scene.surfaces["companion"], scene.light)


def _colours(surface: Surface, pattern: Pattern, size: int, where: Mask) -> Floats:
    """Return the unshaded cloth, (h, w, 3), where it is needed."""
    cloth = np.zeros((*where.shape, 3))
    cloth[where] = pattern.colours(pattern.worn, size, surface.x[where], surface.y[where])
    return cloth


def soft_shadow(cover: Floats, light: Floats) -> Floats:
    """Return the soft shadow, 0 to 1, of something a little in front of the cloth."""
    side = len(cover)
    offset = (-0.012 * side * light[:2]).round().astype(int)
    soft = ndimage.uniform_filter(cover, max(3, side // 48), mode="constant")
    return np.asarray(np.roll(soft, (offset[1], offset[0]), axis=(0, 1)))


def develop(image: Floats, rng: np.random.Generator, strength: float) -> Floats:
    """Blur a photo (side, side, 3) and add the sensor's noise; ``strength`` is from 0 to 1."""
    sigma = _BLUR * strength * len(image)
    blurred: Floats = ndimage.gaussian_filter(image, (sigma, sigma, 0.0), truncate=3.0)
    return blurred + _NOISE * strength * rng.standard_normal(image.shape)
