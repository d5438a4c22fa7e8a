from __future__ import annotations

import io
import math
import runpy
from pathlib import Path

import pytest
import tpgbench
from fake_run import FakeSample, write_run
from rich.console import Console
from tpgbench.benchmark.comparing.compare import ComparedRun, PairTest, RunComparison, compare_runs
from tpgbench.benchmark.comparing.ranking import rank
from tpgbench.benchmark.run.results import Result, SampleCounts
from tpgbench.leaderboard.comparison_page import write_comparison
from tpgbench.leaderboard.result_tables import comparison_table
from tpgbench.metrics.base import Value


def value(
    mean, *, name="m", infinite=0, recipe="r", higher_is_better=True, reason=None, unranked=None
):
    return Value(
        name=name,
        value=mean,
        interval=None if mean is None else (mean - 0.1, mean + 0.1),
        n=50,
        missing=0,
        infinite=infinite,
        recipe=recipe,
        higher_is_better=higher_is_better,
        not_computed=reason,
        unranked=unranked,
    )


def compared(values, verdicts, reason=None):
    """A comparison of runs a, b, c, ... on one metric; ``verdicts`` by pair: ``{"ab": "a"}``."""
    labels = [chr(ord("a") + index) for index in range(len(values))]
    counts = SampleCounts(total=50, ok=50, failed=0)
    runs = tuple(
        ComparedRun(
            label=label,
            path=f"runs/{label}",
            result=Result(
                model=label,
                task="tpg",
                dataset="d",
                split="test",
                samples=counts,
                metrics=() if v is None else (v,),
            ),
        )
        for label, v in zip(labels, values, strict=True)
    )
    tests = tuple(
        PairTest(metric="m", a=pair[0], b=pair[1], n=50, verdict=verdict, reason=reason)
        for pair, verdict in verdicts.items()
    )
    return RunComparison(
        task="tpg", dataset="d", split="test", runs=runs, metrics=("m",), tests=tests
    )


def test_one_run_beats_all():
    ranking = rank(
        compared([value(0.3), value(0.9), value(0.5)], {"ab": "b", "ac": "b", "bc": "a"}), "m"
    )
    assert ranking.best == {"b"}
    assert ranking.verdict.startswith("b is better than every other run")


def test_lower_may_be_better():
    values = [value(mean, higher_is_better=False) for mean in (0.3, 0.9)]
    assert rank(compared(values, {"ab": "a"}), "m").best == {"a"}


def test_those_that_tie_with_the_best_are_best_too():
    ranking = rank(
        compared([value(0.8), value(0.9), value(0.5)], {"ab": "tie", "ac": "a", "bc": "a"}), "m"
    )
    assert ranking.best == {"a", "b"}
    assert ranking.verdict == (
        "b has the best mean; a is not significantly different at the 5 % level after Holm's "
        "correction."
    )


def test_no_difference_at_all_is_said_plainly():
    ranking = rank(compared([value(0.8), value(0.9)], {"ab": "tie"}), "m")
    assert ranking.best == {"a", "b"}
    assert ranking.verdict == "No significant difference at the 5 % level after Holm's correction."


NOT = "not comparable"


@pytest.mark.parametrize(
    ("values", "verdicts", "reason", "word"),
    [
        ([value(0.8), value(0.9, recipe="s")], {"ab": NOT}, "the recipes differ", "recipes"),
        ([value(0.8), None], {"ab": NOT}, "b was not scored with it", "fewer than two"),
        (
            [value(0.8), value(0.9), value(None, infinite=50)],
            {"ab": "b", "ac": NOT, "bc": NOT},
            "no finite score",
            "infinite scores only",
        ),
        ([value(0.8), value(0.9)], {"ab": "a"}, None, "scores for different samples"),
        ([value(0.8), value(0.9, unranked="5 images")], {"ab": "b"}, None, "b has 5 images"),
    ],
)
def test_what_cannot_be_ranked_is_not(values, verdicts, reason, word):
    ranking = rank(compared(values, verdicts, reason), "m")
    assert ranking.best == frozenset()
    assert word in ranking.verdict


def test_a_run_without_a_value_does_not_keep_the_others_from_being_ranked():
    comparison = compared(
        [value(0.8), value(0.9), value(None, reason="no weights")],
        {"ab": "b", "ac": "not comparable", "bc": "not comparable"},
        "c: no weights",
    )
    assert rank(comparison, "m").best == {"b"}


TABLES = Path(tpgbench.__file__).parent / "measurements" / "tables.py"


def page_rows(comparison, path) -> list[str]:
    """The rows of the page's table of results."""
    text = write_comparison(comparison, path).read_text(encoding="utf-8")
    return text.partition('<table class="runs">')[2].partition("</table>")[0].split("<tr>")[2:]


