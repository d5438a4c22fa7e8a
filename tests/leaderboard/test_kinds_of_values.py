"""Means, values of whole sets, spreads and several named values per metric, in every table."""

from __future__ import annotations

import io
import re
import runpy
import shlex
from pathlib import Path

import pytest
import tpgbench
from fake_run import FakeSample, aggregate, write_run
from rich.console import Console
from tpgbench.benchmark.comparing.compare import compare_runs
from tpgbench.benchmark.comparing.ranking import rank
from tpgbench.leaderboard.comparison_page import write_comparison
from tpgbench.leaderboard.formatting import explain_values
from tpgbench.leaderboard.provenance import reproduce_command
from tpgbench.leaderboard.report_page import write_report
from tpgbench.leaderboard.result_tables import comparison_table, result_table
from tpgbench.metrics.base import Value

TABLES = Path(tpgbench.__file__).parent / "measurements" / "tables.py"
NAMES = ("ssim", "judge", "judge:style_of_the_motif", "fid", "kid")


def whole_set(name, number, spread=None):
    return Value(
        name=name,
        value=number,
        interval=None,
        n=24,
        missing=0,
        recipe=f"{name}|version:1",
        higher_is_better=False,
        spread=spread,
    )


def named(name, samples):
    """The mean of the scores under a name, as SSIM aggregates its own."""
    scores = [FakeSample(sample.sample_id, {"ssim": sample.scores[name]}) for sample in samples]
    recipe = f"{name}|version:1"
    return aggregate("ssim", scores).model_copy(update={"name": name, "recipe": recipe})


def make_run(path, shift=0.0, model="lattice"):
    """A run with a metric per sample, one of two named values, and two of whole sets."""
    samples = [
        FakeSample(
            f"s{i:02d}", dict(zip(NAMES, (i / 50 + shift, i / 10, 1 - i / 30), strict=False))
        )
        for i in range(24)
    ]
    values = [named(name, samples) for name in NAMES[:3]]
    values += [whole_set("fid", 41.5), whole_set("kid", 0.01234, spread=0.00123)]
    return write_run(path, samples, values=values, model=model)


def texts(path) -> str:
    """What a page says, without its elements."""
    return " ".join(re.sub("<[^>]*>", " ", path.read_text(encoding="utf-8")).split())


def render(table) -> str:
    out = io.StringIO()
    Console(file=out, width=80).print(table)
    text = out.getvalue()
    assert max(map(len, text.splitlines())) <= 80
    return " ".join(text.split())


def test_the_page_says_of_each_value_what_it_is(tmp_path):
    page = texts(write_report(*make_run(tmp_path)))
    assert (
        "Each value of ssim, judge and judge:style_of_the_motif is the mean over the n samples "
        "with a finite score; the interval is the 95 % bootstrap interval of that mean. Computed "
        "from the whole set of n samples, no interval: fid and kid. sd (kid): the standard "
        "deviation over the subsets or splits whose mean the value is. It is not a confidence "
        "interval. Compare values only where their recipes are equal." in page
    )
    assert "0.01234 sd 0.0012 24" in page
    assert "41.50 - 24" in page


def test_named_values_have_their_own_charts_and_scores(tmp_path):
    path = write_report(*make_run(tmp_path))
    text = path.read_text(encoding="utf-8")
    assert text.count("<svg") == 3
    assert "<dt>judge:style_of_the_motif</dt><dd>1.000</dd>" in text
    assert "worst judge:style_of_the_motif" in text
    assert "worst fid" not in text  # it has no scores per sample
    assert "<dt>fid</dt>" not in text


def test_a_page_of_means_alone_speaks_of_nothing_else(tmp_path):
    samples = [FakeSample(f"s{i}", {"ssim": i / 50}) for i in range(9)]
    page = texts(write_report(*write_run(tmp_path, samples, metrics=["ssim"])))
    assert "Each value is the mean over the n samples with a finite score" in page
    assert "whole set" not in page
    assert "sd (" not in page


@pytest.mark.parametrize(
    ("values", "per_sample", "text"),
    [
        ([whole_set("fid", 3.0)], (), "whole set of n samples, no interval: fid."),
        ([whole_set("m", 3.0)], ("m",), "Too few samples for an interval: m."),
        (
            [whole_set("r", 3.0).model_copy(update={"interval": (2.0, 4.0)})],
            (),
            "whole set of n samples, with a 95 % bootstrap interval: r.",
        ),
        ([whole_set("fid", None)], (), ""),
    ],
)
def test_values_without_a_score_per_sample_are_not_called_means(values, per_sample, text):
    said = " ".join(explain_values(values, per_sample))
    assert text in said
    assert bool(said) == bool(text)
    assert ("is the mean over" in said) == bool(per_sample)


def test_the_command_names_a_metric_of_several_values_once(tmp_path):
    store, _ = make_run(tmp_path)
    words = shlex.split(reproduce_command(store.read_record(), store.read_result()))
    assert words[words.index("--metrics") + 1] == "ssim,judge,fid,kid"


def test_the_terminal_shows_named_values_and_spreads(tmp_path):
    store, _ = make_run(tmp_path)
    text = render(result_table(store.read_result()))
    assert "judge:style_of_the_motif \u2191" in text
    assert "kid \u2193 0.01234 sd 0.0012 24" in text
    assert "fid \u2193 41.50 - 24" in text
    assert "sd: standard deviation over subsets or splits, not a confidence interval" in text


def test_a_comparison_shows_what_it_cannot_test(tmp_path):
    for name, shift in (("good", 0.3), ("poor", 0.0)):
        make_run(tmp_path / name, shift, model=name)
    comparison = compare_runs([tmp_path / "good", tmp_path / "poor"])
    assert rank(comparison, "ssim").best == {"good"}
    named = rank(comparison, NAMES[2])
    assert named.best == {"good", "poor"}  # equal scores, and it was tested
    for metric in ("fid", "kid"):
        ranking = rank(comparison, metric)
        assert ranking.best == frozenset()
        assert ranking.verdict == (
            "Not ranked: good and poor: the metric has no scores per sample."
        )
    page = texts(write_comparison(comparison, tmp_path / "page.html"))
    assert "A metric of whole sets of images, such as FID, has no scores per sample" in page
    assert "sd (kid): the standard deviation over the subsets or splits" in page
    assert "0.01234 sd 0.0012" in page
    assert "Value, without an interval; lower is better." in page
    terminal = render(comparison_table(comparison))
    assert "judge:style_of_the_motif \u2191" in terminal
    assert "0.01234 sd 0.0012 good" in terminal
    markdown = runpy.run_path(str(TABLES))["table"](comparison, NAMES)
    assert "| 41.5 | 0.012 (sd 0.0012) |" in markdown
    assert "**" not in markdown.partition("judge:")[0]
    assert markdown.splitlines()[2].startswith("| good | **")
