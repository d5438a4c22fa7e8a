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
from threading import Lock
from typing import IO

import numpy as np
import PIL.ExifTags
import PIL.Image
import PIL.ImageFile
from numpy.typing import NDArray

from .colour_profiles import to_srgb
from .errors import TpgbenchError

Image = NDArray[np.uint8]
Mask = NDArray[np.bool_]

MIN_SIDE = 16
MAX_SIDE = 16_384
MASK_THRESHOLD = 128  # a JPEG mask is not exactly binary, nor is a resized one
_MAX_16_BITS = 65_535
SIGNATURE_BYTES = 16  # enough for Pillow to recognise a format

# What files are read to: it is part of recipes and of the names of what is kept. Raise it when
# `read_image` or `masks.read_mask` read a file to other pixels.
READING = "srgb-3"

# The formats of photos and their file name extensions, the usual one first. Pillow knows more, some
# of which start other programs (EPS) or hold no pixels (WMF). JPEG includes MPO, which some cameras
# write.
FORMAT_SUFFIXES = {
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"),
    "PNG": (".png", ".apng"),
    "WEBP": (".webp",),
    "BMP": (".bmp",),
    "TIFF": (".tif", ".tiff"),
    "GIF": (".gif",),
    "AVIF": (".avif", ".avifs"),
    "JPEG2000": (".jp2", ".j2k", ".jpc", ".jpf", ".jpx", ".j2c"),
    "PPM": (".ppm", ".pgm", ".pbm", ".pnm"),
}
FORMATS = tuple(FORMAT_SUFFIXES)
PICTURE_SUFFIXES = frozenset(chain.from_iterable(FORMAT_SUFFIXES.values()))
# A file without such an extension is known by its first bytes, if they are this distinct.
_DISTINCT = ("JPEG", "PNG", "WEBP", "GIF", "AVIF", "JPEG2000")
_TURNS = {
    2: PIL.Image.Transpose.FLIP_LEFT_RIGHT,
    3: PIL.Image.Transpose.ROTATE_180,
    4: PIL.Image.Transpose.FLIP_TOP_BOTTOM,
    5: PIL.Image.Transpose.TRANSPOSE,
    6: PIL.Image.Transpose.ROTATE_270,
    7: PIL.Image.Transpose.TRANSVERSE,
    8: PIL.Image.Transpose.ROTATE_90,
}

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


