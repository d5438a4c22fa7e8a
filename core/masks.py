"""Reading a mask by what its file means: which pixels are garment."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from .errors import TpgbenchError
from .images import MASK_THRESHOLD, Image, Mask, open_upright

_NEAR = 48  # levels of 255 within which a pixel counts as black or white: JPEG, soft edges
_MAX_BETWEEN = 0.3  # share of pixels between black and white that soft edges of a mask may take
_COLOURFUL = 64  # difference of channels from which on a pixel has a colour
_MAX_COLOURFUL = 0.02  # share of pixels with a colour that damage by JPEG may take
_FEW = 0.001  # share of pixels below which a value is a stray
_WHITES = (255.0, 65_535.0)  # of 8 and 16 bits
_SHOWN = 6  # values that an error names
_FULL = 0.995
_BORDER = 0.75  # share of the border from which on a mask looks inverted


def read_mask(source: Path | bytes, name: str) -> Mask:
    """Decode a mask: True on the garment.

    White is garment and black is not, in any mode; grey counts from 128 on. A mask of just two
    values of which one is 0 (0 and 1, black and red, two entries of a palette) marks where it is
    not 0. A mask with transparency marks what is opaque; if what is opaque is black and white
    itself, it marks the white of that.

    Args:
        source: A file, or the encoded bytes.
        name: Its name in error messages.

    Raises:
        TpgbenchError: As `read_image`; or the file is no mask: a photo, a map of several labels,
            or values that do not say which of them is the garment.
    """
    picture = open_upright(source, name).picture
    if picture.has_transparency_data:
        layer = np.asarray(picture.convert("RGBA"))
        opaque = layer[..., 3] >= MASK_THRESHOLD
        if not opaque.any():
            raise TpgbenchError(
                f"{name}: the mask is transparent everywhere; draw the garment opaque, or in white"
            )
        if not (layer[..., 3] == layer[0, 0, 3]).all():
            return _cut_out(layer[..., :3], opaque)
        picture = PIL.Image.fromarray(layer[..., :3].copy())
    if picture.mode in ("1", "L", "I", "F") or picture.mode.startswith("I;16"):
        return _grey(picture, name)
    colours = np.asarray(picture.convert("RGB"))
    return _coloured(colours, name)


def opaque_part(source: Path | bytes, name: str) -> Mask | None:
    """Return what is opaque of a photo that is transparent in part, as a cut-out is; else None.

    Raises:
        TpgbenchError: As `read_image`.
    """
    picture = open_upright(source, name).picture
    if not picture.has_transparency_data:
        return None
    opaque = np.asarray(picture.convert("RGBA"))[..., 3] >= MASK_THRESHOLD
    return opaque if opaque.any() and not opaque.all() else None


def mask_warning(mask: Mask) -> str | None:
    """Return what looks wrong with a mask, or None: it covers all, or it looks inverted.

    Args:
        mask: bool (height, width).
    """
    if mask.mean() > _FULL:
        return "marks the whole photo as garment"
    border = np.concatenate([mask[0], mask[-1], mask[:, 0], mask[:, -1]])
    height, width = mask.shape
    centre = mask[height // 4 : height - height // 4, width // 4 : width - width // 4]
    if border.mean() > _BORDER and centre.mean() < 0.5:
        return "looks inverted: it marks the border and not the centre"
    return None


def _cut_out(colours: Image, opaque: Mask) -> Mask:
    """Return the mask of a picture that is transparent in part."""
    visible = colours[opaque]
    white = (visible >= 255 - _NEAR).all(axis=-1)
    black = (visible <= _NEAR).all(axis=-1)
    if (white | black).mean() > 1 - _MAX_COLOURFUL and min(white.mean(), black.mean()) > _FEW:
        return opaque & (colours >= MASK_THRESHOLD).all(axis=-1)
    return opaque


def _grey(picture: PIL.Image.Image, name: str) -> Mask:
    if picture.mode == "1":
        # Not as it is: its bytes would be 0 and 255, and torch takes them as they are.
        return np.asarray(picture.convert("L")) > 0
    if picture.mode == "L":  # by its histogram: masks are large, and this is done for each
        counts = np.array(picture.histogram())
        found = np.flatnonzero(counts).astype(np.float64)
        marks = np.zeros(256, np.bool_)
        marks[found.astype(int)] = _marked(found, counts[counts > 0], name)
        marked: Mask = marks[np.asarray(picture)]
        return marked
    values = np.asarray(picture).astype(np.float64)
    if not np.isfinite(values).all():
        raise TpgbenchError(f"{name}: the mask holds NaN or infinite values; write 0 and 255")
    found, places, numbers = np.unique(values, return_inverse=True, return_counts=True)
    return _marked(found, numbers, name)[places].reshape(values.shape)


def _marked(found: NDArray[np.float64], counts: NDArray[np.intp], name: str) -> NDArray[np.bool_]:
    """Return which of a mask's values are garment.

    Args:
        found: The values, ascending.
        counts: How many pixels have each.
        name: The mask's name in an error.
    """
    if found.tolist() in ([0.0], [1.0]) or (len(found) == 2 and found[0] == 0):
        return found > 0
    top = found[-1]
    white = next((one for one in _WHITES if top <= one), None)
    if found[0] < 0 or white is None or top < white / 2:
        raise TpgbenchError(
            f"{name}: the mask's values ({_listed(found)}) do not say which are the garment; write "
            "255 on it and 0 elsewhere"
        )
    level = found * (255 / white)
    between = counts[(level > _NEAR) & (level < 255 - _NEAR)].sum() / counts.sum()
    if between > _MAX_BETWEEN:
        raise TpgbenchError(
            f"{name}: is no mask: {between:.0%} of its pixels are neither black nor white; write "
            "255 on the garment and 0 elsewhere"
        )
    marked: NDArray[np.bool_] = level >= MASK_THRESHOLD
    return marked


def _coloured(colours: Image, name: str) -> Mask:
    spread = colours.max(axis=-1).astype(np.int16) - colours.min(axis=-1)
    if (spread > _COLOURFUL).mean() <= _MAX_COLOURFUL:
        return _grey(PIL.Image.fromarray(colours).convert("L"), name)
    packed = colours.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32)
    found, counts = np.unique(packed, return_counts=True)
    if len(found) == 2 and found[0] == 0:
        return packed > 0
    # A palette's or a parse map's labels, or a photo.
    most = [f"#{value:06x}" for value in found[np.argsort(-counts)][:_SHOWN]]
    raise TpgbenchError(
        f"{name}: is no mask but a picture in colours ({len(found):,}, most often "
        f"{', '.join(most)}); write white on the garment and black elsewhere"
    )


def _listed(values: NDArray[np.float64]) -> str:
    if len(values) == 1:
        return f"{values[0]:g} only"
    if len(values) <= _SHOWN:
        return f"{', '.join(f'{one:g}' for one in values[:-1])} and {values[-1]:g}"
    return f"{len(values):,} values from {values[0]:g} to {values[-1]:g}"
