"""Colour profiles: one picture in several profiles is one picture."""

from __future__ import annotations

import io
import struct

import numpy as np
import PIL.Image
import PIL.ImageCms
import pytest
from tpgbench.core.images import read_photo

SRGB = PIL.ImageCms.ImageCmsProfile(PIL.ImageCms.createProfile("sRGB"))
CONVERTED = "colour profile converted to sRGB"


def fixed(value):
    return struct.pack(">i", round(value * 65536))


def xyz(*values):
    return b"XYZ \0\0\0\0" + b"".join(map(fixed, values))


def wide(gamma=2.2, kind=b"RGB "):
    """Return a profile: the primaries of Display P3, or grey, with a plain gamma."""
    curve = b"curv\0\0\0\0" + struct.pack(">IHH", 1, round(gamma * 256), 0)
    tags = [(b"wtpt", xyz(0.9642, 1, 0.8249)), (b"cprt", b"text\0\0\0\0CC0\0")]
    if kind == b"GRAY":
        tags.append((b"kTRC", curve))
    else:
        tags += [
            (b"rXYZ", xyz(0.51512, 0.2412, -0.00105)),
            (b"gXYZ", xyz(0.29198, 0.69225, 0.04189)),
            (b"bXYZ", xyz(0.1571, 0.06657, 0.78407)),
            *((name, curve) for name in (b"rTRC", b"gTRC", b"bTRC")),
        ]
    table, body, start = struct.pack(">I", len(tags)), b"", 132 + 12 * len(tags)
    for name, data in tags:
        padded = data + bytes(-len(data) % 4)
        table += name + struct.pack(">II", start + len(body), len(padded))
        body += padded
    head = struct.pack(">I", start + len(body)) + b"lcms" + struct.pack(">I", 0x02100000)
    head += b"mntr" + kind + b"XYZ " + bytes(12) + b"acsp" + bytes(28)
    return head + xyz(0.9642, 1, 0.8249)[8:] + bytes(48) + table + body


def picture():
    small = np.random.default_rng(3).integers(20, 236, (5, 6, 3), dtype=np.uint8)
    return PIL.Image.fromarray(small).resize((48, 40), PIL.Image.Resampling.BICUBIC)


def encode(image, kind="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def in_profile(image, profile, mode="RGB"):
    target = PIL.ImageCms.ImageCmsProfile(io.BytesIO(profile))
    return PIL.ImageCms.profileToProfile(image, SRGB, target, renderingIntent=1, outputMode=mode)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
def test_a_picture_in_a_wide_profile_is_the_picture(kind):
    changed = in_profile(picture(), wide())
    assert np.abs(np.asarray(changed, int) - np.asarray(picture(), int)).max() > 20
    options = {"lossless": True} if kind == "WEBP" else {}
    photo = read_photo(encode(changed, kind, icc_profile=wide(), **options), "x")
    assert photo.changes == (CONVERTED,)
    np.testing.assert_allclose(photo.pixels, np.asarray(picture(), int), atol=4)


def test_transparency_is_laid_on_white_after_the_conversion():
    changed = in_profile(picture(), wide())
    changed.putalpha(PIL.Image.new("L", changed.size, 255))
    changed.putpixel((0, 0), (0, 0, 0, 0))
    photo = read_photo(encode(changed, icc_profile=wide()), "x")
    expected = np.asarray(picture(), int).copy()
    expected[0, 0] = 255
    np.testing.assert_allclose(photo.pixels, expected, atol=4)


def test_a_grey_profile_counts():
    grey = PIL.Image.linear_gradient("L").resize((32, 32))
    photo = read_photo(encode(grey, icc_profile=wide(1.0, b"GRAY")), "x")
    middle = np.asarray(grey)[16, 0] / 255
    assert photo.pixels[16, 0, 0] == pytest.approx(
        255 * (1.055 * middle ** (1 / 2.4) - 0.055), abs=2
    )
    assert CONVERTED in photo.changes


@pytest.mark.parametrize("profile", [SRGB.tobytes(), b""], ids=["srgb", "none"])
def test_srgb_by_any_name_changes_nothing(profile):
    photo = read_photo(encode(picture(), icc_profile=profile), "x")
    assert photo.changes == ()
    np.testing.assert_array_equal(photo.pixels, np.asarray(picture()))


@pytest.mark.parametrize("profile", [b"no profile", wide()[:200], wide(1.0, b"GRAY")])
def test_a_profile_that_is_damaged_or_of_another_space_is_said(profile):
    photo = read_photo(encode(picture(), icc_profile=profile), "x")
    assert photo.changes == ("damaged or unfit colour profile passed over",)
    np.testing.assert_array_equal(photo.pixels, np.asarray(picture()))
