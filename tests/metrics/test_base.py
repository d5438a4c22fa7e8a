"""The aggregate, the recipe, and what the weight-free metrics declare."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import noise
from tpgbench.core.errors import TpgbenchError, UnknownNameError
from tpgbench.metrics.base import Pair, format_recipe, make_metric

WEIGHT_FREE = (
    "palette",
    "psnr",
    "psnr_shift",
    "repeat",
    "ssim",
    "ssim_shift",
    "tileability",
)
SCORES = st.lists(
    st.one_of(
        st.integers(-10_000, 10_000).map(lambda n: n / 100),
        st.sampled_from([math.nan, math.inf]),
    ),
    max_size=40,
)


@pytest.mark.parametrize("name", WEIGHT_FREE)
class TestEveryWeightFreeMetric:
    def test_declares_what_the_tables_show(self, name):
        metric = make_metric(name)
        assert metric.name == name == metric.key
        assert isinstance(metric.higher_is_better, bool)
        assert metric.tasks
        assert metric.tasks <= {"tpg", "mannequin"}
        assert metric.range[0] < metric.range[1]
        assert metric.source
        assert metric.needs <= set(Pair.__dataclass_fields__)

    def test_settings_are_text_and_stand_in_the_recipe(self, name):
        metric = make_metric(name)
        recipe = metric.recipe({})
        for key, value in metric.settings().items():
            assert f"|{key}:{value}" in recipe
        assert f"|version:{metric.version}" in recipe

    def test_scores_within_its_range_and_prefers_the_truth(self, name):
        metric = make_metric(name)
        truth = np.tile(noise(0, (16, 16)), (4, 4, 1))
        low, high = metric.range
        same = metric.score(Pair("a", truth, truth))
        other = metric.score(Pair("b", noise(1, (64, 64)), truth))
        assert low <= other <= high
        assert same > other if metric.higher_is_better else same < other
        assert same == (high if metric.higher_is_better else low)

    def test_without_a_truth_it_is_nan_not_an_error(self, name):
        metric = make_metric(name)
        pair = Pair("a", noise(0))
        assert metric.unavailable(pair) == "no truth"
        assert math.isnan(metric.score(pair))


class TestMakeMetric:
    def test_unknown_variants_are_refused(self):
        with pytest.raises(UnknownNameError, match="did you mean 'seam'"):
            make_metric("tileability@seem")
        with pytest.raises(TpgbenchError, match="names no variant"):
            make_metric("ssim@")
        with pytest.raises(UnknownNameError, match="variant of ssim"):
            make_metric("ssim@clean")


class TestRecipe:
    def test_order_of_the_context_does_not_matter(self):
        metric = make_metric("ssim")
        assert metric.recipe({"size": "64", "n": "3"}) == metric.recipe({"n": "3", "size": "64"})
        assert metric.recipe({"size": "64"}) != metric.recipe({"size": "65"})

    @given(
        *[st.dictionaries(st.sampled_from("abc"), st.text("ab|:%7C", max_size=6), max_size=3)] * 2
    )
    def test_equal_lines_mean_equal_settings(self, first, second):
        assert (format_recipe("m", first) == format_recipe("m", second)) == (first == second)

    def test_a_bar_in_a_value_is_no_second_setting(self):
        assert format_recipe("m", {"a": "1|b:2"}) != format_recipe("m", {"a": "1", "b": "2"})

    def test_neither_the_context_nor_a_metric_overrides_the_other(self):
        parts = make_metric("ssim").recipe({"sigma": "9", "version": "9"}).split("|")
        assert {"sigma:9", "own-sigma:1.5", "version:1"} <= set(parts)

    def test_a_score_outside_of_the_declared_range_is_no_score(self):
        metric = make_metric("ssim")
        assert metric.check_range(1.000001) == 1.000001
        with pytest.raises(ValueError, match=r"^1\.1 is outside of the metric's range, -1 to 1$"):
            metric.check_range(1.1)


class TestAggregate:
    def test_counts_nan_and_infinity_apart(self):
        value = make_metric("psnr").aggregate([10.0, math.nan, math.inf, 20.0], {})
        assert (value.value, value.n, value.missing, value.infinite) == (15.0, 2, 1, 1)
        assert value.not_computed is None

    def test_one_sample_has_a_value_and_no_interval(self):
        value = make_metric("ssim").aggregate([0.25], {})
        assert (value.value, value.interval, value.n) == (0.25, None, 1)

    @pytest.mark.parametrize("scores", [[], [math.nan, math.nan]])
    def test_nothing_to_average_says_why(self, scores):
        value = make_metric("ssim").aggregate(scores, {})
        assert (value.value, value.interval, value.n) == (None, None, 0)
        assert value.not_computed == f"0 of {len(scores)} samples could be scored"

    def test_all_infinite_is_no_mean_but_no_failure(self):
        value = make_metric("psnr").aggregate([math.inf] * 3, {})
        assert (value.value, value.interval, value.infinite) == (None, None, 3)
        assert value.not_computed is None

    @settings(max_examples=60, deadline=None)
    @given(SCORES, st.randoms(use_true_random=False))
    def test_order_does_not_change_a_bit(self, scores, random):
        shuffled = scores.copy()
        random.shuffle(shuffled)
        metric = make_metric("ssim")
        assert metric.aggregate(shuffled, {}) == metric.aggregate(scores, {})

    @settings(max_examples=60, deadline=None)
    @given(SCORES)
    def test_the_interval_holds_the_value_within_the_scores(self, scores):
        value = make_metric("ssim").aggregate(scores, {})
        finite = [score for score in scores if math.isfinite(score)]
        assert value.n == len(finite)
        if len(finite) > 1:
            low, high = value.interval
            assert min(finite) <= low <= value.value <= high <= max(finite)

    def test_the_mean_of_equal_scores_is_that_score(self):
        # 0.1 + 0.1 + 0.1, rounded and divided by 3, is not 0.1.
        assert make_metric("ssim").aggregate([0.1] * 3, {}).value == 0.1

    def test_the_mean_is_correctly_rounded(self):
        assert make_metric("ssim").aggregate([1e16, 1.0, -1e16], {}).value == 1 / 3
