"""The correlation over overlaps, and the measures that forgive a shift."""

import math

import numpy as np
import pytest
import scipy.ndimage
from hypothesis import given, settings
from hypothesis import strategies as st
from tpgbench.core.errors import TpgbenchError
from tpgbench.metrics.correlation import normalised_correlation
from tpgbench.metrics.psnr import psnr
from tpgbench.metrics.shift import likely_shifts, psnr_shift, ssim_shift
from tpgbench.metrics.ssim import ssim


def texture(seed, height, width, sigma=1.5):
    noise = np.random.default_rng(seed).normal(size=(height, width, 3))
    smooth = scipy.ndimage.gaussian_filter(noise, (sigma, sigma, 0))
    return np.uint8(255 * (smooth - smooth.min()) / np.ptp(smooth))


def shifted_crops(seed, side, down, right):
    """Two windows of one picture; (y, x) of the first is (y + down, x + right) of the second."""
    reach = side // 4
    picture = texture(seed, side + 2 * reach, side + 2 * reach)
    first = picture[reach : reach + side, reach : reach + side]
    second = picture[reach - down :, reach - right :][:side, :side]
    return first, second


class TestCorrelation:
    @pytest.mark.parametrize("masked", [False, True])
    def test_equals_the_definition_at_every_shift(self, masked):
        rng = np.random.default_rng(0)
        height, width = 14, 19
        first, second = rng.integers(0, 256, (2, height, width, 3), dtype=np.uint8)
        masks = rng.random((2, height, width)) > (0.3 if masked else -1)
        found = normalised_correlation(
            first, second, (5, 6), first_mask=masks[0], second_mask=masks[1]
        )
        assert found.shape == (11, 13)
        for down in range(-5, 6):
            for right in range(-6, 7):
                a, b, counted = [], [], []
                for y in range(height):
                    for x in range(width):
                        if 0 <= y + down < height and 0 <= x + right < width:
                            a.append(first[y, x])
                            b.append(second[y + down, x + right])
                            counted.append(masks[0][y, x] and masks[1][y + down, x + right])
                a, b = (np.array(values, float)[counted] for values in (a, b))
                a, b = a - a.mean(axis=0), b - b.mean(axis=0)
                expected = (a * b).sum() / math.sqrt((a * a).sum() * (b * b).sum())
                assert found[down + 5, right + 6] == pytest.approx(expected, abs=1e-10)

    def test_no_mask_is_a_full_mask(self):
        image = texture(1, 24, 20)
        full = np.ones((24, 20), bool)
        plain = normalised_correlation(image, image, (6, 5))
        masked = normalised_correlation(image, image, (6, 5), first_mask=full, second_mask=full)
        np.testing.assert_allclose(plain, masked, atol=1e-12)
        assert plain[6, 5] == pytest.approx(1.0)

    def test_flat_images_correlate_with_nothing(self):
        flat = np.full((20, 20, 3), 137, np.uint8)
        assert not normalised_correlation(flat, texture(0, 20, 20), (5, 5)).any()

    def test_an_overlap_without_texture_correlates_with_nothing(self):
        image = np.full((32, 32, 3), 90, np.uint8)
        image[-6:] = texture(0, 6, 32)
        found = normalised_correlation(image, texture(1, 32, 32), (8, 8))
        assert not found[14:].any()  # moved down by 6 or more, only the flat part is left
        assert found[8].any()

    def test_small_overlaps_do_not_count(self):
        image = texture(2, 24, 24)
        found = normalised_correlation(image, image, (12, 12), min_overlap=0.5)
        assert found[0, 0] == 0.0  # a quarter of the area
        assert found[0, 12] != 0.0  # half of it


class TestLikelyShifts:
    def test_a_crop_of_the_same_picture_is_found(self):
        first, second = shifted_crops(0, 64, 9, -14)
        assert likely_shifts(first, second)[:2] == [(0, 0), (9, -14)]

    @settings(max_examples=20, deadline=None)
    @given(st.integers(0, 2**32), st.integers(14, 40), st.integers(14, 40))
    def test_distinct_and_within_a_quarter(self, seed, height, width):
        shifts = likely_shifts(texture(seed, height, width), texture(seed + 1, height, width))
        assert shifts[0] == (0, 0)
        assert len(set(shifts)) == len(shifts) <= 4
        assert all(abs(d) <= height // 4 and abs(r) <= width // 4 for d, r in shifts)

    def test_no_shift_is_named_once(self):
        image = texture(4, 32, 32)
        assert likely_shifts(image, image).count((0, 0)) == 1

    @pytest.mark.parametrize("seed", range(5))
    def test_of_equal_peaks_the_nearest_is_taken(self, seed):
        tile = texture(seed, 8, 8)
        pattern = np.tile(tile, (8, 8, 1))
        others = likely_shifts(pattern, np.roll(pattern, (2, 3), axis=(0, 1)))[1:]
        assert others[0] == (2, 3)
        assert all(((down - 2) % 8, (right - 3) % 8) == (0, 0) for down, right in others)

    def test_flat_images_have_no_shift_to_offer(self):
        flat = np.zeros((20, 20, 3), np.uint8)
        assert likely_shifts(flat, flat) == [(0, 0)]


class TestMeasures:
    @settings(max_examples=20, deadline=None)
    @given(st.integers(0, 2**32), st.integers(-16, 16), st.integers(-16, 16))
    def test_a_shift_within_a_quarter_is_forgiven(self, seed, down, right):
        first, second = shifted_crops(seed, 64, down, right)
        assert ssim_shift(first, second) == pytest.approx(1.0, abs=1e-9)
        assert psnr_shift(first, second) == math.inf

    def test_a_shift_beyond_it_is_not(self):
        picture = texture(5, 128, 128)
        assert ssim_shift(picture[:64, :64], picture[40:104, 40:104]) < 0.3

    def test_nothing_wraps_around(self):
        # Rolled, the image meets itself but for the seam; cropped to the overlap, exactly.
        image = texture(6, 64, 64)
        assert psnr_shift(np.roll(image, 8, axis=1), image) == math.inf
        assert psnr_shift(np.roll(image, 24, axis=1), image) < 25  # 24 is beyond a quarter

    @settings(max_examples=20, deadline=None)
    @given(st.integers(0, 2**32), st.integers(14, 40), st.integers(14, 40))
    def test_never_below_the_plain_measure(self, seed, height, width):
        first, second = texture(seed, height, width), texture(seed + 1, height, width)
        assert ssim_shift(first, second) >= ssim(first, second)
        assert psnr_shift(first, second) >= psnr(first, second)

    def test_unrelated_patterns_gain_little(self):
        gains = [
            ssim_shift(a, b) - ssim(a, b)
            for a, b in ((texture(s, 64, 64), texture(s + 50, 64, 64)) for s in range(10))
        ]
        assert np.mean(gains) < 0.15

    @pytest.mark.parametrize("side", [14, 15, 16, 17])
    def test_tiny_images_have_a_value(self, side):
        assert ssim_shift(texture(7, side, side), texture(8, side, side)) <= 1.0

    def test_too_small_is_refused(self):
        tiny = np.zeros((13, 20, 3), np.uint8)
        with pytest.raises(TpgbenchError, match="each side must be 14 px at least"):
            ssim_shift(tiny, tiny)
