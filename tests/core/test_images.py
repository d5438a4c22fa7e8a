"""Reading photos: what every odd file becomes, and what is said of it."""

from __future__ import annotations

import contextlib
import io
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import PIL.Image
import PIL.ImageFile
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tpgbench.core import images
from tpgbench.core.errors import TpgbenchError
from tpgbench.core.images import read_image, read_photo, to_uint8
from tpgbench.core.masks import read_mask

SIDE = 32


def picture(mode="RGB", size=(SIDE, SIDE)):
    ramp = np.linspace(0, 255, size[0] * size[1]).reshape(size[1], size[0]).astype(np.uint8)
    return PIL.Image.fromarray(
        np.dstack([ramp, ramp.T if size[0] == size[1] else ramp, 255 - ramp])
    ).convert(mode)


def encode(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, format=kind, **options)
    return buffer.getvalue()


def upside_down():
    exif = PIL.Image.Exif()
    exif[0x0112] = 3
    return encode(picture(), "PNG", exif=exif)


def animation(kind):
    frames = [PIL.Image.new("RGB", (SIDE, SIDE), colour) for colour in ("red", "blue")]
    return encode(frames[0], kind, save_all=True, append_images=frames[1:])


def deep():
    values = np.arange(SIDE * SIDE, dtype=np.uint16).reshape(SIDE, SIDE) * 64
    return encode(PIL.Image.fromarray(values), "PNG")


@pytest.mark.parametrize(
    ("data", "kind", "changes"),
    [
        (encode(picture(), "JPEG"), "JPEG", ()),
        (encode(picture(), "PNG"), "PNG", ()),
        (encode(picture("CMYK"), "JPEG"), "JPEG", ("mode CMYK converted to RGB",)),
        (encode(picture("L"), "JPEG"), "JPEG", ("mode L converted to RGB",)),
        (encode(picture().quantize(8), "PNG"), "PNG", ("mode P converted to RGB",)),
        (encode(picture("RGBA"), "PNG"), "PNG", ("transparency laid on white",)),
        (upside_down(), "PNG", ("turned upright by its EXIF orientation",)),
        (deep(), "PNG", ("16-bit values scaled to 8 bits", "mode L converted to RGB")),
        (animation("PNG"), "PNG", ("first frame taken of an animation",)),
        (encode(picture(), "BMP"), "BMP", ()),
        (encode(picture(), "TIFF"), "TIFF", ()),
    ],
    ids=list(map(str, range(11))),
)  # fmt: skip
def test_a_photo_says_what_it_was_and_what_was_done(data, kind, changes):
    photo = read_photo(data, "x")
    assert (photo.format, photo.changes) == (kind, changes)
    assert photo.pixels.shape == (SIDE, SIDE, 3)
    assert photo.pixels.dtype == np.uint8


def test_a_turned_photo_is_upright():
    expected = np.asarray(picture())[::-1, ::-1]
    np.testing.assert_array_equal(read_image(upside_down(), "x"), expected)


def test_an_orientation_that_means_nothing_is_no_turn():
    exif = PIL.Image.Exif()
    exif[0x0112] = 0
    assert read_photo(encode(picture(), "PNG", exif=exif), "x").changes == ()


def test_a_damaged_exif_tag_beside_the_orientation_does_no_harm():
    """A width given as text: Pillow's own way to turn a photo trips over it."""
    width = struct.pack("<HHI4s", 0x0100, 2, 4, b"wide")
    orientation = struct.pack("<HHI4s", 0x0112, 3, 1, b"\6\0\0\0")
    tags = b"II*\0" + struct.pack("<IH", 8, 2) + width + orientation + bytes(4)
    data = encode(picture(size=(48, 32)), "PNG", exif=b"Exif\0\0" + tags)
    photo = read_photo(data, "x")
    assert photo.changes == ("turned upright by its EXIF orientation",)
    np.testing.assert_array_equal(photo.pixels, np.rot90(np.asarray(picture(size=(48, 32))), -1))


def test_sound_pixels_behind_a_damaged_exif_block_are_read():
    data = encode(picture(), "PNG")
    block = b"\0\x08\0\x02\x01\x12\0\x03"
    checksum = zlib.crc32(b"eXIf" + block).to_bytes(4, "big")
    damaged = data[:33] + len(block).to_bytes(4, "big") + b"eXIf" + block + checksum + data[33:]
    photo = read_photo(damaged, "x")
    assert photo.changes == ("damaged EXIF passed over",)
    np.testing.assert_array_equal(photo.pixels, np.asarray(picture()))


