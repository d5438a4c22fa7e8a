"""The seam of a repeated image."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from tpgbench.core.errors import TpgbenchError
from tpgbench.metrics.base import Pair, make_metric
from tpgbench.metrics.tileability import seam_ratio, tileability, visible_seam

IMAGES = st.tuples(st.integers(2, 10), st.integers(2, 10), st.just(3)).flatmap(
    lambda shape: arrays(np.uint8, shape)
)


def waves(side=64, periods=4.0):
    """A pattern that tiles when it holds a whole number of periods each way."""
    y, x = np.mgrid[:side, :side] * (2 * np.pi * periods / side)
    value = np.rint(127.5 + 60 * np.sin(x) + 60 * np.sin(y))
    return np.repeat(value[..., None], 3, axis=2).astype(np.uint8)


def ramp(side=17):
    """From black on the left to white on the right in equal steps."""
    row = np.linspace(0, 255, side).round().astype(np.uint8)
    return np.broadcast_to(row[None, :, None], (side, side, 3)).copy()


class TestSeamRatio:
    def test_closed_form_of_a_ramp(self):
        image = ramp(17)
        steps = np.diff(image[0, :, 0].astype(float))
        across = (255.0**2 + 1 / 6) / ((steps**2).mean() + 1 / 6)
        assert seam_ratio(image) == pytest.approx((1.0, across), rel=1e-12)

    @pytest.mark.parametrize("value", [0, 137, 255])
    def test_flat_images_have_a_ratio_of_one(self, value):
        assert seam_ratio(np.full((9, 12, 3), value, np.uint8)) == (1.0, 1.0)

    def test_noise_has_a_ratio_of_about_one(self):
        noise = np.random.default_rng(0).integers(0, 256, (256, 256, 3), dtype=np.uint8)
        assert seam_ratio(noise) == pytest.approx((1.0, 1.0), abs=0.2)

    @given(IMAGES)
    def test_flips_change_nothing_and_transposing_swaps(self, image):
        rows, columns = seam_ratio(image)
        assert seam_ratio(image[::-1, ::-1]) == pytest.approx((rows, columns))
        assert seam_ratio(image.swapaxes(0, 1)) == pytest.approx((columns, rows))

    @given(IMAGES)
    def test_finite_for_every_image(self, image):
        assert all(math.isfinite(math.log(ratio)) for ratio in seam_ratio(image))

    def test_one_row_is_refused(self):
        with pytest.raises(TpgbenchError, match="each side must be 2 px at least"):
            seam_ratio(np.zeros((1, 8, 3), np.uint8))


class TestVisibleSeam:
    def test_a_tile_has_none_and_half_a_period_shows(self):
        assert visible_seam(waves(periods=4)) < 0.7
        assert visible_seam(waves(periods=4.25)) > 2.0

    def test_grows_with_the_step_at_the_edge(self):
        values = []
        for step in (0, 40, 120):
            image = np.random.default_rng(0).integers(96, 128, (64, 64, 3), dtype=np.uint8)
            image += np.linspace(0, step, 64).astype(np.uint8)[:, None]
            values.append(visible_seam(image))
        assert values == sorted(values)
        assert values[0] < values[-1]

    def test_a_seam_smoother_than_the_inside_is_no_fault(self):
        image = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
        image[-1], image[:, -1] = image[0], image[:, 0]
        image[-1, -1] = image[0, 0] = image[0, -1] = image[-1, 0]
        assert max(seam_ratio(image)) < 0.01
        assert visible_seam(image) == 0.0


class TestAgainstTheTruth:
    @given(IMAGES, IMAGES)
    def test_symmetric_zero_for_itself_and_never_negative(self, output, truth):
        assert tileability(output, output) == 0.0
        assert tileability(output, truth) == pytest.approx(tileability(truth, output))
        assert tileability(output, truth) >= 0.0

    def test_both_directions_count_and_do_not_cancel(self):
        # One image has its seam across the rows, the other across the columns.
        assert tileability(ramp(), ramp().swapaxes(0, 1)) > 4.0

    def test_a_seam_the_truth_has_too_is_no_fault(self):
        cloth = waves(periods=4.25)
        assert tileability(cloth, cloth[:, ::-1]) == pytest.approx(0.0, abs=1e-12)
        assert tileability(waves(periods=4), cloth) > 1.0

    def test_the_truth_may_have_another_size(self):
        assert tileability(waves(64, 4.25), waves(96, 6.25)) < 1.0


class TestVariants:
    def test_what_was_computed_stands_in_the_recipe(self):
        recipes = {
            name: make_metric(name).recipe({}) for name in ("tileability", "tileability@seam")
        }
        assert "reference:truth" in recipes["tileability"]
        assert "reference:interior" in recipes["tileability@seam"]

    def test_the_default_is_the_first_variant(self):
        pair = Pair("a", waves(), ramp(64))
        default, named = make_metric("tileability"), make_metric("tileability@truth")
        assert default.settings() == named.settings()
        assert default.score(pair) == named.score(pair) > 0.0

    def test_only_the_seam_variant_does_without_a_truth(self):
        pair = Pair("a", ramp())
        assert make_metric("tileability").unavailable(pair) == "no truth"
        seam = make_metric("tileability@seam")
        assert seam.unavailable(pair) is None
        assert seam.score(pair) == visible_seam(ramp()) > 2.0

    def test_the_truth_does_not_change_the_seam_variant(self):
        seam = make_metric("tileability@seam")
        assert seam.score(Pair("a", ramp(), waves(17))) == visible_seam(ramp())