_SIDEWAYS = [_TURNS[orientation] for orientation in (5, 6, 7, 8)]


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

    It is turned upright by its EXIF orientation; its colour profile is converted to sRGB;
    transparency is composited on white; the first frame of an animation is used; 16-bit grey is
    divided by 257, however dark it is; CMYK without a profile is converted by Pillow's rule.

    Args:
        source: A file, or the encoded bytes.
        name: Its name in error messages.

    Raises:
        TpgbenchError: As `read_image`.
    """
    opened = open_upright(source, name)
    picture, changes = opened.picture, list(opened.changes)
    if picture.mode.startswith("I;16") or picture.mode in ("I", "F"):
        picture = _scale_deep(picture, name)
        changes.append("16-bit values scaled to 8 bits")
    if picture.has_transparency_data:
        layer = picture.convert("RGBA")
        colours, converted = to_srgb(layer.convert("RGB"))
        colours.putalpha(layer.getchannel("A"))
        picture = PIL.Image.new("RGBA", layer.size, "white")
        picture.alpha_composite(colours)
        changes.append("transparency laid on white")
    else:
        if picture.mode not in ("L", "RGB", "CMYK"):
            changes.append(f"mode {picture.mode} converted to RGB")
            picture = picture.convert("RGB")
        mode = picture.mode
        picture, converted = to_srgb(picture)
        if mode != "RGB":
            changes.append(f"mode {mode} converted to RGB")
    if converted:
        changes.append(converted)
    pixels = np.asarray(picture.convert("RGB"), dtype=np.uint8)
    return Photo(pixels, opened.format, tuple(changes))


@dataclass(frozen=True)
class Opened:
    """A decoded and upright image in the file's own mode.

    Attributes:
        picture: The image.
        format: Pillow's name of the file's format.
        changes: As of `Photo`.
    """

    picture: PIL.Image.Image
    format: str
    changes: tuple[str, ...]


def has_picture_signature(start: bytes) -> bool:
    """Whether a file is a picture by its first `SIGNATURE_BYTES`, whatever its name."""
    PIL.Image.init()
    accepts = (PIL.Image.OPEN[name][1] for name in _DISTINCT if name in PIL.Image.OPEN)
    return any(accept is not None and accept(start) is True for accept in accepts)


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
    start = stream.read(SIGNATURE_BYTES)
    for name in FORMATS:
        factory, accept = PIL.Image.OPEN[name]
        if accept is not None and accept(start) is True:
            stream.seek(0)
            picture: PIL.Image.Image = factory(stream, "")
            return picture
    raise PIL.UnidentifiedImageError("unknown format")


def open_upright(source: Path | bytes, name: str) -> Opened:
    """Decode an image and turn it upright; its values stay as the file holds them.

    Args:
        source: A file, or the encoded bytes.
        name: Its name in error messages.

    Raises:
        TpgbenchError: Unreadable, truncated, or with a side outside 16 to 16,384 pixels.
    """
    try:
        with (
            io.BytesIO(source) if isinstance(source, bytes) else source.open("rb") as stream,
            _whole_files_only,
        ):
            picture = open_picture(stream)
            check_size(picture.size, name)
            # MPO holds the same photo at several sizes. The check seeks, so it comes first.
            animated = picture.format != "MPO" and getattr(picture, "is_animated", False)
            picture.load()
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
    turn, damaged = _turn(picture)
    if damaged:
        changes.append("damaged EXIF passed over")
    upright = picture
    if turn is not None:
        upright = picture.transpose(turn)
        upright.info = picture.info
        changes.append("turned upright by its EXIF orientation")
    return Opened(upright, picture.format or "", tuple(changes))


def upright_size(content: bytes) -> tuple[int, int] | None:
    """Return width and height of an image once it is upright, or None if it cannot be opened.

    Args:
        content: The encoded image, which is not decoded.
    """
    try:
        picture = open_picture(io.BytesIO(content))
    except DAMAGE:
        return None
    turn, _ = _turn(picture)
    width, height = picture.size
    return (height, width) if turn in _SIDEWAYS else (width, height)


class _WholeFilesOnly:
    """Refuses truncated files even where a program has told Pillow to fill them with grey.

    That switch is one for the process. It is off while any image is decoded here, and afterwards
    what it was.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._decoding = 0
        self._was_on = False

    def __enter__(self) -> None:
        with self._lock:
            if self._decoding == 0:
                self._was_on = PIL.ImageFile.LOAD_TRUNCATED_IMAGES
            self._decoding += 1
            PIL.ImageFile.LOAD_TRUNCATED_IMAGES = False

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._decoding -= 1
            if self._decoding == 0 and self._was_on:
                PIL.ImageFile.LOAD_TRUNCATED_IMAGES = True


_whole_files_only = _WholeFilesOnly()


def _turn(picture: PIL.Image.Image) -> tuple[PIL.Image.Transpose | None, bool]:
    """Return how to turn a picture upright, and whether its EXIF is damaged: then by nothing."""
    try:
        return _TURNS.get(picture.getexif().get(PIL.ExifTags.Base.Orientation, 1)), False
    except DAMAGE:
        return None, True


def _scale_deep(picture: PIL.Image.Image, name: str) -> PIL.Image.Image:
    """Convert 16-bit grey to 8 bits by the mode only: dark photos stay dark. Pillow would clip."""
    values = np.asarray(picture)
    if picture.mode == "F" or values.min() < 0 or values.max() > _MAX_16_BITS:
        raise TpgbenchError(
            f"{name}: holds floating-point values or values outside 0 to {_MAX_16_BITS}, for which "
            "white is undefined; save it with 8 or 16 bits per channel"
        )
    scaled = PIL.Image.fromarray(np.rint(values / (_MAX_16_BITS / 255)).astype(np.uint8))
    scaled.info = {key: one for key, one in picture.info.items() if key == "icc_profile"}
    return scaled


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
