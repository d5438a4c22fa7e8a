"""The garment before a plain background, without any weights.

The background is what is connected to the border and differs little from a smooth surface that is
fitted to the border, in CIELAB. Outlines hold it back, so a white garment on white is found by its
rim. What is darker than the background but of its hue counts half: it may be a shadow.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import PIL.Image
from numpy.typing import NDArray
from scipy import ndimage

from ...core.errors import TpgbenchError
from ...core.images import Image, Mask
from .base import FoundMask, Masker

VERSION = 1

_SIDE = 480  # of the longer side at which photos are looked at
_BAND = 0.03  # width of the border, as a share of the shorter side
_ROUNDS = 6  # of the robust fit
_MIN_DIFFERENCE = 5.0  # in CIELAB: what anyone sees
_SIGMAS = 4.0  # of the background's own noise
_SHADOW = 0.5  # weight of a difference in lightness towards the dark
_MIN_EDGE = 2.5  # lightness per pixel
_GAP = 2  # pixels: outlines are closed over gaps twice as wide
_PART = 0.15  # of the largest part: smaller ones are dropped

_MIN_PLAIN = 0.55  # share of the border that the background explains
_MAX_NOISE = 6.0  # in CIELAB
_AREAS = (0.03, 0.92)
_MAX_TOUCH = 0.25  # share of the border that the garment covers
_MAX_SECOND = 0.35  # of the largest part
_SKIN = (0.03, 0.6)  # share of what stands out
_SMOOTH = 8.0  # levels of 255 a pixel
_LIMB = 0.008  # of what stands out: the smallest piece of skin that counts


class PlainBackground(Masker):
    """Masks what stands out from a plain background."""

    name = "plain-background"

    def settings(self) -> Mapping[str, str]:
        """Return the version: it stands for all thresholds."""
        return {"version": str(VERSION)}

    def find(self, photo: Image) -> FoundMask:
        """Return what stands out, with its holes filled.

        Raises:
            TpgbenchError: Nothing stands out.
        """
        height, width = photo.shape[:2]
        scale = min(1.0, _SIDE / max(height, width))
        size = (max(16, round(width * scale)), max(16, round(height * scale)))
        small = PIL.Image.fromarray(photo).resize(size, PIL.Image.Resampling.BOX)
        pixels = np.asarray(small, dtype=np.uint8)
        lab = _lab(pixels)
        background = _fit_background(lab)
        found = _stand_out(lab, background)
        if not found.any():
            plain = _is_plain(background)
            why = "nothing stands out" if plain else "the background is not plain"
            raise TpgbenchError(f"{why}: draw a mask, or name a segmentation model by --masks")
        doubt = _doubt(found, background, pixels)
        mask = _largest(found)
        grey = PIL.Image.fromarray(mask.astype(np.uint8) * np.uint8(255))
        full = grey.resize((width, height), PIL.Image.Resampling.BICUBIC)
        return FoundMask(np.asarray(full) >= 128, doubt)


class _Background:
    """The background's surface, and how well the border bears it out."""

    def __init__(self, difference: NDArray[np.float64], plain: float, noise: float) -> None:
        self.difference = difference  # of each pixel from the surface, (height, width)
        self.plain = plain  # share of the border that it explains
        self.noise = noise

    @property
    def threshold(self) -> float:
        return max(_MIN_DIFFERENCE, _SIGMAS * self.noise)


def _lab(pixels: Image) -> NDArray[np.float64]:
    from skimage.color import rgb2lab

    lab: NDArray[np.float64] = rgb2lab(pixels)
    return lab


def _fit_background(lab: NDArray[np.float64]) -> _Background:
    height, width = lab.shape[:2]
    rows, columns = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    terms = np.stack(
        [np.ones_like(rows), rows, columns, rows * columns, rows**2, columns**2], axis=-1
    )
    band = _border(height, width)
    values, design = lab[band], terms[band]
    # Begun from the commonest colour of the border: what the garment covers of it is no majority.
    centre = _mode(values)
    near = np.linalg.norm(values - centre, axis=1) < 4 * _MIN_DIFFERENCE
    noise = _MIN_DIFFERENCE
    surface = np.zeros((terms.shape[-1], 3))
    surface[0] = centre
    for _ in range(_ROUNDS):
        if near.sum() < 10 * terms.shape[-1]:
            break
        surface = np.linalg.lstsq(design[near], values[near], rcond=None)[0]
        residual = np.linalg.norm(values - design @ surface, axis=1)
        noise = float(np.median(residual[near])) / 1.54  # of a normal distribution in three axes
        near = residual < max(_MIN_DIFFERENCE, _SIGMAS * noise)
    offset = lab - terms @ surface
    lightness = np.where(offset[..., 0] < 0, _SHADOW, 1.0) * offset[..., 0]
    difference = np.sqrt(lightness**2 + offset[..., 1] ** 2 + offset[..., 2] ** 2)
    return _Background(difference, float(near.mean()), noise)


