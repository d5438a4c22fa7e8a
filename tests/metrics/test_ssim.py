"""SSIM against skimage and against the formula."""

import numpy as np
import pytest
import scipy.ndimage
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.metrics import structural_similarity
from tpgbench.core.errors import TpgbenchError
from tpgbench.metrics.ssim import ssim


def oracle(output, truth):
    return structural_similarity(
        truth,
        output,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        channel_axis=-1,
        data_range=255,
    )


def textured(seed, height, width):
    """Noise with the spectrum of a photo: many sizes of detail, full contrast."""
    noise = np.random.default_rng(seed).normal(size=(height, width, 3))
    layers = [scipy.ndimage.gaussian_filter(noise, (s, s, 0)) * s for s in (0.5, 1, 2, 4, 8)]
    total = sum(layers)
    return np.uint8(255 * (total - total.min()) / np.ptp(total))


@st.composite
def pairs(draw, max_side=48):
    height, width = draw(st.integers(11, max_side)), draw(st.integers(11, max_side))
    truth = textured(draw(st.integers(0, 2**32)), height, width)
    noise = np.random.default_rng(draw(st.integers(0, 2**32))).normal(size=truth.shape)
    scale = draw(st.sampled_from([0, 1, 20, 100]))
    return np.uint8(np.clip(truth + scale * noise, 0, 255)), truth


class TestParity:
    @settings(max_examples=60, deadline=None)
    @given(pairs())
    def test_all_sizes_equal_skimage(self, pair):
        assert ssim(*pair) == pytest.approx(oracle(*pair), abs=1e-10)

    # Around the length of a block, one row or column more or less.
    @pytest.mark.parametrize("side", [11, 12, 33, 34, 35, 57, 58, 59, 257])
    def test_block_edges_equal_skimage(self, side):
        first, second = textured(1, side, 40), textured(2, side, 40)
        assert ssim(first, second) == pytest.approx(oracle(first, second), abs=1e-10)
        first, second = textured(1, 40, side), textured(2, 40, side)
        assert ssim(first, second) == pytest.approx(oracle(first, second), abs=1e-10)

    @pytest.mark.parametrize("values", [(0, 0), (255, 255), (0, 255), (254, 255), (7, 200)])
    def test_flat_images_equal_skimage(self, values):
        first, second = (np.full((40, 30, 3), value, np.uint8) for value in values)
        assert ssim(first, second) == pytest.approx(oracle(first, second), abs=1e-10)

    def test_a_large_pair_equals_skimage(self):
        rng = np.random.default_rng(0)
        first, second = rng.integers(0, 256, (2, 512, 384, 3), dtype=np.uint8)
        assert ssim(first, second) == pytest.approx(oracle(first, second), abs=1e-10)

    def test_a_view_is_measured_as_its_copy(self):
        whole = textured(3, 64, 64)
        view = whole[::-1, 5:60:2]
        other = textured(4, *view.shape[:2])
        assert ssim(view, other) == ssim(view.copy(), other)


class TestClosedForm:
    def test_flat_images_leave_the_luminance_term(self):
        first, second = (np.full((16, 16, 3), value, np.uint8) for value in (100, 120))
        c1 = (0.01 * 255) ** 2
        expected = (2 * 100 * 120 + c1) / (100**2 + 120**2 + c1)
        assert ssim(first, second) == pytest.approx(expected, abs=1e-12)

    def test_a_negative_turns_the_structure_round(self):
        image = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
        assert ssim(255 - image, image) < -0.7

    def test_channels_count_alike(self):
        truth = textured(5, 32, 32)
        values = []
        for channel in range(3):
            output = truth.copy()
            output[..., channel] = 0
            other = np.roll(truth, 1, axis=2)
            rolled = np.roll(output, 1, axis=2)
            assert ssim(output, truth) == pytest.approx(ssim(rolled, other), abs=1e-12)
            values.append(ssim(output, truth))
        assert max(values) < 0.75


class TestProperties:
    @settings(max_examples=30, deadline=None)
    @given(pairs())
    def test_symmetric_and_bounded(self, pair):
        value = ssim(*pair)
        assert value == pytest.approx(ssim(*reversed(pair)), abs=1e-12)
        assert -1.0 <= value <= 1.0 + 1e-12

    @settings(max_examples=30, deadline=None)
    @given(pairs())
    def test_flips_of_both_change_nothing(self, pair):
        flipped = [image[::-1, ::-1] for image in pair]
        assert ssim(*flipped) == pytest.approx(ssim(*pair), abs=1e-12)

    @settings(max_examples=20, deadline=None)
    @given(st.integers(0, 2**32))
    def test_one_for_identity_and_less_as_noise_grows(self, seed):
        truth = textured(seed, 40, 40)
        noise = np.random.default_rng(seed).normal(size=truth.shape)
        values = [
            ssim(np.uint8(np.clip(truth + scale * noise, 0, 255)), truth)
            for scale in (0, 8, 24, 72)
        ]
        assert values[0] == 1.0
        assert values == sorted(values, reverse=True)
        assert len(set(values)) == 4


@pytest.mark.parametrize("shape", [(10, 40, 3), (40, 10, 3)])
def test_smaller_than_the_window_is_refused(shape):
    image = np.zeros(shape, np.uint8)
    with pytest.raises(TpgbenchError, match="each side must be 11 px at least"):
        ssim(image, image)


def test_two_sizes_are_refused():
    with pytest.raises(TpgbenchError, match="20x16 px and the ground truth 16x16 px"):
        ssim(np.zeros((16, 20, 3), np.uint8), np.zeros((16, 16, 3), np.uint8))
