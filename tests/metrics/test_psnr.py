"""PSNR against skimage and against the formula."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from skimage.metrics import peak_signal_noise_ratio
from tpgbench.core.errors import TpgbenchError
from tpgbench.metrics.psnr import psnr

SHAPES = st.tuples(st.integers(1, 12), st.integers(1, 12), st.just(3))
PAIRS = SHAPES.flatmap(lambda shape: st.tuples(arrays(np.uint8, shape), arrays(np.uint8, shape)))


@given(PAIRS)
def test_equals_skimage_to_the_last_bit(pair):
    first, second = pair
    if np.array_equal(first, second):
        assert psnr(first, second) == math.inf
    else:
        assert psnr(first, second) == peak_signal_noise_ratio(second, first, data_range=255)


def test_a_large_pair_equals_skimage_to_the_last_bit():
    rng = np.random.default_rng(0)
    first, second = rng.integers(0, 256, (2, 1025, 777, 3), dtype=np.uint8)
    assert psnr(first, second) == peak_signal_noise_ratio(second, first, data_range=255)


@pytest.mark.parametrize(("difference", "decibels"), [(255, 0.0), (1, 48.1308036086791)])
def test_closed_form(difference, decibels):
    black = np.zeros((16, 24, 3), dtype=np.uint8)
    assert psnr(black, black + np.uint8(difference)) == pytest.approx(decibels, abs=1e-12)


def test_the_largest_error_does_not_overflow():
    # 255**2 * 3 * 256**2 is more than an int32 holds.
    black = np.zeros((256, 256, 3), dtype=np.uint8)
    assert psnr(black, ~black) == 0.0


@given(PAIRS)
def test_is_symmetric(pair):
    assert psnr(*pair) == psnr(*reversed(pair))


@settings(max_examples=20)
@given(st.integers(0, 2**32))
def test_falls_as_noise_grows(seed):
    rng = np.random.default_rng(seed)
    truth = rng.integers(96, 160, (24, 24, 3), dtype=np.uint8)
    noise = rng.normal(size=truth.shape)
    values = [psnr(np.uint8(np.rint(truth + scale * noise)), truth) for scale in (0, 2, 4, 8, 16)]
    assert values == sorted(values, reverse=True)
    assert len(set(values)) == 5


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        (np.zeros((16, 16, 3)), "float64 values: give uint8"),
        (np.zeros((16, 16), np.uint8), r"shape \(16, 16\): give RGB"),
        (np.zeros((16, 16, 4), np.uint8), "give RGB"),
        (np.zeros((0, 16, 3), np.uint8), "each side must be 1 px at least"),
        (np.zeros((16, 17, 3), np.uint8), "17x16 px and the ground truth 16x16 px"),
    ],
)
def test_wrong_input_is_refused_in_one_line(output, reason):
    with pytest.raises(TpgbenchError, match=reason):
        psnr(output, np.zeros((16, 16, 3), np.uint8))
