"""Texture by scale: known pictures, and that lack and excess are told apart."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from tpgbench.metrics.base import Pair, make_metric
from tpgbench.metrics.texture_band import band_energies, texture_band


def noise(seed: int = 0, side: int = 64) -> np.ndarray:
    return np.random.default_rng(seed).integers(64, 192, (side, side, 3), dtype=np.uint8)


def stripes(period: int, *, axis: int = 1, side: int = 64) -> np.ndarray:
    line = np.where(np.arange(side) // (period // 2) % 2, 200, 100).astype(np.uint8)
    grey = np.broadcast_to(line if axis == 1 else line[:, None], (side, side))
    return np.repeat(grey[..., None], 3, axis=2)


def test_energies_lie_where_the_texture_is():
    # Bands by scale, then edges along x, y, and the diagonal.
    fine, coarse = band_energies(stripes(2)).reshape(3, 3), band_energies(stripes(8)).reshape(3, 3)
    assert fine[0] == pytest.approx([100, 0, 0])  # every pixel's neighbour differs by 100
    assert fine[1:] == pytest.approx(np.zeros((2, 3)), abs=1e-9)
    assert coarse[:, 0].argmax() == 2
    turned = band_energies(stripes(2, axis=0)).reshape(3, 3)
    assert turned[0] == pytest.approx([0, 100, 0])


def test_it_forgives_a_shift_and_not_a_turn():
    truth = stripes(4)
    assert texture_band(np.roll(truth, 1, axis=1), truth) < 0.02
    assert texture_band(stripes(4, axis=0), truth) > 1


@pytest.mark.parametrize("strength", [0.7, 2.0])
def test_blur_lacks_and_noise_exceeds(strength):
    truth = noise()
    blurred = gaussian_filter(truth, (strength, strength, 0))
    assert texture_band(blurred, truth, "lack") == texture_band(blurred, truth) > 0.2
    assert texture_band(blurred, truth, "excess") == 0
    assert texture_band(truth, blurred, "excess") == pytest.approx(texture_band(blurred, truth))


def test_lack_and_excess_add_up_to_the_error():
    first, second = noise(1), stripes(6)
    parts = [texture_band(first, second, part) for part in ("lack", "excess")]
    assert min(parts) > 0
    assert sum(parts) == pytest.approx(texture_band(first, second))


def test_a_photo_that_its_inputs_do_not_determine_is_not_scored():
    metric = make_metric("texture_band@lack")
    assert "part:lack" in metric.recipe({})
    pair = Pair("a", noise(), noise(1), determined=False)
    assert "caption alone" in metric.unavailable(pair)
    assert metric.unavailable(Pair("a", noise(), noise(1))) is None
