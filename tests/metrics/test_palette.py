"""Dominant colours and their distance."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from skimage.color import deltaE_ciede2000, rgb2lab
from tpgbench.core.errors import TpgbenchError
from tpgbench.metrics.palette import dominant_colours, palette

IMAGES = st.tuples(st.integers(1, 8), st.integers(1, 8), st.just(3)).flatmap(
    lambda shape: arrays(np.uint8, shape)
)


def blocks(*colours, size=10):
    """Equal bars of the given colours."""
    return np.repeat(np.array(colours, np.uint8)[:, None, None].repeat(size, 2), size, 1).reshape(
        -1, size, 3
    )


def lab(*colour):
    return rgb2lab(np.array(colour)[None, None] / 255)[0, 0]


RED, BLUE, WHITE, BLACK, GREEN = (
    (200, 30, 40),
    (30, 60, 180),
    (255, 255, 255),
    (0, 0, 0),
    (40, 160, 60),
)


class TestDominantColours:
    def test_a_few_flat_colours_are_found_exactly(self):
        colours = [RED, BLUE, WHITE, BLACK, GREEN]
        found = dominant_colours(blocks(*colours))
        expected = np.array([lab(*colour) for colour in colours])
        distance = np.linalg.norm(found.lab[:, None] - expected, axis=-1)
        assert sorted(distance.argmin(axis=1)) == [0, 1, 2, 3, 4]
        assert distance.min(axis=1).max() < 1e-6
        assert found.share == pytest.approx(np.full(5, 0.2))

    @pytest.mark.parametrize("number", [1, 2, 3])
    def test_fewer_colours_give_fewer_clusters(self, number):
        found = dominant_colours(blocks(*[RED, BLUE, WHITE][:number]))
        assert len(found.lab) == len(found.share) == number

    def test_shares_are_areas(self):
        found = dominant_colours(np.concatenate([blocks(RED)] * 3 + [blocks(BLUE)]))
        assert sorted(found.share) == pytest.approx([0.25, 0.75])

    def test_noise_around_the_colours_does_not_hide_them(self):
        rng = np.random.default_rng(0)
        image = np.clip(
            blocks(RED, BLUE, WHITE, BLACK, GREEN, size=40) + rng.normal(0, 9, (200, 40, 3)), 0, 255
        )
        found = dominant_colours(image.astype(np.uint8))
        expected = np.array([lab(*colour) for colour in (RED, BLUE, WHITE, BLACK, GREEN)])
        distance = np.linalg.norm(found.lab[:, None] - expected, axis=-1)
        assert sorted(distance.argmin(axis=1)) == [0, 1, 2, 3, 4]
        assert distance.min(axis=1).max() < 6

    @settings(max_examples=40, deadline=None)
    @given(IMAGES)
    def test_at_most_five_and_they_share_the_whole(self, image):
        found = dominant_colours(image)
        assert 1 <= len(found.lab) <= 5
        assert found.share.sum() == pytest.approx(1.0)
        assert (found.share > 0).all()


class TestPalette:
    def test_of_two_flat_images_it_is_their_colour_difference(self):
        expected = deltaE_ciede2000(lab(*RED), lab(*BLUE))
        assert palette(blocks(RED), blocks(BLUE)) == pytest.approx(float(expected), abs=1e-9)
        assert palette(blocks(BLACK), blocks(WHITE)) == pytest.approx(100.0, abs=1e-5)

    def test_reproduces_a_pair_of_sharma_s_table(self):
        # Row 1 of the test data of Sharma et al. 2005, through the oracle that is used here.
        value = deltaE_ciede2000([50.0, 2.6772, -79.7751], [50.0, 0.0, -82.7485])
        assert value == pytest.approx(2.0425, abs=5e-5)

    def test_is_weighted_by_area(self):
        # Half of the white has to become black, at 100 a pixel.
        assert palette(blocks(WHITE, BLACK), blocks(WHITE)) == pytest.approx(50.0, abs=1e-5)

    def test_unequal_areas_are_weighed(self):
        mostly_white = np.concatenate([blocks(WHITE)] * 3 + [blocks(BLACK)])
        assert palette(mostly_white, blocks(WHITE)) == pytest.approx(25.0, abs=1e-5)
        assert palette(mostly_white, blocks(WHITE, BLACK)) == pytest.approx(25.0, abs=1e-5)

    def test_matching_is_optimal_not_greedy(self):
        greys = [blocks((v, v, v)) for v in (0, 60, 120)]
        near, far = np.concatenate(greys[:2]), np.concatenate(greys[1:])
        step = [deltaE_ciede2000(lab(*[a] * 3), lab(*[b] * 3)) for a, b in ((0, 60), (60, 120))]
        straight = deltaE_ciede2000(lab(0, 0, 0), lab(120, 120, 120))
        expected = min(sum(step), straight) / 2
        assert palette(near, far) == pytest.approx(float(expected), abs=1e-6)

    @settings(max_examples=40, deadline=None)
    @given(IMAGES, IMAGES)
    def test_symmetric_zero_for_itself_and_never_negative(self, first, second):
        assert palette(first, first) == pytest.approx(0.0, abs=1e-9)
        assert palette(first, second) == pytest.approx(palette(second, first), abs=1e-7)
        assert palette(first, second) >= 0.0

    @settings(max_examples=30, deadline=None)
    @given(IMAGES, IMAGES, st.randoms(use_true_random=False))
    def test_the_order_of_pixels_does_not_change_a_bit(self, first, second, random):
        pixels = first.reshape(-1, 3).tolist()
        random.shuffle(pixels)
        shuffled = np.array(pixels, np.uint8).reshape(first.shape)
        assert palette(shuffled, second) == palette(first, second)

    def test_the_size_does_not_matter(self):
        image = np.random.default_rng(1).integers(0, 256, (8, 8, 3), dtype=np.uint8)
        assert palette(np.tile(image, (3, 2, 1)), image) == pytest.approx(0.0, abs=1e-9)

    def test_grows_with_a_shift_of_hue(self):
        truth = blocks(RED, BLUE, GREEN)
        values = [palette(blocks((200, 30 + s, 40), BLUE, GREEN), truth) for s in (0, 10, 30, 90)]
        assert values == sorted(values)
        assert len(set(values)) == 4

    def test_little_noise_costs_little(self):
        rng = np.random.default_rng(2)
        truth = blocks(RED, BLUE, WHITE, BLACK, GREEN, size=30)
        noisy = np.uint8(np.clip(truth + rng.normal(0, 4, truth.shape), 0, 255))
        assert palette(noisy, truth) < 2.5

    def test_wrong_input_is_refused(self):
        with pytest.raises(TpgbenchError, match="give uint8"):
            palette(np.zeros((4, 4, 3)), np.zeros((4, 4, 3), np.uint8))
