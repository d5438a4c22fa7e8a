from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra.numpy import array_shapes, arrays
from tpgbench.baselines.quilting import (
    PatchSearch,
    Quilting,
    QuiltingConfig,
    before_seams,
    left_of_seam,
    whole_blocks,
)
from tpgbench.benchmark.sample import Sample

COSTS = arrays(
    np.float64,
    array_shapes(min_dims=2, max_dims=2, max_side=5),
    elements={"min_value": 0, "max_value": 9},
)


def cheapest_seam(cost):
    """By trying all seams."""
    height, width = cost.shape
    return min(
        sum(cost[row, column] for row, column in enumerate(seam))
        for seam in itertools.product(range(width), repeat=height)
        if all(abs(a - b) <= 1 for a, b in itertools.pairwise(seam))
    )


@settings(max_examples=100, deadline=None)
@given(COSTS)
def test_no_connected_seam_costs_less(cost):
    left = left_of_seam(cost)
    seam = left.sum(axis=1)
    np.testing.assert_array_equal(left, np.arange(cost.shape[1]) < seam[:, None])
    assert (np.abs(np.diff(seam)) <= 1).all()
    assert cost[np.arange(len(seam)), seam].sum() == pytest.approx(cheapest_seam(cost))


def test_a_seam_follows_the_free_path():
    cost = np.ones((4, 5))
    path = [1, 2, 3, 2]
    cost[np.arange(4), path] = 0
    assert left_of_seam(cost).sum(axis=1).tolist() == path


def test_a_block_is_cut_along_its_top_and_its_left():
    cost = np.ones((6, 6), np.float32)
    cost[:, 1] = 0
    columns, rows = np.meshgrid(np.arange(6), np.arange(6))
    np.testing.assert_array_equal(before_seams(cost, 0, 3), columns < 1)
    np.testing.assert_array_equal(before_seams(cost.T, 3, 0), rows < 1)
    both = before_seams(np.minimum(cost, cost.T), 3, 3)
    assert both[:, 0].sum() >= 5
    assert both[0].sum() >= 5
    assert not both[2:, 2:].any()
    assert not before_seams(cost, 0, 0).any()


def test_whole_blocks_against_trying_each():
    mask = np.random.default_rng(0).random((12, 12)) < 0.9
    for block in (1, 2, 3, 12):
        expected = np.lib.stride_tricks.sliding_window_view(mask, (block, block)).all(axis=(2, 3))
        np.testing.assert_array_equal(whole_blocks(mask, block), expected)


def test_patch_errors_against_subtracting_each_patch():
    rng = np.random.default_rng(1)
    cloth = rng.random((23, 23, 3), dtype=np.float32)
    mask = np.ones((23, 23), bool)
    mask[:4, :9] = False
    targets = rng.random((2, 6, 6, 3), dtype=np.float32)
    weights = rng.random((2, 6, 6))
    patches = np.lib.stride_tricks.sliding_window_view(cloth, (6, 6), axis=(0, 1))
    patches = np.moveaxis(patches, 2, -1)
    expected = sum(
        (weight[..., None] * (patches - target) ** 2).sum(axis=(2, 3, 4))
        for target, weight in zip(targets, weights, strict=True)
    )
    errors = PatchSearch(cloth, mask, 6).errors(targets, weights)
    inside = whole_blocks(mask, 6)
    np.testing.assert_allclose(errors[inside], expected[inside], rtol=1e-5)
    assert np.isinf(errors[~inside]).all()


@pytest.mark.parametrize("guidance", [0.0, 1.0])
@pytest.mark.parametrize("thin", [False, True])
def test_every_colour_is_one_of_the_garments_interior(guidance, thin):
    """Around the garment lies one colour, along its edge another: neither may appear."""
    rng = np.random.default_rng(2)
    garment = np.full((64, 64, 3), (0, 255, 0), np.uint8)
    mask = np.zeros((64, 64), bool)
    mask[8:56, 20 : 26 if thin else 50] = True
    garment[mask] = (255, 255, 0)
    inner = np.s_[9:55, 21 : 25 if thin else 49]
    garment[inner] = rng.integers(0, 200, garment[inner].shape)
    model = Quilting(QuiltingConfig(flatten=False, guidance=guidance))
    (image,) = model.generate([Sample("a", 64, garment, mask)], [0])
    allowed = {tuple(colour) for colour in garment[inner].reshape(-1, 3)}
    assert {tuple(colour) for colour in image.reshape(-1, 3)} <= allowed


def test_guidance_keeps_the_garment_where_it_shows():
    rng = np.random.default_rng(3)
    garment = rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)
    mask = np.zeros((64, 64), bool)
    mask[:, :48] = True

    def kept(guidance):
        model = Quilting(QuiltingConfig(flatten=False, guidance=guidance))
        (image,) = model.generate([Sample("a", 64, garment, mask)], [0])
        return (image == garment)[12:40, 12:40].mean()  # whole blocks of the interior

    assert kept(10.0) > 0.9
    assert kept(0.0) < 0.1


def test_seams_hide_in_a_pattern_that_repeats():
    """On stripes every seam can be perfect, so the quilt must be stripes again."""
    stripes = np.where(np.arange(64) % 8 < 4, 220, 30).astype(np.uint8)
    garment = np.broadcast_to(stripes[:, None, None], (64, 64, 3)).copy()
    mask = np.zeros((64, 64), bool)
    mask[6:58, 6:40] = True
    model = Quilting(QuiltingConfig(flatten=False, guidance=0.0, tolerance=0.0))
    (image,) = model.generate([Sample("a", 64, garment, mask)], [4])
    assert (image == image[:, :1]).all()
    np.testing.assert_array_equal(image[8:], image[:-8])