def test_half_a_picture_is_refused_whatever_pillow_was_told(monkeypatch):
    noise = np.random.default_rng(0).integers(0, 256, (128, 128, 3), dtype=np.uint8)
    data = encode(PIL.Image.fromarray(noise), "PNG")
    monkeypatch.setattr(PIL.ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    with pytest.raises(TpgbenchError, match="truncated"):
        read_image(data[: len(data) // 2], "x")
    with ThreadPoolExecutor(4) as pool:
        for pixels in pool.map(lambda _: read_image(data, "x"), range(16)):
            np.testing.assert_array_equal(pixels, noise)
    assert PIL.ImageFile.LOAD_TRUNCATED_IMAGES is True


def test_sixteen_bits_are_scaled_and_not_clipped():
    pixels = read_image(deep(), "x")
    assert len(np.unique(pixels)) > 200
    assert pixels[0, 0, 0] == 0
    assert pixels[-1, -1, 0] == round((SIDE * SIDE - 1) * 64 / 257)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
@pytest.mark.parametrize("brightest", [255, 256])
def test_whether_sixteen_bits_are_scaled_hangs_on_the_mode_and_not_on_the_brightest(
    kind, brightest
):
    data = encode(PIL.Image.fromarray(np.full((SIDE, SIDE), brightest, np.uint16)), kind)
    assert np.unique(read_image(data, "x")).tolist() == [1]


def test_32_bit_files_of_16_bit_values_are_scaled_alike():
    data = encode(PIL.Image.fromarray(np.full((SIDE, SIDE), 200 * 257, np.int32)), "TIFF")
    assert np.unique(read_image(data, "x")).tolist() == [200]


@pytest.mark.parametrize(
    "values",
    [np.float32(0.5), np.int32(-1), np.int32(65_536)],
    ids=["float", "negative", "beyond-16-bits"],
)
def test_values_that_no_file_says_the_white_of_are_refused(values):
    data = encode(PIL.Image.fromarray(np.full((SIDE, SIDE), values)), "TIFF")
    with pytest.raises(TpgbenchError, match=r"^x: holds floating-point .* 8 or 16 bits"):
        read_image(data, "x")
    with pytest.raises(TpgbenchError, match=r"^x: the mask's values \(.* only\) do not say"):
        read_mask(data, "x")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "GIF"])
def test_pillows_limit_on_pixels_is_not_ours(kind, monkeypatch, recwarn):
    # What a photo of 14,000 x 14,000 px meets at Pillow's default, and this one at a lower limit.
    monkeypatch.setattr(PIL.Image, "MAX_IMAGE_PIXELS", SIDE * SIDE // 3)
    data = encode(picture(), kind)
    with pytest.raises(PIL.Image.DecompressionBombError):
        PIL.Image.open(io.BytesIO(data))
    assert read_image(data, "x").shape == (SIDE, SIDE, 3)
    assert SIDE * SIDE // 3 == PIL.Image.MAX_IMAGE_PIXELS
    assert not recwarn.list


def test_a_decoder_that_has_a_limit_of_its_own_says_the_way_out(monkeypatch):
    def refuse(_):
        raise PIL.Image.DecompressionBombError("Image size exceeds limit")

    monkeypatch.setattr(images, "open_picture", refuse)
    with pytest.raises(TpgbenchError, match=r"^x: too many pixels .* save it as PNG or JPEG$"):
        read_image(encode(picture(), "WEBP"), "x")


@pytest.mark.parametrize("size", [(16_385, 16), (16, 16_385), (15, 16)])
def test_our_limit_is_on_the_sides(size):
    data = encode(PIL.Image.new("1", size), "PNG")
    with pytest.raises(TpgbenchError, match="each side must be from 16 to 16384 px"):
        read_image(data, "x")


@pytest.mark.slow
def test_a_mask_of_fourteen_thousand_pixels_a_side_is_read():
    mask = read_mask(encode(PIL.Image.new("1", (14_000, 14_000), 1), "PNG"), "x")
    assert mask.shape == (14_000, 14_000)
    assert mask.all()


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_of_an_animation_the_first_frame_is_read(kind):
    red = read_image(animation(kind), "x")[SIDE // 2, SIDE // 2]
    assert red[0] > 240
    assert red[2] < 15
    assert "first frame taken of an animation" in read_photo(animation(kind), "x").changes


def test_transparent_pixels_are_white():
    clear = PIL.Image.new("RGBA", (SIDE, SIDE), (255, 0, 0, 0))
    assert (read_image(encode(clear, "PNG"), "x") == 255).all()


@pytest.mark.parametrize(
    "data",
    [
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 64\n%%EndComments\nshowpage\n",
        encode(picture("L"), "ICO", sizes=[(32, 32)]),
        b"",
        b"\xff\xd8\xff",
    ],
    ids=["eps", "ico", "empty", "jpeg-start"],
)
def test_formats_that_are_no_photos_are_never_opened(data):
    with pytest.raises(TpgbenchError, match=r"^x: cannot be read as an image \(.*\); replace or"):
        read_image(data, "x")


def test_an_animation_that_breaks_off_is_an_error_of_ours():
    data = animation("GIF")
    for length in range(len(data) // 2, len(data)):
        with contextlib.suppress(TpgbenchError):
            read_image(data[:length], "x")


GOOD = [encode(picture(), "JPEG"), encode(picture(), "PNG"), animation("GIF"), upside_down()]


@settings(max_examples=150, deadline=None)
@given(data=st.data(), start=st.sampled_from(GOOD))
def test_damaged_bytes_are_an_error_of_ours_or_an_image(data, start):
    changed = bytearray(start)
    for _ in range(data.draw(st.integers(1, 8))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    changed = bytes(changed[: data.draw(st.integers(0, len(changed)))])
    for read in (read_image, read_mask):
        try:
            image = read(changed, "x")
        except TpgbenchError:
            continue
        else:
            assert min(image.shape[:2]) >= 16


def test_computed_pixels_are_rounded_and_clipped():
    values = np.array([-0.5, 0.0, 0.5 / 255, 1.5 / 255, 0.5, 1.0, 1.7])
    assert to_uint8(values).tolist() == [0, 0, 0, 2, 128, 255, 255]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_never_becomes_a_colour(value):
    with pytest.raises(TpgbenchError, match="NaN or infinite"):
        to_uint8(np.array([0.5, value]))
