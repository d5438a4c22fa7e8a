"""Reading masks: what every way to store one means, and what is none."""

from __future__ import annotations

import io

import numpy as np
import PIL.Image
import pytest
from pictures import photo
from tpgbench.core.errors import TpgbenchError
from tpgbench.core.masks import mask_warning, read_mask

MARKED = np.zeros((64, 48), bool)
MARKED[16:48, 12:36] = True


def encode(image, kind="PNG", **options):
    if not isinstance(image, PIL.Image.Image):
        image = PIL.Image.fromarray(image)
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def palette(*colours):
    image = PIL.Image.frombytes("P", MARKED.shape[::-1], MARKED.astype(np.uint8).tobytes())
    image.putpalette([channel for colour in colours for channel in colour])
    return image


def levels(dark, bright, kind=np.uint8):
    return np.where(MARKED, bright, dark).astype(kind)


def with_alpha(colour, alpha=None):
    colours = np.broadcast_to(np.uint8(colour), (*MARKED.shape, 3))
    return np.dstack([colours, (MARKED * 255).astype(np.uint8) if alpha is None else alpha])


def cut_out():
    return np.dstack([photo(3, (48, 64)), (MARKED * 255).astype(np.uint8)])


def black_and_white_in_a_frame():
    """A mask whose border is transparent, as image editors leave it."""
    opaque = np.full(MARKED.shape, 255, np.uint8)
    opaque[:4] = opaque[-4:] = 0
    white = np.where(MARKED[..., None], 255, 0).astype(np.uint8)
    return np.dstack([np.broadcast_to(white, (*MARKED.shape, 3)), opaque])


GOOD = {
    "0-255": levels(0, 255),
    "0-1": levels(0, 1),
    "0-100": levels(0, 100),
    "16-bit": levels(0, 65_535, np.uint16),
    "16-bit-0-1": levels(0, 1, np.uint16),
    "16-bit-0-255": levels(0, 255, np.uint16),
    "1-bit": PIL.Image.fromarray(MARKED),
    "soft": levels(20, 240),
    "palette-white": palette((0, 0, 0), (255, 255, 255)),
    "palette-of-labels": palette((0, 0, 0), (128, 0, 0)),
    "rgb": PIL.Image.fromarray(levels(0, 255)).convert("RGB"),
    "red": np.where(MARKED[..., None], np.uint8([255, 0, 0]), np.uint8(0)),
    "la": PIL.Image.fromarray(levels(0, 255)).convert("LA"),
    "alpha-on-white": with_alpha([255, 255, 255]),
    "alpha-on-black": with_alpha([0, 0, 0]),
    "alpha-all-opaque": np.dstack([levels(0, 255)] * 3 + [np.full(MARKED.shape, 255, np.uint8)]),
    "la-alpha": PIL.Image.merge(
        "LA", [PIL.Image.new("L", (48, 64), 255), PIL.Image.fromarray(levels(0, 255))]
    ),
    "cut-out-photo": cut_out(),
    "black-and-white-in-a-frame": black_and_white_in_a_frame(),
}


@pytest.mark.parametrize("name", GOOD)
def test_a_mask_is_read_by_what_it_means(name):
    mask = read_mask(encode(GOOD[name]), "x")
    assert mask.dtype == np.bool_
    np.testing.assert_array_equal(mask, MARKED)
    assert set(np.unique(mask.view(np.uint8))) == {0, 1}  # what torch sees


def test_floats_of_zero_and_one_are_read():
    np.testing.assert_array_equal(read_mask(encode(levels(0, 1, np.float32), "TIFF"), "x"), MARKED)


def test_a_jpeg_of_a_mask_is_read():
    mask = read_mask(encode(levels(0, 255), "JPEG", quality=60), "x")
    np.testing.assert_array_equal(mask, MARKED)


@pytest.mark.parametrize(("level", "all_of_it"), [(0, False), (1, True), (255, True)])
def test_a_mask_of_one_value_marks_all_or_nothing(level, all_of_it):
    assert read_mask(encode(levels(level, level)), "x").all() == all_of_it


@pytest.mark.parametrize(
    ("image", "says"),
    [
        (levels(1, 2), r"values \(1 and 2\) do not say"),
        (levels(7, 7), r"values \(7 only\) do not say"),
        (np.where(MARKED, 3, np.arange(48) % 3).astype(np.uint8), r"\(0, 1, 2 and 3\) do not say"),
        (photo(3, (48, 64)), r"is no mask but a picture in colours \(.*#"),
        (palette((0, 128, 0), (128, 0, 0)), r"in colours \(2, most often #008000, #800000\)"),
        (np.tile(np.linspace(0, 255, 48).astype(np.uint8), (64, 1)), r"\d\d% of its pixels"),
        (with_alpha([255] * 3, np.zeros(MARKED.shape, np.uint8)), r"transparent everywhere"),
    ],
    ids=["labels", "one-label", "four-labels", "photo", "two-colours", "ramp", "all-transparent"],
)  # fmt: skip
def test_what_is_no_mask_is_refused_with_what_was_seen(image, says):
    with pytest.raises(TpgbenchError, match=rf"^x: .*{says}"):
        read_mask(encode(image), "x")


@pytest.mark.parametrize(
    ("mask", "says"),
    [
        (MARKED, None),
        (~MARKED, "looks inverted: it marks the border and not the centre"),
        (np.ones((64, 48), bool), "marks the whole photo as garment"),
        (np.zeros((64, 48), bool), None),
    ],
    ids=["good", "inverted", "full", "empty"],
)
def test_a_mask_that_looks_wrong_is_said(mask, says):
    assert mask_warning(mask) == says
