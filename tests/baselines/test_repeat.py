"""Autocorrelation, the lattice found in it, and the two models that fill by it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from tpgbench.baselines.autocorrelation import (
    lag_lengths,
    lag_map_shape,
    masked_autocorrelation,
)
from tpgbench.baselines.fill import inverse_distance_fill, mean_of_translates
from tpgbench.baselines.repeat import find_repeat, repeat_lags
from tpgbench.benchmark.model import MODELS
from tpgbench.benchmark.model_options import make_config
from tpgbench.benchmark.sample import Sample

VECTORS = ((0.0, 11.0), (9.0, 4.0))  # (dy, dx) in pixels at 64 px


def pattern(size=64, vectors=VECTORS):
    """A smooth colour pattern that repeats on a lattice, uint8 (size, size, 3)."""
    dy, dx = np.mgrid[:size, :size] * (64 / size)
    inverse = np.linalg.inv(np.array(vectors).T)
    u, v = np.tensordot(inverse, np.stack([dy, dx]), axes=1)
    waves = [
        np.cos(2 * np.pi * u) + np.cos(2 * np.pi * (v + 0.2)),
        np.sin(2 * np.pi * (u + v)) + np.cos(2 * np.pi * (2 * v)),
        np.sin(2 * np.pi * (u - v)) + np.cos(2 * np.pi * (2 * u + 0.1)),
    ]
    return np.rint(127.5 + 55 * np.stack(waves, axis=-1)).astype(np.uint8)


def garment_mask(size=64):
    """A body with sleeves and a hole, as an arm before it would leave."""
    mask = np.zeros((size, size), bool)
    unit = size // 16
    mask[unit:-unit, 4 * unit : -4 * unit] = True
    mask[unit : 6 * unit] = True
    mask[7 * unit : 10 * unit, 6 * unit : 9 * unit] = False
    return mask


def photo(truth, mask, shade=True):
    """The pattern under an uneven light, with something green where the garment is not."""
    side = truth.shape[0]
    light = 0.6 + 0.4 * np.sin(np.linspace(0, 2.5, side))[:, None, None] if shade else 1.0
    return np.where(mask[..., None], np.rint(truth * light), (0, 255, 0)).astype(np.uint8)


def fill(name, garment, mask, **options):
    model_class = MODELS.get(name)
    model = model_class(make_config(model_class, options))
    (image,) = model.generate([Sample("a", mask.shape[0], garment, mask)], [0])
    return image


def psnr(image, truth, where):
    error = (image[where].astype(float) - truth[where]) ** 2
    return 10 * np.log10(255**2 / error.mean())


@pytest.mark.parametrize("name", ["lattice", "autofill"])
@pytest.mark.parametrize("size", [64, 128])
def test_the_hidden_part_of_a_repeating_pattern_comes_back(name, size):
    truth, mask = pattern(size), garment_mask(size)
    image = fill(name, photo(truth, mask, shade=False), mask)
    assert psnr(image, truth, ~mask) > 22
    # The control: without the repeat there is nothing to go by.
    assert psnr(fill("crop", photo(truth, mask, shade=False), mask), truth, ~mask) < 14


@pytest.mark.parametrize("name", ["lattice", "autofill"])
def test_flattening_is_what_brings_a_shaded_pattern_back(name):
    truth, mask = pattern(), garment_mask()
    garment = photo(truth, mask)

    def error(flatten):
        image = fill(name, garment, mask, flatten=flatten).astype(float)
        image *= truth.mean() / image.mean()  # how bright the light was, nobody can know
        return psnr(image, truth, ~mask)

    assert error(True) > error(False) + 1.5


@pytest.mark.parametrize("name", ["lattice", "autofill"])
def test_the_background_at_a_garments_edge_is_no_source(name):
    truth, mask = pattern(), garment_mask()
    inside = ndimage.binary_erosion(mask, np.ones((3, 3)))  # the mask is a pixel too wide
    image = fill(name, photo(truth, inside, shade=False), mask, flatten=False)
    assert psnr(image, truth, ~mask) > 24


def test_later_rounds_of_autofill_reach_beyond_what_one_strip_tells():
    truth = pattern()
    mask = np.zeros((64, 64), bool)
    mask[2:62, 4:26] = True
    once, again = (
        fill("autofill", photo(truth, mask, shade=False), mask, rounds=n) for n in (1, 3)
    )
    far = np.zeros_like(mask)
    far[:, 50:] = True
    assert psnr(again, truth, far) > psnr(once, truth, far) + 3


@pytest.mark.parametrize("name", ["lattice", "autofill"])
def test_one_stripe_direction_is_enough(name):
    stripes = np.rint(127 + 100 * np.sin(2 * np.pi * np.arange(64) / 9)).astype(np.uint8)
    truth = np.broadcast_to(stripes[:, None, None], (64, 64, 3)).copy()
    mask = garment_mask()
    assert psnr(fill(name, photo(truth, mask, shade=False), mask), truth, ~mask) > 20


def test_without_a_repeat_the_lattice_blends_the_nearest_colours():
    rng = np.random.default_rng(0)
    garment = rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)
    mask = garment_mask()
    image = fill("lattice", garment, mask, flatten=False)
    np.testing.assert_array_equal(image[20:24, 20:24], garment[20:24, 20:24])
    outside = image[~mask].astype(float)
    assert np.abs(outside.mean(axis=0) - garment[mask].mean(axis=0)).max() < 12
    assert outside.std() < 45  # of the noise itself: 74


@pytest.mark.parametrize("size", [64, 128])
def test_find_repeat_recovers_the_generating_vectors(size):
    similarity = masked_autocorrelation(
        pattern(size).astype(np.float32) / 255, garment_mask(size), min_overlap=0.12
    )
    found = find_repeat(similarity, size, min_period=6 / 64, min_similarity=0.4)
    # In units of the true vectors they are whole and span a cell of the same area.
    coefficients = found @ np.linalg.inv(np.array(VECTORS) * size / 64)
    np.testing.assert_allclose(coefficients, np.rint(coefficients), atol=0.05)
    assert abs(np.linalg.det(np.rint(coefficients))) == 1


def test_find_repeat_knows_the_vectors_to_part_of_a_pixel():
    vectors = np.array([(0.4, 10.4), (8.6, 3.3)])
    cloth = pattern(vectors=vectors).astype(np.float32) / 255
    similarity = masked_autocorrelation(cloth, garment_mask(), min_overlap=0.12)
    found = find_repeat(similarity, 64, min_period=6 / 64, min_similarity=0.4)
    whole = np.rint(found @ np.linalg.inv(vectors))
    np.testing.assert_allclose(found, whole @ vectors, atol=0.15)


def test_find_repeat_finds_none_in_noise():
    noise = np.random.default_rng(0).random((64, 64, 3), dtype=np.float32)
    similarity = masked_autocorrelation(noise, garment_mask(), min_overlap=0.12)
    assert len(find_repeat(similarity, 64, min_period=6 / 64, min_similarity=0.4)) == 0


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(-20, 20), st.integers(-20, 20)), min_size=1, max_size=2, unique=True
    )
)
def test_repeat_lags_are_all_lattice_points_within_the_frame(rows):
    vectors = np.array(rows, dtype=float)
    if np.linalg.matrix_rank(vectors) < len(rows):
        return
    reach = np.arange(-40, 41)
    axes = np.meshgrid(*[reach] * len(rows), indexing="ij")
    points = sum(axis.reshape(-1, 1) * row for axis, row in zip(axes, vectors, strict=True))
    within = {tuple(map(int, point)) for point in points if (np.abs(point) < 21).all()}
    found = {tuple(map(int, lag)) for lag in repeat_lags(vectors, 21)}
    # The brute force reaches 40 steps; more are only needed for cells far thinner than its reach.
    assert within <= found
    inverse = np.linalg.pinv(vectors)
    for lag in found:
        steps = np.array(lag) @ inverse
        np.testing.assert_allclose(steps, np.rint(steps), atol=1e-6)


def test_autocorrelation_against_its_definition():
    rng = np.random.default_rng(0)
    cloth = rng.random((9, 11, 3), dtype=np.float32)
    mask = rng.random((9, 11)) < 0.8
    found = masked_autocorrelation(cloth, mask, min_overlap=0.3)
    centred = cloth - cloth[mask].mean(axis=0)
    for dy, dx in ((0, 0), (1, 0), (0, 3), (-2, 4), (5, -3), (8, 10)):
        pairs = [
            (centred[y, x], centred[y + dy, x + dx])
            for y, x in np.argwhere(mask)
            if 0 <= y + dy < 9 and 0 <= x + dx < 11 and mask[y + dy, x + dx]
        ]
        if len(pairs) < 0.3 * mask.sum():
            assert np.isnan(found[dy, dx])
            continue
        here, there = (np.array(side) for side in zip(*pairs, strict=True))
        expected = (here * there).sum() / np.sqrt((here**2).sum() * (there**2).sum())
        assert found[dy, dx] == pytest.approx(expected, abs=1e-4)


def test_mean_of_translates_against_its_definition():
    rng = np.random.default_rng(1)
    cloth = rng.random((8, 8, 3), dtype=np.float32)
    mask = rng.random((8, 8)) < 0.7
    weights = np.zeros(lag_map_shape(mask), np.float32)
    lags = {(0, 0): 1.0, (1, 2): 0.5, (-3, 1): 0.25}
    for lag, weight in lags.items():
        weights[lag] = weight
    ground = np.full((8, 8, 3), 0.5, np.float32)
    found = mean_of_translates(cloth, mask, weights, ground)
    for y, x in np.ndindex(8, 8):
        seen = [
            (weight, cloth[y + dy, x + dx])
            for (dy, dx), weight in lags.items()
            if 0 <= y + dy < 8 and 0 <= x + dx < 8 and mask[y + dy, x + dx]
        ]
        total = sum(weight for weight, _ in seen)
        expected = sum(weight * colour for weight, colour in seen) / total if seen else 0.5
        np.testing.assert_allclose(found[y, x], expected, atol=1e-4)


def test_inverse_distance_fill_keeps_the_mask_and_continues_it():
    cloth = np.zeros((64, 64, 3), np.float32)
    mask = np.zeros((64, 64), bool)
    mask[:, :10] = mask[:, -10:] = True
    cloth[:, -10:] = 1
    filled = inverse_distance_fill(cloth, mask)
    np.testing.assert_array_equal(filled[mask], cloth[mask])
    across = filled[32, :, 0]
    assert (np.diff(across) >= -1e-6).all()
    assert across[10] < 0.1
    assert across[53] > 0.9
    assert across[31:33].mean() == pytest.approx(0.5, abs=0.01)


def test_lag_lengths_count_negative_lags_from_the_end():
    lengths = lag_lengths((10, 14))
    assert lengths[0, 0] == 0
    assert lengths[3, 4] == lengths[-3, 4] == lengths[3, -4] == 5
