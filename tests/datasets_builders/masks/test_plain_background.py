"""Masks from a plain background: known shapes on many grounds, and photos that must be doubted."""

from __future__ import annotations

import numpy as np
import PIL.Image
import PIL.ImageDraw
import PIL.ImageFilter
import pytest
from tpgbench.core.errors import TpgbenchError
from tpgbench.datasets_builders.masks.plain_background import PlainBackground

WIDTH, HEIGHT = 240, 320
NAVY = [20, 20, 90]


def shirt(shift=0):
    """Return a shirt's outline, bool."""
    canvas = PIL.Image.new("L", (WIDTH, HEIGHT))
    points = [(80, 60), (160, 60), (215, 110), (190, 140), (165, 120), (165, 260), (75, 260)]
    points += [(75, 120), (50, 140), (25, 110)]
    PIL.ImageDraw.Draw(canvas).polygon([(x, y + shift) for x, y in points], fill=255)
    return np.asarray(canvas) > 0


def photo(ground, cloth, mask, *, noise=1.0, shade=0.0):
    """Return a photo: ground and cloth are colours, or arrays; shade darkens to the right."""
    rng = np.random.default_rng(0)
    pixels = np.where(mask[..., None], cloth, np.broadcast_to(ground, (HEIGHT, WIDTH, 3)))
    pixels = pixels * (1 - shade * np.linspace(0, 1, WIDTH))[None, :, None]
    return np.clip(pixels + rng.normal(0, noise, pixels.shape), 0, 255).astype(np.uint8)


def print_of(seed):
    small = np.random.default_rng(seed).integers(0, 256, (HEIGHT // 8, WIDTH // 8, 3), np.uint8)
    return np.asarray(PIL.Image.fromarray(small).resize((WIDTH, HEIGHT)), float)


def iou(one, other):
    return (one & other).sum() / (one | other).sum()


def with_shadow(pixels, mask):
    soft = PIL.Image.fromarray(mask.astype(np.uint8) * 255).filter(PIL.ImageFilter.GaussianBlur(9))
    fall = np.roll(np.asarray(soft), (12, 8), (0, 1)) / 255 * ~mask * 0.12
    return (pixels * (1 - fall[..., None])).astype(np.uint8)


@pytest.mark.parametrize(
    "pixels",
    [
        photo([255, 255, 255], print_of(1), shirt()),
        photo([211, 211, 211], print_of(2), shirt()),
        photo([90, 140, 120], print_of(3), shirt(), noise=3),
        photo([250, 250, 250], [60, 70, 140], shirt(), shade=0.25),
        with_shadow(photo([245, 244, 240], print_of(4), shirt()), shirt()),
        photo([30, 30, 34], print_of(5), shirt()),
        photo([250, 250, 250], [236, 233, 226], shirt(), noise=0.7),
    ],
    ids=["white", "grey", "green", "gradient", "shadow", "black", "white-on-white"],
)
def test_a_garment_on_a_plain_ground_is_found(pixels):
    found = PlainBackground().find(pixels)
    assert found.doubt is None
    assert iou(found.mask, shirt()) > 0.92


def test_a_white_print_on_white_is_no_hole():
    cloth = print_of(6)
    cloth[100:200, 100:140] = 255
    found = PlainBackground().find(photo([255, 255, 255], cloth, shirt(), noise=0))
    assert iou(found.mask, shirt()) > 0.94


def test_a_large_photo_is_looked_at_small_and_masked_large():
    pixels = np.asarray(
        PIL.Image.fromarray(photo([250] * 3, print_of(1), shirt())).resize((960, 1280))
    )
    found = PlainBackground().find(pixels)
    assert found.mask.shape == (1280, 960)
    large = np.asarray(PIL.Image.fromarray(shirt()).resize((960, 1280)))
    assert iou(found.mask, large) > 0.95


def rough(seed):
    return 150 + print_of(seed) / 4


def person():
    pixels = photo([240, 240, 240], print_of(7), shirt(20)).copy()
    pixels[30:80, 100:140] = (205, 150, 125)
    return pixels


@pytest.mark.parametrize(
    ("pixels", "doubt"),
    [
        (photo(rough(8), [200, 30, 30], shirt()), "the background is not plain"),
        (person(), "it seems to show a person"),
        (photo([240] * 3, NAVY, np.arange(HEIGHT)[:, None] * np.ones(WIDTH) > 60), "runs off"),
        (photo([240] * 3, NAVY, np.pad(np.ones((30, 30), bool), ((9, 281), (9, 201)))), "1% of"),
        (
            photo([240] * 3, [20, 20, 90], shirt() & (abs(np.arange(WIDTH) - 120) > 12)[None]),
            "several things stand out",
        ),
    ],
    ids=["rough", "person", "cropped", "tiny", "two"],
)  # fmt: skip
def test_a_photo_that_is_not_such_is_doubted(pixels, doubt):
    found = PlainBackground().find(pixels)
    assert found.doubt is not None
    assert doubt in found.doubt


def test_nothing_is_no_garment():
    blank = photo([240] * 3, [0] * 3, np.zeros((HEIGHT, WIDTH), bool))
    with pytest.raises(TpgbenchError, match=r"^nothing stands out: draw a mask, or name"):
        PlainBackground().find(blank)
