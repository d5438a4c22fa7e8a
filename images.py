"""Images as arrays, and reading them safely.

Throughout tpgbench an image is a uint8 array of shape (height, width, 3), RGB, 0 to 255, and a
mask is a bool array of shape (height, width), True where the garment is.
"""

from __future__ import annotations

import io
import struct
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import PIL.Image
import PIL.ImageOps
from numpy.typing import NDArray

from .errors import TpgbenchError

Image = NDArray[np.uint8]
Mask = NDArray[np.bool_]

MIN_SIDE = 16
MAX_SIDE = 16_384
MASK_THRESHOLD = 128  # a JPEG mask is not exactly binary

# What Pillow raises on damaged files; the last four come from damaged EXIF and TIFF tags.
_DAMAGE = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    ArithmeticError,
    LookupError,
    TypeError,
    struct.error,
)


@dataclass(frozen=True)
class Box:
    """A square window on an image, in whole pixels; it may reach beyond the image's edges."""

    left: int
    top: int
    side: int


def read_image(source: Path | bytes, name: str) -> Image:
    """Decode a picture to RGB, turned upright by its EXIF orientation; alpha lies on white.

    Args:
        source: A file, or the encoded bytes.
        name: What to call it in an error.

    Raises:
        TpgbenchError: Unreadable, truncated, or with a side outside 16 to 16,384 pixels.
    """
    picture = _open(source, name)
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        layer = picture.convert("RGBA")
        picture = PIL.Image.new("RGBA", layer.size, "white")
        picture.alpha_composite(layer)
    return np.asarray(picture.convert("RGB"), dtype=np.uint8)


def read_mask(source: Path | bytes, name: str) -> Mask:
    """Decode a mask: True where its grey value is at least 128.

    Raises:
        TpgbenchError: As `read_image`.
    """
    return np.asarray(_open(source, name).convert("L")) >= MASK_THRESHOLD


def _open(source: Path | bytes, name: str) -> PIL.Image.Image:
    try:
        with warnings.catch_warnings():
            # Our own limit is on the sides, checked before anything is decoded.
            warnings.simplefilter("ignore", PIL.Image.DecompressionBombWarning)
            picture = PIL.Image.open(io.BytesIO(source) if isinstance(source, bytes) else source)
            check_size(picture.size, name)
            picture.load()
            upright = PIL.ImageOps.exif_transpose(picture)
    except PIL.Image.DecompressionBombError as error:
        raise TpgbenchError(
            f"{name}: {error}; shrink it to {MAX_SIDE} px a side at most"
        ) from error
    except _DAMAGE as error:
        # Pillow's own words on an unknown format hold an address in memory.
        unknown = isinstance(error, PIL.UnidentifiedImageError)
        reason = "unknown format" if unknown else error
        raise TpgbenchError(
            f"{name}: cannot be read as an image ({reason}); replace or remove it"
        ) from error
    if upright.mode.startswith("I;16") or upright.mode in ("I", "F"):
        # Pillow clips such values instead of scaling them.
        array = np.asarray(upright, dtype=np.float64)
        scale = 255.0 / 65535.0 if array.max(initial=0) > 255 else 1.0
        return PIL.Image.fromarray(np.rint(np.clip(array * scale, 0, 255)).astype(np.uint8))
    return upright


def check_size(size: tuple[int, int], name: str) -> None:
    """Refuse a picture too small to measure or too large to hold.

    Raises:
        TpgbenchError: A side is outside 16 to 16,384 pixels.
    """
    width, height = size
    if min(size) < MIN_SIDE or max(size) > MAX_SIDE:
        raise TpgbenchError(
            f"{name}: {width}x{height} px; each side must be from {MIN_SIDE} to {MAX_SIDE} px: "
            "resize it or leave it out"
        )


def png_bytes(image: Image | Mask) -> bytes:
    """Encode as PNG, quickly: the same array always gives the same bytes."""
    array = image.astype(np.uint8) * 255 if image.dtype == np.bool_ else image
    buffer = io.BytesIO()
    PIL.Image.fromarray(array).save(buffer, format="PNG", compress_level=1)
    return buffer.getvalue()


def square_box(mask: Mask) -> Box:
    """Return the smallest square around a mask, centred on it to the pixel.

    Raises:
        TpgbenchError: The mask is empty.
    """
    rows = np.flatnonzero(mask.any(axis=1))
    columns = np.flatnonzero(mask.any(axis=0))
    if rows.size == 0:
        raise TpgbenchError("the mask is empty: it marks no pixel of the garment")
    height = int(rows[-1] - rows[0]) + 1
    width = int(columns[-1] - columns[0]) + 1
    side = max(height, width)
    return Box(
        left=int(columns[0]) - (side - width) // 2,
        top=int(rows[0]) - (side - height) // 2,
        side=side,
    )
