"""Images as arrays, and reading them safely.

Throughout tpgbench an image is a uint8 array of shape (height, width, 3), RGB, 0 to 255, and a
mask is a bool array of shape (height, width), True where the garment is.
"""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import IO

import numpy as np
import PIL.ExifTags
import PIL.Image
import PIL.ImageOps
from numpy.typing import NDArray

from .errors import TpgbenchError

Image = NDArray[np.uint8]
Mask = NDArray[np.bool_]

MIN_SIDE = 16
MAX_SIDE = 16_384
MASK_THRESHOLD = 128  # a JPEG mask is not exactly binary
_MAX_16_BITS = 65_535
_SIGNATURE_BYTES = 16  # enough for Pillow to recognise a format

# The formats of photos and their file name extensions. Pillow knows more, some of which start
# other programs (EPS) or hold no pixels (WMF). JPEG includes MPO, which some cameras write.
FORMAT_SUFFIXES = {
    "JPEG": (".jpg", ".jpeg"),
    "PNG": (".png",),
    "WEBP": (".webp",),
    "BMP": (".bmp",),
    "TIFF": (".tif", ".tiff"),
    "GIF": (".gif",),
}
FORMATS = tuple(FORMAT_SUFFIXES)
PICTURE_SUFFIXES = frozenset(chain.from_iterable(FORMAT_SUFFIXES.values()))