def _border(height: int, width: int) -> Mask:
    thick = max(2, round(_BAND * min(height, width)))
    band = np.ones((height, width), np.bool_)
    band[thick:-thick, thick:-thick] = False
    return band


def _mode(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean of the fullest cell of colours, and of its neighbours."""
    cells = np.floor(values / 6).astype(np.int64)
    found, places, counts = np.unique(cells, axis=0, return_inverse=True, return_counts=True)
    fullest = found[counts.argmax()]
    near = np.abs(found - fullest).max(axis=1) <= 1
    chosen: NDArray[np.float64] = values[near[places.reshape(-1)]].mean(axis=0)
    return chosen


def _stand_out(lab: NDArray[np.float64], background: _Background) -> Mask:
    """Return what the background does not reach from the border."""
    smooth = ndimage.gaussian_filter(lab, (1, 1, 0))
    steps = [
        ndimage.sobel(smooth[..., channel], axis) / 8 for channel in range(3) for axis in (0, 1)
    ]
    edge = np.sqrt(sum(step**2 for step in steps))
    rim = edge > max(_MIN_EDGE, 1.5 * background.noise)
    wall = (background.difference > background.threshold) | rim
    ball = ndimage.iterate_structure(ndimage.generate_binary_structure(2, 1), _GAP)
    closed = ndimage.binary_dilation(wall, ball)
    free = ~closed
    reached = _from_border(free)
    # Back to the wall, which was made thicker, and over the blurred side of its rim.
    wider = ndimage.iterate_structure(ndimage.generate_binary_structure(2, 1), _GAP + 1)
    alike = background.difference <= background.threshold
    reached = ndimage.binary_dilation(reached, wider, mask=alike | reached)
    found: Mask = ndimage.binary_fill_holes(~reached)
    return ndimage.binary_opening(found, ball)


def _from_border(free: Mask) -> Mask:
    labels, _ = ndimage.label(free)
    at_border = np.unique(np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]]))
    reached: Mask = np.isin(labels, at_border[at_border > 0])
    return reached


def _areas(found: Mask) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the number of the part that each pixel is in, 0 for none, and the parts' areas."""
    labels = np.asarray(ndimage.label(found)[0], np.intp)
    return labels, np.bincount(labels.ravel())[1:]


def _largest(found: Mask) -> Mask:
    labels, areas = _areas(found)
    kept = 1 + np.flatnonzero(areas >= _PART * areas.max())
    mask: Mask = np.isin(labels, kept)
    return mask


def _is_plain(background: _Background) -> bool:
    return background.plain >= _MIN_PLAIN and background.noise <= _MAX_NOISE


def _doubt(found: Mask, background: _Background, pixels: Image) -> str | None:
    """Return why a mask may be wrong."""
    _, areas = _areas(found)
    area = found.mean()
    edges = np.concatenate([found[0], found[-1], found[:, 0], found[:, -1]])
    if not _is_plain(background):
        return "the background is not plain"
    if not _AREAS[0] <= area <= _AREAS[1]:
        return f"{area:.0%} of the photo stands out"
    if edges.mean() > _MAX_TOUCH:
        return "what stands out runs off the photo"
    if len(areas) > 1 and np.sort(areas)[-2] > _MAX_SECOND * areas.max():
        return "several things stand out"
    if _shows_a_person(found, pixels):
        return "it seems to show a person"
    return None


def _shows_a_person(found: Mask, pixels: Image) -> bool:
    """Whether skin shows beside cloth, by its usual range of chroma."""
    chroma = np.asarray(PIL.Image.fromarray(pixels).convert("YCbCr"), np.int16)
    blue, red = chroma[..., 1], chroma[..., 2]
    skin = (blue >= 85) & (blue <= 127) & (red >= 132) & (red <= 170) & (chroma[..., 0] > 35)
    share = float(skin[found].mean())
    if not _SKIN[0] < share < _SKIN[1]:
        return False
    # A face, an arm or a leg is of one piece, and smoother than a print.
    light = ndimage.gaussian_filter(chroma[..., 0].astype(np.float64), 1)
    slope = np.hypot(ndimage.sobel(light, 0), ndimage.sobel(light, 1)) / 8
    smooth = slope < _SMOOTH
    _, areas = _areas(ndimage.binary_opening(skin & found & smooth, iterations=2))
    return bool(len(areas)) and areas.max() > _LIMB * found.sum()
