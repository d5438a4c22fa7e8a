from __future__ import annotations

import io
import json
import math
import shlex

import pytest
import tpgbench
from click.testing import CliRunner
from fake_run import aggregate, plain_samples, write_run
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from tpgbench.benchmark.model import MODELS
from tpgbench.benchmark.model_options import make_config, parse_assignments
from tpgbench.benchmark.run.identity import ExternalImages
from tpgbench.benchmark.run.store import RunStore
from tpgbench.benchmark.scoring.table import ScoredSample
from tpgbench.cli.app import cli
from tpgbench.leaderboard.breakdowns import find_breakdowns
from tpgbench.leaderboard.cards import worst_first
from tpgbench.leaderboard.formatting import (
    format_difference,
    format_number,
    format_p,
    format_range,
    shorten,
)
from tpgbench.leaderboard.provenance import provenance, reproduce_command
from tpgbench.leaderboard.result_tables import result_table
from tpgbench.metrics.base import Value


@pytest.mark.parametrize(
    ("number", "interval", "text"),
    [
        (0.512345, (0.4931, 0.5312), "0.512"),
        (17.2612, (17.02, 17.48), "17.26"),
        (0.04844, (0.0406, 0.0585), "0.0484"),
        (51234.5, (50000.0, 52000.0), "51234"),
        (0.512345, None, "0.5123"),
        (0.0, None, "0.000"),
        (0.5, (0.5, 0.5), "0.5000"),
        (1.5e-9, None, "1.5e-09"),
        (math.inf, None, "inf"),
        (-math.inf, None, "-inf"),
        (math.nan, None, "-"),
        (None, None, "-"),
    ],
)
def test_numbers_have_the_digits_that_their_interval_supports(number, interval, text):
    assert format_number(number, interval) == text


def test_ranges_differences_and_p_values():
    assert format_range((0.4931, 0.5312)) == "0.493 to 0.531"
    assert format_range(None) == "-"
    assert format_difference(0.0123, (0.001, 0.02)) == "+0.0123"
    assert format_difference(-0.0123, (-0.02, -0.001)) == "-0.0123"
    assert (format_p(0.0001), format_p(0.0431), format_p(None)) == ("< 0.001", "0.043", "-")


@given(st.text(), st.integers(1, 50))
def test_shortened_text_is_one_printable_line(text, length):
    short = shorten(text, length)
    assert len(short) <= length
    assert short.isprintable()


@given(st.lists(st.floats(), max_size=30), st.booleans())
def test_worst_first_is_monotone(scores, higher_is_better):
    rows = [
        ScoredSample(str(i), str(i), "broke" if i % 7 == 3 else None, "{}", {"m": score})
        for i, score in enumerate(scores)
    ]
    order = worst_first(rows, "m", higher_is_better=higher_is_better)
    assert sorted(order) == list(range(len(rows)))
    failed = [rows[index].error is not None for index in order]
    assert failed == sorted(failed, reverse=True)
    rest = [rows[index].score("m") for index in order if rows[index].error is None]
    known = [score for score in rest if not math.isnan(score)]
    assert known == sorted(known, reverse=not higher_is_better)
    assert all(math.isnan(score) for score in rest[len(known) :])


def rows_with(*metas):
    return [
        ScoredSample(str(i), str(i), None, json.dumps(meta), {"m": float(i)})
        for i, meta in enumerate(metas)
    ]


def test_severities_are_ordered_as_numbers():
    (found,) = find_breakdowns(rows_with(*({"severity": s} for s in (10, 2, 10, 0.5))))
    assert [label for label, _ in found.groups] == ["0.5", "2", "10"]
    assert [mean.mean for mean in found.means(rows_with({}, {}, {}, {}), "m")] == [3.0, 1.0, 1.0]


def test_coverage_is_divided_into_equal_thirds():
    (found,) = find_breakdowns(rows_with(*({"coverage": c / 10} for c in range(9, 0, -1))))
    assert [label for label, _ in found.groups] == ["0.10 to 0.30", "0.40 to 0.60", "0.70 to 0.90"]
    assert [members for _, members in found.groups] == [(8, 7, 6), (5, 4, 3), (2, 1, 0)]


@pytest.mark.parametrize(
    "metas",
    [
        [{"severity": 1}] * 5,
        [{"severity": True}, {"severity": "high"}, {"severity": math.nan}, {"severity": None}],
        [{"family": f"family {i}"} for i in range(40)],
        [{"family": 1}, {"family": ["stripes"]}],
        [{"coverage": 0.5}] * 20,
        [],
    ],
)
def test_what_divides_nothing_is_no_breakdown(metas):
    assert find_breakdowns(rows_with(*metas)) == []