# Raised by Pillow on damaged files; the last four come from damaged EXIF and TIFF tags.
DAMAGE = (
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
    """A square window on an image, in whole pixels; it may extend beyond the image."""

    left: int
    top: int
    side: int


@dataclass(frozen=True)
class Photo:
    """A decoded photo, its format, and how it was changed.

    Attributes:
        pixels: The photo as it should be seen, uint8 (height, width, 3).
        format: Pillow's name of the file's format, from its content: ``"JPEG"``.
        changes: What was done to the file's pixels, a few words each: ``"turned upright by its
            EXIF orientation"``. Empty if any decoder gives the same pixels.
    """

    pixels: Image
    format: str
    changes: tuple[str, ...]


def read_image(source: Path | bytes, name: str) -> Image:
    """Decode a photo to RGB, as `read_photo` does.

    Args:
        source: A file, or the encoded bytes.
        name: Its name in error messages.

    Raises:
        TpgbenchError: Unreadable, truncated, with a side outside 16 to 16,384 pixels, or of
            floating-point or 32-bit values.
    """
    return read_photo(source, name).pixels


def read_photo(source: Path | bytes, name: str) -> Photo:
    """Decode a photo to RGB and list what was changed.

    It is turned upright by its EXIF orientation; transparency is composited on white; the first
    frame of an animation is used; 16-bit grey is divided by 257, however dark it is; CMYK is
    converted without its profile.

    Args:
        source: A file, or the encoded bytes.
        name: Its name in error messages.

    Raises:
        TpgbenchError: As `read_image`.
    """
    opened = _open(source, name)
    picture, changes = opened.picture, list(opened.changes)
    if picture.has_transparency_data:
        layer = picture.convert("RGBA")
        picture = PIL.Image.new("RGBA", layer.size, "white")
        picture.alpha_composite(layer)
        changes.append("transparency laid on white")
    elif picture.mode != "RGB":
        changes.append(f"mode {picture.mode} converted to RGB")
    pixels = np.asarray(picture.convert("RGB"), dtype=np.uint8)
    return Photo(pixels, opened.format, tuple(changes))


def read_mask(source: Path | bytes, name: str) -> Mask:
    """Decode a mask: True where its grey value is at least 128.

    Raises:
        TpgbenchError: As `read_image`.
    """
    return np.asarray(_open(source, name).picture.convert("L")) >= MASK_THRESHOLD


@dataclass(frozen=True)
class _Opened:
    """An upright image of at most 8 bits per channel."""

    picture: PIL.Image.Image
    format: str
    changes: tuple[str, ...]


def open_picture(stream: IO[bytes]) -> PIL.Image.Image:
    """Open an image without decoding it, as `PIL.Image.open` does, but only of `FORMATS`.

    Pillow's limit on the number of pixels is global and anyone may change it, so it is not used.
    The caller must call `check_size` before decoding.

    Args:
        stream: An encoded image, which must stay open until it is decoded.

    Raises:
        PIL.UnidentifiedImageError: It has none of the formats. A damaged image raises one of
            `DAMAGE`.
    """
    PIL.Image.init()
    start = stream.read(_SIGNATURE_BYTES)
    for name in FORMATS:
        factory, accept = PIL.Image.OPEN[name]
        if accept is not None and accept(start) is True:
            stream.seek(0)
            picture: PIL.Image.Image = factory(stream, "")
            return picture
    raise PIL.UnidentifiedImageError("unknown format")


def _open(source: Path | bytes, name: str) -> _Opened:
    try:
        with io.BytesIO(source) if isinstance(source, bytes) else source.open("rb") as stream:
            picture = open_picture(stream)
            check_size(picture.size, name)
            # MPO holds the same photo at several sizes. The check seeks, so it comes first.
            animated = picture.format != "MPO" and getattr(picture, "is_animated", False)
            picture.load()
            turned = picture.getexif().get(PIL.ExifTags.Base.Orientation) in range(2, 9)
            upright = PIL.ImageOps.exif_transpose(picture) if turned else picture
    except PIL.Image.DecompressionBombError as error:
        # The decoders of WebP and TIFF may apply Pillow's limit themselves.
        raise TpgbenchError(
            f"{name}: too many pixels for its format's decoder; save it as PNG or JPEG"
        ) from error
    except DAMAGE as error:
        raise TpgbenchError(
            f"{name}: cannot be read as an image ({error}); replace or remove it"
        ) from error
    changes = []
    if animated:
        changes.append("first frame taken of an animation")
    if turned:
        changes.append("turned upright by its EXIF orientation")
    if upright.mode.startswith("I;16") or upright.mode in ("I", "F"):
        upright = _scale_deep(upright, name)
        changes.append("16-bit values scaled to 8 bits")
    return _Opened(upright, picture.format or "", tuple(changes))


def _scale_deep(picture: PIL.Image.Image, name: str) -> PIL.Image.Image:
    """Convert 16-bit grey to 8 bits by the mode only: dark photos stay dark. Pillow would clip."""
    values = np.asarray(picture)
    if picture.mode == "F" or values.min() < 0 or values.max() > _MAX_16_BITS:
        raise TpgbenchError(
            f"{name}: holds floating-point values or values outside 0 to {_MAX_16_BITS}, for which "
            "white is undefined; save it with 8 or 16 bits per channel"
        )
    scaled = np.rint(values / (_MAX_16_BITS / 255))
    return PIL.Image.fromarray(scaled.astype(np.uint8))


def check_size(size: tuple[int, int], name: str) -> None:
    """Refuse an image that is too small to score or too large for memory.

    Raises:
        TpgbenchError: A side is outside 16 to 16,384 pixels.
    """
    width, height = size
    if min(size) < MIN_SIDE or max(size) > MAX_SIDE:
        raise TpgbenchError(
            f"{name}: {width}x{height} px; each side must be from {MIN_SIDE} to {MAX_SIDE} px: "
            "resize it or leave it out"
        )


def to_uint8(values: NDArray[np.floating]) -> Image:
    """Round computed pixels to 8 bits; none that is not a number becomes black unnoticed.

    Args:
        values: Any shape, 0 to 1; values outside are clipped.

    Raises:
        TpgbenchError: A value is NaN or infinite.
    """
    if not np.isfinite(values).all():
        raise TpgbenchError("the model computed NaN or infinite pixels")
    pixels: Image = np.rint(np.clip(values, 0, 1) * 255).astype(np.uint8)
    return pixels


def png_bytes(image: Image | Mask) -> bytes:
    """Encode as PNG with fast compression; equal arrays give equal bytes."""
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
