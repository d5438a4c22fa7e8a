from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage
from tpgbench.baselines.shading import flatten_shading, gaussian_blur


def checks(size=64):
    """Fine checks of two greys: a pattern without slow changes."""
    rows, columns = np.mgrid[:size, :size] // 4
    return np.repeat(np.where((rows + columns) % 2, 0.7, 0.3)[..., None], 3, axis=-1)


def disc(size=64):
    rows, columns = np.mgrid[:size, :size] - size / 2
    return np.hypot(rows, columns) < size * 0.45


def unevenness(cloth, mask):
    """How far the brightness of the quarters differs, relative."""
    means = [
        cloth[block][mask[block]].mean()
        for block in (np.s_[:32, :32], np.s_[:32, 32:], np.s_[32:, :32], np.s_[32:, 32:])
    ]
    return (max(means) - min(means)) / np.mean(means)


def test_a_ramp_of_light_is_removed_and_the_pattern_kept():
    truth, mask = checks(), disc()
    ramp = np.linspace(0.5, 1.0, 64)[:, None, None]
    shaded = (truth * ramp).astype(np.float32)
    flat = flatten_shading(shaded, mask, sigma=10)
    assert unevenness(flat, mask) < unevenness(shaded, mask) / 3
    contrast = flat[mask].std() / flat[mask].mean()
    assert contrast == pytest.approx(truth[mask].std() / truth[mask].mean(), rel=0.1)
    assert flat[mask].mean() == pytest.approx(shaded[mask].mean(), rel=0.05)


def test_what_lies_outside_the_mask_has_no_say():
    truth, mask = checks().astype(np.float32), disc()
    other = np.where(mask[..., None], truth, 1.0).astype(np.float32)
    one, two = (flatten_shading(cloth, mask, sigma=10)[mask] for cloth in (truth, other))
    np.testing.assert_array_equal(one, two)


def test_the_result_stays_in_range_and_finite():
    cloth = np.zeros((32, 32, 3), np.float32)
    cloth[:2] = 1
    flat = flatten_shading(cloth, np.ones((32, 32), bool), sigma=2)
    assert np.isfinite(flat).all()
    assert flat.min() >= 0
    assert flat.max() <= 1


@pytest.mark.parametrize("sigma", [1.5, 6.0, 40.0])
def test_the_blur_is_scipys_gaussian(sigma):
    image = np.random.default_rng(0).random((40, 57), dtype=np.float32)
    expected = ndimage.gaussian_filter(image, sigma, mode="constant", truncate=6)
    np.testing.assert_allclose(gaussian_blur(image, sigma), expected, atol=3e-3)