def render(table) -> str:
    out = io.StringIO()
    Console(file=out, width=80).print(table)
    return out.getvalue()


def test_the_result_table_is_plain_text_within_80_columns(tmp_path):
    store, _ = write_run(tmp_path, plain_samples(), metrics=["ssim", "psnr", "tileability"])
    text = render(result_table(store.read_result()))
    assert "lattice on ctp-synth (test), 24 samples, 3 FAILED" in text
    assert max(map(len, text.splitlines())) <= 80
    assert "\x1b" not in text
    ssim = aggregate("ssim", plain_samples())
    line = next(line for line in text.splitlines() if line.strip().startswith("ssim"))
    assert line.split()[:6] == [
        "ssim", "↑", f"{ssim.value:.3f}", *format_range(ssim.interval).split()
    ]  # fmt: skip
    assert "3 missing" in line
    assert "not computed: tileability: 0 of 24 samples could be scored" in text


def test_markup_in_a_name_is_shown_as_it_is(tmp_path):
    value = Value(
        name="[red]x[/red]",
        value=1.0,
        interval=None,
        n=1,
        missing=0,
        infinite=2,
        recipe="",
        higher_is_better=False,
    )
    store, _ = write_run(tmp_path, plain_samples(2), values=[value], model="[bold]m[/nope]")
    text = render(result_table(store.read_result()))
    assert "[red]x[/red] ↓" in text
    assert "[bold]m[/nope] on" in text
    assert "2 infinite" in text


def parse_run(command: str) -> dict:
    words = shlex.split(command)
    assert words[0] == "tpgbench"
    subcommand = cli.commands[words[1]]
    return subcommand.make_context(words[1], words[2:]).params


@pytest.mark.parametrize("name", sorted(MODELS))
def test_the_command_gives_every_model_its_options_back(name, tmp_path):
    if name == "toy-missing":
        pytest.skip("a registered model that is not there")
    model = MODELS.get(name)
    config = make_config(model, {})
    store, _ = write_run(
        tmp_path, plain_samples(1), model=name, options=config.model_dump(mode="json")
    )
    given = parse_run(reproduce_command(store.read_record(), store.read_result()))
    assert make_config(model, parse_assignments(given["options"])) == config


def test_odd_names_survive_the_shell(tmp_path):
    odd = "a 'b' \"c\" $HOME `d` \\ ; & | é"
    store, _ = write_run(
        tmp_path, plain_samples(1), dataset=odd, model=odd, options={"a": odd, "b": None, "c": True}
    )
    record = store.read_record().model_copy(update={"weights_location": odd})
    given = parse_run(reproduce_command(record, store.read_result()))
    assert given["dataset"] == given["model"] == given["weights"] == odd
    assert parse_assignments(given["options"]) == {"a": odd, "c": "true"}


def test_images_made_elsewhere_are_scored_again(tmp_path):
    store, _ = write_run(tmp_path, plain_samples(1))
    images = ExternalImages(folder="their images", manifest="list.csv", resize=True)
    record = store.read_record().model_copy(update={"images": images})
    given = parse_run(reproduce_command(record, store.read_result()))
    assert str(given["path"]) == "their images"
    assert str(given["manifest"]) == "list.csv"
    assert given["resize"] is True
    assert given["name"] == "lattice"


def test_the_command_makes_the_same_run_again(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first = tpgbench.run(
        "toy-noise", dataset="toy", limit=3, options={"amount": 9}, metrics=["psnr"], seed=5
    )
    record = RunStore(first.path).read_record()
    words = shlex.split(reproduce_command(record, first.result))[1:]
    outcome = CliRunner().invoke(cli, [*words, "--out", "again"])
    assert outcome.exception is None or outcome.exit_code == 0, outcome.output
    again = RunStore(tmp_path / "again").read_record()
    assert again.identity == record.identity
    assert again.limit == 3


def test_the_provenance_holds_the_whole_record(tmp_path):
    store, _ = write_run(
        tmp_path,
        plain_samples(1),
        weights={"unet.safetensors": "ab" * 32},
        environment={"python": "3.11.7", "numpy": "2.1.0"},
    )
    record = store.read_record()
    text = repr(provenance(record))
    for word in (record.identity.digest(), "ab" * 32, "2.1.0", "batch size", "f" * 64, "flatten"):
        assert word in text
    assert [section.title for section in provenance(record)] == [
        "Identity", "Options", "Weights (SHA-256)", "Session 1",
    ]  # fmt: skip
