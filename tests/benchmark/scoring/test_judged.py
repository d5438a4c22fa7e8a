"""A metric with batches, several values and evidence, in a run: journal, columns, evidence."""

from __future__ import annotations

import json

import numpy as np
import PIL.Image
import pytest
import tpgbench
from pictures import noise, save
from toy_plugin import ToyDistance, ToyJudge
from tpgbench.benchmark.scoring.journal import ScoreJournal, compact, expand, line_checksum
from tpgbench.benchmark.scoring.table import read_scores
from tpgbench.metrics import Score


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A generated run that is not scored yet; nothing was asked."""
    monkeypatch.setattr(ToyJudge, "asked", [])
    return tpgbench.generate("toy-noise", dataset="toy", out=tmp_path / "run").run.store


def read_evidence(run):
    path = run.path / "evidence" / "toy-judge.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def outputs(run):
    paths = sorted(run.generations.iterdir())
    return {path.stem: np.asarray(PIL.Image.open(path)) for path in paths}


def test_each_output_is_a_value_and_a_column(run):
    result = tpgbench.score(run.path, metrics=["toy-judge", "psnr"]).result
    names = ["toy-judge", "toy-judge:red", "toy-judge:blue", "psnr"]
    assert [value.name for value in result.metrics] == names
    table = read_scores(run)
    assert all(set(sample.scores) == set(names) for sample in table)
    expected = {name: image[..., 0].mean() / 255 for name, image in outputs(run).items()}
    red = {sample.sample_id: sample.scores["toy-judge:red"] for sample in table}
    assert red == pytest.approx(expected)
    red = result.metric("toy-judge:red")
    assert red.value == pytest.approx(np.mean(list(expected.values())))
    assert red.interval[0] < red.value < red.interval[1]
    assert "|output:red|" in red.recipe
    assert tpgbench.report(run.path).path.exists()


def test_runs_are_compared_by_each_output(run, tmp_path):
    tpgbench.score(run.path, metrics=["toy-judge"])
    other = tpgbench.run(
        "toy-noise", dataset="toy", seed=1, metrics=["toy-judge"], out=tmp_path / "other"
    )
    comparison = tpgbench.compare([run.path, other.path])
    tests = {test.metric: test for test in comparison.tests}
    assert tests["toy-judge:blue"].n == 12
    assert tests["toy-judge:blue"].p_value is not None


def test_evidence_is_written_a_line_per_sample_and_kept_for_the_next_time(run):
    first = tpgbench.score(run.path, metrics=["toy-judge"])
    evidence = read_evidence(run)
    assert [line["sample_id"] for line in evidence] == [f"toy-{index:03d}" for index in range(12)]
    red = outputs(run)["toy-003"][..., 0].mean() / 255
    assert evidence[3]["evidence"] == {"question": "is it bright?", "answers": ["yes", red]}
    assert evidence[3]["values"]["red"] == red
    ToyJudge.asked.clear()
    content = (run.path / "evidence" / "toy-judge.jsonl").read_bytes()
    (run.path / "evidence" / "toy-judge.jsonl").unlink()
    assert tpgbench.score(run.path, metrics=["toy-judge"]) == first
    assert ToyJudge.asked == []
    assert (run.path / "evidence" / "toy-judge.jsonl").read_bytes() == content


def test_stale_evidence_is_removed(run):
    tpgbench.score(run.path, metrics=["toy-judge", "psnr"])
    (run.path / "evidence" / ".tmp-left-behind").write_bytes(b"torn")
    assert [path.name for path in (run.path / "evidence").glob("*.jsonl")] == ["toy-judge.jsonl"]
    save(noise(3), run.image_path("toy-001"))  # so that the judge's scores are of other images
    tpgbench.score(run.path, metrics=["psnr"])
    assert not (run.path / "evidence").exists()


def test_what_was_not_answered_is_missing_and_asked_again(run, monkeypatch):
    monkeypatch.setattr(ToyJudge, "refused", frozenset({"toy-004", "toy-007"}))
    outcome = tpgbench.score(run.path, metrics=["toy-judge"])
    assert outcome.exit_code == 1
    assert outcome.problems == (
        "toy-judge got no answer for 2 of 12 samples; the first, toy-004: HTTP 429",
    )
    value = outcome.result.metric("toy-judge")
    assert (value.n, value.missing) == (10, 2)
    assert len(read_evidence(run)) == 10

    ToyJudge.asked.clear()
    monkeypatch.setattr(ToyJudge, "refused", frozenset())
    again = tpgbench.score(run.path, metrics=["toy-judge"])
    assert ToyJudge.asked == [("toy-004", "toy-007")]
    assert (again.exit_code, again.result.metric("toy-judge").n) == (0, 12)


def test_what_failed_is_asked_again_and_costs_no_other_sample(run, monkeypatch):
    monkeypatch.setattr(ToyJudge, "broken", frozenset({"toy-004"}))
    outcome = tpgbench.score(run.path, metrics=["toy-judge", "psnr"])
    assert outcome.problems == (
        "toy-judge failed on 1 of 12 samples; the first, toy-004: RuntimeError: the judge broke",
    )
    assert outcome.result.metric("toy-judge").n == 11
    assert outcome.result.metric("psnr").n == 12
    ToyJudge.asked.clear()
    monkeypatch.setattr(ToyJudge, "broken", frozenset())
    assert tpgbench.score(run.path, metrics=["toy-judge"]).exit_code == 0
    assert ToyJudge.asked == [("toy-004",)]


def test_a_set_metric_that_fails_leaves_the_others_their_values(run, monkeypatch):
    def broken(*_):
        raise MemoryError

    monkeypatch.setattr(ToyDistance, "measure", broken)
    outcome = tpgbench.score(run.path, metrics=["toy-distance", "psnr"])
    assert outcome.exit_code == 1
    assert outcome.problems == ("toy-distance failed: MemoryError",)
    assert outcome.result.metric("toy-distance").not_computed == "failed: MemoryError"
    assert outcome.result.metric("psnr").n == 12


SCORES = [
    Score({"value": 0.5}),
    Score({"value": float("inf")}),
    Score({"value": 0.5, "red": float("nan")}, {"why": ["a", 1, None]}),
    Score({"red": 0.25}),
]


@pytest.mark.parametrize("score", SCORES)
def test_scores_survive_the_journal(tmp_path, score):
    journal = ScoreJournal(tmp_path / "scores.jsonl", "context")
    journal.add("a", "digest", {"recipe": compact(score)})
    journal.close()
    found = ScoreJournal(tmp_path / "scores.jsonl", "context").get("a", "digest")["recipe"]
    assert repr(expand(found)) == repr(score)


@pytest.mark.parametrize(
    "written",
    ['{"values": {}}', '{"values": 3, "evidence": null}', '{"values": {"a": "b"}, "evidence": 1}'],
)
def test_a_damaged_score_with_evidence_is_asked_again(run, written):
    tpgbench.score(run.path, metrics=["toy-judge"])
    ToyJudge.asked.clear()
    lines = run.journal_path.read_text().splitlines()
    sample_id, digest, scores, _ = json.loads(lines[1])
    damaged = {next(iter(scores)): json.loads(written)}
    lines[1] = json.dumps([sample_id, digest, damaged, line_checksum(sample_id, digest, damaged)])
    run.journal_path.write_text("\n".join(lines) + "\n")
    assert tpgbench.score(run.path, metrics=["toy-judge"]).exit_code == 0
    assert ToyJudge.asked == [(sample_id,)]
