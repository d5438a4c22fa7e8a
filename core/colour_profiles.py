"""Colour profiles: what a file's numbers mean, brought to sRGB."""

from __future__ import annotations

import io
from functools import lru_cache

import numpy as np
import PIL.Image
import PIL.ImageCms

_STEPS = 9  # of each channel on the grid on which a profile is compared with sRGB
_SAME = 2  # levels of 255 within which a profile counts as sRGB: rounding, other black points
_CHANNELS = {"L": 1, "RGB": 3, "CMYK": 4}


def to_srgb(picture: PIL.Image.Image) -> tuple[PIL.Image.Image, str | None]:
    """Convert a picture from its embedded colour profile to sRGB.

    Relative colorimetric, by LittleCMS. A profile that says sRGB in other words changes nothing.

    Args:
        picture: Of mode ``"L"``, ``"RGB"`` or ``"CMYK"``, without transparency; others are
            returned as they are.

    Returns:
        The picture, RGB where it was converted, and what was done in a few words; None for
        nothing.
    """
    profile = picture.info.get("icc_profile")
    if not isinstance(profile, bytes) or not profile or picture.mode not in _CHANNELS:
        return picture, None
    transform = _transform(profile, picture.mode)
    if isinstance(transform, str):
        return picture, transform
    if transform is None:
        return picture, None
    converted = PIL.ImageCms.applyTransform(picture, transform)
    if converted is None:  # only in place
        return picture, None
    return converted, "colour profile converted to sRGB"


@lru_cache(maxsize=32)
def _transform(profile: bytes, mode: str) -> PIL.ImageCms.ImageCmsTransform | str | None:
    """Return the way from a profile to sRGB, None if it is sRGB, or why there is none."""
    try:
        transform = PIL.ImageCms.buildTransform(
            PIL.ImageCms.ImageCmsProfile(io.BytesIO(profile)),
            PIL.ImageCms.createProfile("sRGB"),
            mode,
            "RGB",
            renderingIntent=PIL.ImageCms.Intent.RELATIVE_COLORIMETRIC,
        )
    except (PIL.ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return "damaged or unfit colour profile passed over"
    if mode == "CMYK":
        return transform
    grid = _grid(_CHANNELS[mode])
    converted = PIL.ImageCms.applyTransform(grid, transform)
    plain, changed = np.asarray(grid.convert("RGB"), np.int16), np.asarray(converted, np.int16)
    return None if np.abs(plain - changed).max() <= _SAME else transform


def _grid(channels: int) -> PIL.Image.Image:
    """Return a picture of all combinations of evenly spaced levels."""
    levels = np.rint(np.linspace(0, 255, _STEPS)).astype(np.uint8)
    values = np.stack(np.meshgrid(*[levels] * channels, indexing="ij"), axis=-1)
    pixels = values.reshape(_STEPS, -1, channels)
    return PIL.Image.fromarray(pixels[..., 0] if channels == 1 else pixels)