def render(comparison) -> list[str]:
    out = io.StringIO()
    Console(file=out, width=80).print(comparison_table(comparison))
    return out.getvalue().splitlines()


# Nobody beats a or b; c ties with the best mean, though b beats it.
INTRANSITIVE = {"ab": "tie", "ac": "tie", "bc": "a"}
BEATEN = {"ab": "tie", "ac": "a", "bc": "tie"}


@pytest.mark.parametrize(
    ("verdicts", "best"), [(INTRANSITIVE, "abc"), (BEATEN, "ab")], ids=["intransitive", "beaten"]
)
def test_terminal_page_and_markdown_have_one_rule_for_the_best(verdicts, best, tmp_path):
    comparison = compared([value(0.50), value(0.49), value(0.40)], verdicts)
    assert rank(comparison, "m").best == set(best)
    lines = [line.split() for line in render(comparison) if line.strip().startswith("m ")]
    assert [words[6] for words in lines if words[-1] == "tied"] == list(best)
    rows = page_rows(comparison, tmp_path / "page.html")
    assert ["tied for best" in row for row in rows] == [label in best for label in "abc"]
    markdown = runpy.run_path(str(TABLES))["table"](comparison, ("m",)).splitlines()[2:]
    assert [line.split()[1] for line in markdown if "**" in line] == list(best)


@pytest.fixture(scope="module")
def comparison(tmp_path_factory):
    """Three runs: good and like do not differ significantly, poor is worse in ssim."""
    folder = tmp_path_factory.mktemp("runs")

    def samples(shift, wobble):
        return [
            FakeSample(
                f"s{i:02d}",
                {"ssim": 0.5 + i / 100 + shift + wobble * math.sin(37 * i), "psnr": 20.0 + i},
                error=None,
            )
            for i in range(24)
        ]

    for name, shift, wobble in (("good", 0.0, 0.0), ("like", 0.0, 0.001), ("poor", -0.2, 0.002)):
        write_run(folder / name, samples(shift, wobble), model=name)
    return compare_runs([folder / name for name in ("good", "like", "poor")])


def test_the_page_marks_the_best_and_their_ties_alike(comparison, tmp_path):
    path = tmp_path / "page.html"
    rows = page_rows(comparison, path)
    text = path.read_text(encoding="utf-8")
    head = text.partition('<table class="runs">')[0]
    assert [row.count("tied for best") for row in rows] == [2, 2, 1]  # psnr is equal in all
    assert "No significant difference at the 5 % level" in text
    assert "poor" not in head.partition("<h1>")[2]
    assert "<svg" in text


def test_equal_comparisons_give_equal_pages(comparison, tmp_path):
    pages = [write_comparison(comparison, tmp_path / name).read_bytes() for name in ("a", "b")]
    assert pages[0] == pages[1]


def test_different_recipes_are_shown_and_not_ranked(tmp_path):
    values = [value(0.8), value(0.9, recipe="other recipe")]
    comparison = compared(values, {"ab": "not comparable"}, "the recipes differ")
    text = write_comparison(comparison, tmp_path / "page.html").read_text(encoding="utf-8")
    assert "Not ranked: a and b: the recipes differ." in text
    assert "recipes differ</span>" in text
    assert 'class="number best"' not in text
    assert "<svg" not in text  # they share no axis


def test_hostile_labels_stay_text(tmp_path):
    label = "</script><img src=x onerror=alert(1)>\"'"
    comparison = compared([value(0.8), value(0.9)], {"ab": "b"})
    runs = tuple(run.model_copy(update={"label": label + run.label}) for run in comparison.runs)
    tests = tuple(
        test.model_copy(update={"a": label + "a", "b": label + "b"}) for test in comparison.tests
    )
    hostile = comparison.model_copy(update={"runs": runs, "tests": tests, "dataset": label})
    text = write_comparison(hostile, tmp_path / "page.html").read_text(encoding="utf-8")
    assert "<img" not in text
    assert text.count("</script>") == 1
    assert "&lt;img src=x onerror=alert(1)&gt;" in text


def test_the_terminal_says_who_is_best_and_who_ties(comparison):
    lines = render(comparison)
    assert max(map(len, lines)) <= 80
    ssim = [line.split() for line in lines if line.strip().startswith("ssim")]
    assert [words[-2:] for words in ssim[:2]] == [["good", "tied"], ["like", "tied"]]
    assert ssim[2][-1] == "poor"
    assert any("tied: not significantly different from the best mean" in line for line in lines)


def test_infinite_scores_are_counted_beside_the_mean(tmp_path):
    comparison = compared([value(0.8, infinite=3), value(0.9)], {"ab": "b"})
    text = write_comparison(comparison, tmp_path / "page.html").read_text(encoding="utf-8")
    assert "3 infinite" in text
