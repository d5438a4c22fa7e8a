"""Tables for programs and papers: nothing is lost in CSV, and nothing breaks a paper."""

from __future__ import annotations

import csv
import io
import re

import pytest
import tpgbench
from click.testing import CliRunner
from tpgbench.cli.app import cli
from tpgbench.leaderboard.exported_tables import export_comparison, export_values
from tpgbench.metrics.base import Value


def value(name="a_b|50%", number=1.23456, **more):
    facts = {"interval": (1.2, 1.3), "n": 2032, "missing": 0, "recipe": "a_b|n:2032|version:1"}
    return Value(name=name, value=number, higher_is_better=False, **(facts | more))


def test_csv_holds_every_number_in_full():
    values = [value(), value("c", None, interval=None, not_computed='no "truth", at all')]
    rows = list(csv.DictReader(io.StringIO(export_values(values, "csv"))))
    assert float(rows[0]["value"]) == 1.23456
    assert (rows[0]["interval_low"], rows[0]["recipe"]) == ("1.2", "a_b|n:2032|version:1")
    assert (rows[1]["value"], rows[1]["not_computed"]) == ("", 'no "truth", at all')


def test_markdown_keeps_its_columns():
    text = export_values([value(bias=1.9, unranked="too | few")], "markdown")
    row = text.splitlines()[2]
    assert len(re.findall(r"(?<!\\)\|", row)) == 6
    assert r"a\_b" not in row
    assert r"a_b\|50% ↓" in row
    assert "bias about +1.900; not ranked: too \\| few" in row
    assert text.splitlines()[-1] == "- `a_b|n:2032|version:1`"


def test_latex_escapes_whatever_a_name_holds():
    text = export_values([value(r"a_b&c%d#e$f{g}h~i^j\k<l>|")], "latex")
    row = next(line for line in text.splitlines() if line.startswith("  a"))
    assert row.startswith(
        r"  a\_b\&c\%d\#e\$f\{g\}h\textasciitilde{}i\textasciicircum{}j\textbackslash{}k"
        r"\textless{}l\textgreater{}\textbar{} $\downarrow$ & 1.235 & "
    )
    assert row.endswith(r" \\")
    assert len(re.findall(r"(?<!\\)&", row)) == 4
    assert text.splitlines()[1] == r"\begin{tabular}{lrrrr}"


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    for model in ("crop", "tile-crop"):
        tpgbench.run(model, limit=8, size=64, metrics=["ssim", "psnr"], out=folder / model)
    return [folder / "crop", folder / "tile-crop"]


def test_a_comparison_is_a_line_a_run_with_the_best_in_bold(runs):
    comparison = tpgbench.compare(runs)
    text = export_comparison(comparison, "markdown")
    head, _, crop, tile = text.splitlines()[:4]
    assert head == "| run | ssim ↑ | psnr ↑ |"
    assert crop.startswith("| crop | ")
    assert "**" in crop + tile
    rows = list(csv.DictReader(io.StringIO(export_comparison(comparison, "csv"))))
    assert [(row["run"], row["metric"]) for row in rows] == [
        ("crop", "ssim"), ("crop", "psnr"), ("tile-crop", "ssim"), ("tile-crop", "psnr"),
    ]  # fmt: skip
    assert float(rows[0]["value"]) == comparison.runs[0].result.metric("ssim").value


@pytest.mark.parametrize("form", ["csv", "markdown", "latex", "json", "text"])
def test_every_command_of_values_prints_every_format(runs, form):
    images = runs[0] / "generations"
    for command in (
        ["compare", *runs],
        ["score", runs[0], "--metrics", "ssim"],
        ["metrics", "ssim,mse", images, images],
    ):
        words = [*map(str, command), "--format", form]
        done = CliRunner().invoke(cli, words, standalone_mode=False)
        assert done.return_value == 0, done.output
        assert "ssim" in done.stdout
