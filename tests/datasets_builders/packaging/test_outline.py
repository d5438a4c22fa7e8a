"""Holding masks against what stands out from a plain background, and keeping silent elsewhere."""

from __future__ import annotations

import numpy as np
import pytest
from tpgbench.datasets_builders.packaging.outline import MIN_AGREEMENT, outline_agreement

HEIGHT, WIDTH = 160, 120


def garment(colour=(180, 40, 60), background=(211, 211, 211)):
    """A T-shirt, and the mask that marks it."""
    image = np.full((HEIGHT, WIDTH, 3), background, dtype=np.uint8)
    mask = np.zeros((HEIGHT, WIDTH), dtype=np.bool_)
    mask[40:130, 35:85] = True
    mask[40:65, 15:105] = True
    image[mask] = colour
    noise = np.random.default_rng(0).integers(-3, 4, image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8), mask


def box_around(mask):
    rows, columns = np.nonzero(mask)
    box = np.zeros_like(mask)
    box[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1] = True
    return box


def test_the_right_mask_agrees():
    assert outline_agreement(*garment()) == 1.0


@pytest.mark.parametrize("by", [-1, 1, 2])
def test_an_edge_that_is_off_by_a_pixel_agrees(by):
    image, mask = garment()
    assert outline_agreement(image, np.roll(mask, by, axis=1)) > 0.95


@pytest.mark.parametrize(
    "spoil",
    [
        lambda mask: ~mask,
        np.ones_like,
        lambda mask: np.roll(mask, 40, axis=0),
        lambda mask: np.roll(mask, 30, axis=1),
        box_around,
        lambda mask: mask & (np.arange(HEIGHT)[:, None] < 80),
    ],
    ids=["inverted", "full", "too-low", "too-far-right", "box", "upper-half"],
)
def test_a_wrong_mask_does_not(spoil):
    image, mask = garment()
    assert outline_agreement(image, spoil(mask)) < MIN_AGREEMENT


def test_white_prints_are_part_of_the_garment():
    image, mask = garment(background=(255, 255, 255))
    image[70:120, 45:75] = 255
    assert outline_agreement(image, mask) == 1.0


def test_a_white_garment_on_white_is_not_held_against_its_mask():
    image, mask = garment(colour=(240, 240, 243), background=(255, 255, 255))
    agreement = outline_agreement(image, mask)
    assert agreement is None or agreement >= MIN_AGREEMENT


def test_a_white_garment_with_a_dark_collar_is_not_either():
    image, mask = garment(colour=(243, 243, 243), background=(255, 255, 255))
    image[40:50, 45:75] = 30
    assert outline_agreement(image, mask) >= MIN_AGREEMENT


@pytest.mark.parametrize("background", ["noise", "ramp"])
def test_before_a_lively_background_nothing_is_said(background):
    image, mask = garment()
    if background == "noise":
        lively = np.random.default_rng(1).integers(0, 256, image.shape, dtype=np.uint8)
        lively = np.repeat(np.repeat(lively[::16, ::16], 16, axis=0), 16, axis=1)[:HEIGHT, :WIDTH]
    else:
        ramp = np.linspace(0, 255, WIDTH)[None, :, None]
        lively = np.broadcast_to(ramp, image.shape).astype(np.uint8)
    scene = np.where(mask[..., None], image, lively)
    assert outline_agreement(scene, ~mask) is None


@pytest.mark.parametrize("shape", [(16, 16), (16, 400), (1000, 20)])
def test_odd_shapes_are_no_error(shape):
    image = np.full((*shape, 3), 200, dtype=np.uint8)
    mask = np.zeros(shape, dtype=np.bool_)
    mask[4:12, 4:12] = True
    image[mask] = 20
    agreement = outline_agreement(image, mask)
    assert agreement is None or 0.0 <= agreement <= 1.0
