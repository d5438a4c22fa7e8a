"""Estimated lattices, their distance, and the repeat metric."""

import math

import numpy as np
import pytest
import scipy.ndimage
from hypothesis import assume, given
from hypothesis import strategies as st
from tpgbench.core.errors import TpgbenchError
from tpgbench.metrics.base import Pair, make_metric
from tpgbench.metrics.lattice import estimate_lattice, reduce_basis
from tpgbench.metrics.repeat import lattice_error, repeat


def tiling(basis, side=96, seed=0, noise=0.0):
    """A random motif repeated along two vectors (x, y) in pixels, drawn four times too large."""
    rng = np.random.default_rng(seed)
    motif = scipy.ndimage.gaussian_filter(rng.normal(size=(32, 32, 3)), (3, 3, 0), mode="wrap")
    motif = 255 * (motif - motif.min()) / np.ptp(motif)
    y, x = (np.mgrid[: 4 * side, : 4 * side] + 0.5) / 4
    u, v = np.linalg.inv(np.array(basis, float).T) @ np.stack([x.ravel(), y.ravel()])
    pixels = motif[(v % 1 * 32).astype(int), (u % 1 * 32).astype(int)]
    image = pixels.reshape(side, 4, side, 4, 3).mean(axis=(1, 3))
    return np.uint8(np.clip(image + noise * rng.normal(size=image.shape), 0, 255))


def stripes(period, angle, side=96, noise=0.0):
    """Hard stripes of three colours; ``angle`` is that of their normal."""
    y, x = (np.mgrid[: 4 * side, : 4 * side] + 0.5) / 4
    phase = (x * math.cos(angle) + y * math.sin(angle)) / period % 1
    colours = np.array([[200, 40, 40], [30, 60, 160], [230, 220, 200]], float)
    index = np.searchsorted([0.3, 0.5], phase)
    image = colours[index].reshape(side, 4, side, 4, 3).mean(axis=(1, 3))
    image += noise * np.random.default_rng(0).normal(size=image.shape)
    return np.uint8(np.clip(image, 0, 255))


def turned(angle, *vectors):
    cosine, sine = math.cos(angle), math.sin(angle)
    return np.array(vectors, float) @ np.array([[cosine, sine], [-sine, cosine]])


LATTICES = {
    "square": turned(0.0, (16, 0), (0, 16)),
    "fractional": turned(0.0, (13.7, 0), (0, 19.3)),
    "rectangle": turned(0.0, (12, 0), (0, 31)),
    "rotated": turned(0.4, (17.5, 0), (0, 21.2)),
    "hexagonal": turned(0.1, (20, 0), (10, 20 * math.sqrt(0.75))),
    "oblique": turned(0.7, (18, 0), (5, 25)),
    "brick": turned(0.0, (24, 0), (12, 14)),
    "fine": turned(0.2, (8.3, 0), (0, 9.1)),
    "coarse": turned(-0.1, (44, 0), (0, 46)),
}


class TestEstimate:
    @pytest.mark.parametrize("name", LATTICES)
    @pytest.mark.parametrize("noise", [0.0, 25.0])
    def test_lattices_are_found_to_a_hundredth(self, name, noise):
        found = estimate_lattice(tiling(LATTICES[name], noise=noise))
        assert found.shape == (2, 2)
        assert lattice_error(found, LATTICES[name]) < 0.01

    def test_most_random_lattices_are_found(self):
        rng = np.random.default_rng(4)
        errors = []
        for seed in range(30):
            size, ratio, skew = rng.uniform(10, 28), rng.uniform(0.7, 1.4), rng.uniform(-0.5, 0.5)
            basis = turned(rng.uniform(0, 3), (size, 0), (skew * size, ratio * size))
            errors.append(lattice_error(estimate_lattice(tiling(basis, seed=seed)), basis))
        assert np.mean(np.array(errors) < 0.02) >= 0.9

    @pytest.mark.parametrize("angle", [0.0, 0.3, math.pi / 4, 1.2, math.pi / 2, 2.5])
    @pytest.mark.parametrize("period", [6.3, 11.7, 29.0])
    @pytest.mark.parametrize("noise", [0.0, 40.0])
    def test_stripes_have_one_period_along_their_normal(self, period, angle, noise):
        found = estimate_lattice(stripes(period, angle, noise=noise))
        expected = turned(angle, (period, 0))
        assert found.shape == (1, 2)
        assert lattice_error(found, expected) < 0.02

    @pytest.mark.parametrize("seed", range(3))
    def test_a_recoloured_copy_within_the_cell_is_no_period(self, seed):
        # Every second motif differs a little: the neighbours are alike, the period is two.
        motif, other = (tiling(LATTICES["square"], 16, seed + k).astype(float) for k in (0, 1))
        cell = np.hstack([motif, 0.7 * motif + 0.3 * other])
        image = np.uint8(np.tile(cell, (6, 3, 1)))
        assert lattice_error(estimate_lattice(image), np.diag([32.0, 16.0])) < 0.02

    @pytest.mark.parametrize("seed", range(3))
    def test_copies_that_differ_irregularly_do_not_hide_the_period(self, seed):
        image = tiling(LATTICES["rotated"], seed=seed)
        stains = np.random.default_rng(seed).normal(size=image.shape)
        stains = scipy.ndimage.gaussian_filter(stains, (5, 5, 0))
        image = np.uint8(np.clip(image + 40 * stains / stains.std(), 0, 255))
        assert lattice_error(estimate_lattice(image), LATTICES["rotated"]) < 0.05

    def test_a_period_beyond_half_the_canvas_is_not_seen(self):
        found = estimate_lattice(tiling([(20, 0), (0, 60)], side=96))
        assert lattice_error(found, np.array([[20.0, 0.0]])) < 0.02
        assert len(estimate_lattice(tiling([(60, 0), (0, 60)], side=96))) == 0

    @pytest.mark.parametrize("sigma", [0, 1, 3, 8])
    @pytest.mark.parametrize("seed", range(3))
    def test_random_textures_have_none(self, sigma, seed):
        noise = np.random.default_rng(seed).normal(size=(96, 96, 3))
        smooth = scipy.ndimage.gaussian_filter(noise, (sigma, sigma, 0))
        image = np.uint8(255 * (smooth - smooth.min()) / np.ptp(smooth))
        assert len(estimate_lattice(image)) == 0

    @pytest.mark.parametrize("shape", [(16, 16, 3), (17, 40, 3)])
    def test_flat_images_have_none(self, shape):
        assert estimate_lattice(np.full(shape, 90, np.uint8)).shape == (0, 2)

    def test_only_the_pixels_of_the_mask_count(self):
        image = tiling(LATTICES["rotated"], side=128)
        y, x = np.mgrid[:128, :128]
        mask = np.hypot(y - 60, x - 66) < 50
        image[~mask] = np.random.default_rng(0).integers(0, 256, (int((~mask).sum()), 3))
        assert lattice_error(estimate_lattice(image, mask), LATTICES["rotated"]) < 0.02
        assert (
            lattice_error(
                estimate_lattice(tiling(LATTICES["rotated"]), np.zeros((96, 96), bool)),
                np.zeros((0, 2)),
            )
            == 0.0
        )

    def test_the_canvas_need_not_be_square(self):
        image = tiling(LATTICES["rotated"], side=128)[:80]
        assert lattice_error(estimate_lattice(image), LATTICES["rotated"]) < 0.02

    def test_a_phase_or_a_flip_changes_nothing_but_the_sign(self):
        image = tiling(LATTICES["oblique"], side=96)
        found = estimate_lattice(image)
        assert lattice_error(estimate_lattice(image[::-1, ::-1]), found) < 0.01
        mirrored = estimate_lattice(image[:, ::-1]) * [-1, 1]
        assert lattice_error(mirrored, found) < 0.01

    def test_a_mask_of_another_size_is_refused(self):
        with pytest.raises(TpgbenchError, match="the mask has shape"):
            estimate_lattice(tiling(LATTICES["square"]), np.ones((8, 8), bool))


BASES = st.lists(st.floats(-9, 9), min_size=4, max_size=4).map(
    lambda values: np.array(values).reshape(2, 2)
)
UNIMODULAR = st.sampled_from(
    [[[1, 0], [3, 1]], [[2, 1], [1, 1]], [[0, 1], [-1, 0]], [[1, -4], [0, 1]], [[5, 2], [2, 1]]]
)


def well_shaped(basis):
    lengths = np.linalg.norm(basis, axis=1)
    assume(lengths.min() > 0.5)
    assume(abs(np.linalg.det(basis)) > 0.05 * lengths.prod())
    return basis


class TestLatticeError:
    @given(BASES, UNIMODULAR)
    def test_all_bases_of_a_lattice_are_equal(self, basis, change):
        assert lattice_error(np.array(change) @ well_shaped(basis), basis) < 1e-9

    @given(BASES, BASES)
    def test_symmetric_and_bounded(self, first, second):
        error = lattice_error(well_shaped(first), well_shaped(second))
        assert 0.0 <= error <= 1.0
        assert error == lattice_error(second, first)

    @given(BASES, st.floats(0.001, 0.05))
    def test_a_period_off_by_a_part_gives_that_part(self, basis, part):
        assert lattice_error((1 + part) * well_shaped(basis), basis) == pytest.approx(
            part, rel=0.06
        )

    @given(BASES, st.sampled_from([2, 3, 0.5]))
    def test_a_multiple_of_the_period_is_all_wrong(self, basis, factor):
        assert lattice_error(factor * well_shaped(basis), basis) == pytest.approx(1.0)

    def test_one_doubled_vector_is_half_wrong(self):
        assert lattice_error(np.diag([3.0, 10.0]), np.diag([3.0, 5.0])) == 0.5

    def test_one_vector_against_two(self):
        square = np.diag([4.0, 4.0])
        assert lattice_error(square[:1], square) == 0.5
        assert lattice_error(square[:1], 2 * square[:1]) == 1.0
        assert lattice_error(square[:1], -square[:1]) == 0.0

    def test_none_against_some_is_the_worst(self):
        none, some = np.zeros((0, 2)), np.diag([4.0, 4.0])
        assert lattice_error(none, some) == lattice_error(some, none) == 1.0
        assert lattice_error(none, none) == 0.0

    @given(BASES, UNIMODULAR)
    def test_the_reduced_basis_is_the_shortest(self, basis, change):
        short, long = reduce_basis(np.array(change) @ well_shaped(basis))
        around = [i * basis[0] + j * basis[1] for i in range(-25, 26) for j in range(-25, 26)]
        lengths = sorted(np.linalg.norm(point) for point in around)[1:]
        assert np.linalg.norm(short) == pytest.approx(lengths[0])
        assert abs(short @ long) <= short @ short * (0.5 + 1e-9)

    @pytest.mark.timeout(5)
    @pytest.mark.parametrize(
        "basis",
        [1.01 * np.array([[1.7, -2.0], [0.8, -2.5]]), 1.05 * np.array([[-0.1, -4.7], [0.7, -4.5]])],
    )
    def test_a_tie_that_rounding_tips_back_and_forth_comes_to_an_end(self, basis):
        assert abs(np.linalg.det(reduce_basis(basis))) == pytest.approx(abs(np.linalg.det(basis)))


class TestRepeat:
    def test_the_right_repeat_at_any_phase_is_no_error(self):
        truth = tiling(LATTICES["rotated"], side=128)
        assert repeat(truth, truth) == 0.0
        assert repeat(truth[16:112, 16:112], truth[:96, :96]) < 0.01

    def test_another_scale_is_an_error(self):
        truth = tiling(LATTICES["square"])
        assert repeat(tiling(1.1 * LATTICES["square"]), truth) == pytest.approx(0.1, abs=0.02)
        assert repeat(tiling(2 * LATTICES["square"]), truth) == pytest.approx(1.0, abs=0.01)

    def test_no_repeat_in_the_output_is_the_worst(self):
        noise = np.random.default_rng(0).integers(0, 256, (96, 96, 3), dtype=np.uint8)
        assert repeat(noise, tiling(LATTICES["square"])) == 1.0

    def test_no_repeat_in_the_truth_is_not_defined(self):
        truth = tiling([(60, 0), (0, 60)])
        assert math.isnan(repeat(truth, truth))
        assert math.isnan(repeat(truth, truth, np.diag([60.0, 60.0])))

    def test_the_known_lattice_is_in_parts_of_the_side(self):
        metric = make_metric("repeat")
        output = tiling(LATTICES["square"])
        noise = np.random.default_rng(0).integers(0, 256, (96, 96, 3), dtype=np.uint8)
        known = {"lattice": (LATTICES["square"] / 96).tolist()}
        assert metric.score(Pair("a", output, noise, meta=known)) < 0.01
        assert math.isnan(metric.score(Pair("a", output, noise)))

    def test_a_known_cell_larger_than_the_smallest_is_no_error(self):
        truth = tiling(LATTICES["brick"])
        cell = {"lattice": (np.diag([24.0, 28.0]) / 96).tolist()}
        assert make_metric("repeat").score(Pair("a", truth, truth, meta=cell)) == 0.0

    def test_stripes_against_a_known_square_cell_are_no_error(self):
        truth = stripes(20.0, 0.0)
        cell = {"lattice": (np.diag([20.0, 20.0]) / 96).tolist()}
        assert make_metric("repeat").score(Pair("a", truth, truth, meta=cell)) == 0.0

    @pytest.mark.parametrize(
        "lattice",
        [
            [],
            [1, 2],
            [[1, 2, 3]],
            [[0.1, 0], [0.2, 0]],
            [[0, 0]],
            [["a", 0]],
            [[math.nan, 0]],
            None,
        ],
    )
    def test_a_malformed_lattice_is_refused(self, lattice):
        image = tiling(LATTICES["square"])
        with pytest.raises(TpgbenchError, match=r"row 7: the lattice in meta is .*: give one or"):
            make_metric("repeat").score(Pair("row 7", image, image, meta={"lattice": lattice}))
