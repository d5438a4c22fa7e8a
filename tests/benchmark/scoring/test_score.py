from __future__ import annotations

import dataclasses
import json
import shutil

import numpy as np
import PIL.Image
import pytest
import tpgbench
from pictures import noise, save
from toy_plugin import ODD_IDS
from tpgbench.benchmark.run.store import RunStore
from tpgbench.benchmark.scoring.journal import ScoreJournal, line_checksum
from tpgbench.benchmark.scoring.pairs import PairReader
from tpgbench.benchmark.scoring.table import read_scores
from tpgbench.core.errors import TpgbenchError
from tpgbench.metrics.psnr import psnr

METRICS = ["psnr", "toy-mean"]


@pytest.fixture
def run(tmp_path):
    """A generated run that is not scored yet."""
    return tpgbench.generate("toy-noise", dataset="toy", out=tmp_path / "run").run.store


def test_scores_are_the_metrics_of_image_and_truth(run):
    result = tpgbench.score(run.path, metrics=METRICS).result
    table = read_scores(run)
    rows = {row.sample_id: row for row in tpgbench.load_dataset("toy")}
    expected = []
    for sample_id, row in rows.items():
        with PIL.Image.open(run.image_path(sample_id)) as picture:
            expected.append(psnr(np.asarray(picture), row.pattern))
    assert [row.sample_id for row in table] == list(rows)
    assert [row.scores["psnr"] for row in table] == expected
    value = result.metric("psnr")
    assert value.value == pytest.approx(np.mean(expected), abs=1e-12)
    assert value.interval[0] < value.value < value.interval[1]
    assert (value.n, value.missing) == (12, 0)
    assert json.loads(table[0].meta)["severity"] == 1


def test_the_recipe_names_all_that_matters(run):
    recipe = tpgbench.score(run.path, metrics=["psnr"]).result.metric("psnr").recipe
    parts = dict(part.split(":", 1) for part in recipe.split("|")[1:])
    assert {"fit", "format", "n", "resize", "size", "split", "version"} <= set(parts)
    assert parts["n"] == "12"
    assert parts["size"] == "32"


def test_a_limit_is_another_recipe(tmp_path, run):
    few = tpgbench.run(
        "toy-noise", dataset="toy", limit=5, metrics=["psnr"], out=tmp_path / "few"
    ).result
    all_ = tpgbench.score(run.path, metrics=["psnr"]).result
    assert few.metric("psnr").recipe != all_.metric("psnr").recipe


def test_failed_samples_stay_in_the_denominator(tmp_path):
    outcome = tpgbench.run("toy-broken", dataset="toy", metrics=["psnr"], out=tmp_path / "run")
    assert outcome.exit_code == 1
    assert outcome.result.samples.model_dump() == {"total": 12, "ok": 8, "failed": 4}
    value = outcome.result.metric("psnr")
    assert (value.n, value.missing) == (0, 4)
    assert value.infinite == 8  # it returns the truth itself
    assert "4 of 12 samples failed; the first, toy-000: ValueError" in outcome.problems[0]
    assert "n:12" in value.recipe


def test_all_failed_is_reported_and_not_a_crash(tmp_path):
    outcome = tpgbench.run(
        "toy-broken", dataset="toy", options={"how": "all-none"}, out=tmp_path / "run"
    )
    assert outcome.exit_code == 1
    assert outcome.report.exists()
    assert all(value.value is None and value.not_computed for value in outcome.result.metrics)


def test_scoring_again_computes_nothing_again(run, monkeypatch):
    first = tpgbench.score(run.path, metrics=METRICS)
    files = run.scores_path.read_bytes(), run.result_path.read_bytes()

    def fail(*_):
        raise AssertionError("computed again")

    monkeypatch.setattr(PairReader, "read", fail)
    assert tpgbench.score(run.path, metrics=METRICS) == first
    assert (run.scores_path.read_bytes(), run.result_path.read_bytes()) == files


def test_a_changed_image_is_scored_again(run):
    before = tpgbench.score(run.path, metrics=["toy-mean"]).result.metric("toy-mean").value
    PIL.Image.new("RGB", (32, 32), "white").save(run.image_path("toy-003"))
    after = tpgbench.score(run.path, metrics=["toy-mean"]).result.metric("toy-mean").value
    assert after > before + 5


def test_a_torn_journal_is_repaired(run):
    tpgbench.score(run.path, metrics=METRICS)
    whole = run.scores_path.read_bytes()
    content = run.journal_path.read_bytes()
    for cut in (1, 30, len(content) // 2, len(content) - 1, len(content)):
        run.journal_path.write_bytes(content[:-cut])
        run.scores_path.unlink()
        tpgbench.score(run.path, metrics=METRICS)
        assert run.scores_path.read_bytes() == whole
        lines = run.journal_path.read_text().splitlines()
        assert all(json.loads(line) for line in lines)


def test_a_journal_of_other_data_is_not_believed(tmp_path):
    path = tmp_path / "scores.jsonl"
    journal = ScoreJournal(path, "one")
    journal.add("a", "digest", {"recipe": 1.0})
    journal.close()
    assert ScoreJournal(path, "one").get("a", "digest") == {"recipe": 1.0}
    assert ScoreJournal(path, "two").get("a", "digest") == {}


@pytest.mark.parametrize("score", ['"oops"', "[1]", "true", "1" + "0" * 400, '"0.5"'])
def test_a_journal_line_that_holds_no_number_is_computed_again(run, score):
    expected = tpgbench.score(run.path, metrics=["psnr"]).result
    lines = run.journal_path.read_text().splitlines()
    sample_id, digest, scores, _ = json.loads(lines[1])
    written = {next(iter(scores)): json.loads(score)}
    lines[1] = json.dumps([sample_id, digest, written, line_checksum(sample_id, digest, written)])
    run.journal_path.write_text("\n".join(lines) + "\n")
    assert tpgbench.score(run.path, metrics=["psnr"]).result == expected


def test_an_edited_journal_line_is_computed_again(run):
    expected = tpgbench.score(run.path, metrics=["psnr"]).result
    lines = run.journal_path.read_text().splitlines()
    sample_id, digest, scores, check = json.loads(lines[1])
    lines[1] = json.dumps([sample_id, digest, dict.fromkeys(scores, 99.0), check])
    run.journal_path.write_text("\n".join(lines) + "\n")
    assert tpgbench.score(run.path, metrics=["psnr"]).result == expected


def test_an_edited_result_is_believed_by_no_one(run):
    first = tpgbench.score(run.path, metrics=["psnr"])
    text = run.result_path.read_text()
    edited = text.replace(json.dumps(first.result.metric("psnr").value), "99.0")
    assert edited != text
    run.result_path.write_text(edited)
    refused = r"result\.json: was changed since it was written; score the run again$"
    shutil.copytree(run.path, run.path.with_name("copy"))
    with pytest.raises(TpgbenchError, match=refused):
        tpgbench.report(run.path)
    with pytest.raises(TpgbenchError, match=refused):
        tpgbench.compare([run.path, run.path.with_name("copy")])
    assert tpgbench.score(run.path, metrics=["psnr"]).result == first.result
    assert run.result_path.read_text() == text


def test_earlier_values_of_other_metrics_stay(run):
    both = tpgbench.score(run.path, metrics=["psnr", "ssim", "toy-judge", "toy-distance"])
    table = run.scores_path.read_bytes()
    evidence = (run.evidence / "toy-judge.jsonl").read_bytes()
    again = tpgbench.score(run.path, metrics=["psnr"])
    assert again.result == both.result
    assert again.notes == ()
    assert run.scores_path.read_bytes() == table
    assert (run.evidence / "toy-judge.jsonl").read_bytes() == evidence
    more = tpgbench.score(run.path, metrics=["mse"]).result
    assert [one.name for one in more.metrics] == [one.name for one in both.result.metrics] + ["mse"]
    assert {*read_scores(run)[0].scores} >= {"psnr", "ssim", "mse", "toy-judge:red"}


def test_earlier_values_of_other_images_go_and_are_named(run):
    tpgbench.score(run.path, metrics=["psnr", "ssim"])
    save(noise(3), run.image_path("toy-001"))
    outcome = tpgbench.score(run.path, metrics=["psnr"])
    assert [one.name for one in outcome.result.metrics] == ["psnr"]
    assert outcome.notes == (
        "the earlier values of ssim were of other images or samples and are gone: score with "
        "these metrics again",
    )


def test_a_lower_limit_does_not_replace_a_fuller_result(tmp_path):
    options = {"dataset": "toy", "metrics": ["psnr"], "out": tmp_path / "run"}
    for more in (5, None):
        full = tpgbench.run("toy-noise", limit=more, **options).result
    for limit in (3, 5):
        cut = rf"of all samples, which --limit {limit} would cut"
        with pytest.raises(TpgbenchError, match=cut):
            tpgbench.run("toy-noise", limit=limit, **options)
    assert tpgbench.score(tmp_path / "run", metrics=["psnr"]).result == full
    cut = tpgbench.run("toy-noise", limit=3, overwrite=True, **options).result
    assert cut.metric("psnr").n == 3


def test_external_images_keep_their_sessions_and_their_limit(run, tmp_path):
    options = {"metrics": ["psnr"], "out": tmp_path / "scored"}
    for _ in range(2):
        tpgbench.score_images(run.generations, "toy", command=["typed"], **options)
    assert len(RunStore(tmp_path / "scored").read_record().sessions) == 2
    with pytest.raises(TpgbenchError, match="of all samples, which --limit 2 would cut"):
        tpgbench.score_images(run.generations, "toy", limit=2, **options)


def test_meta_that_is_not_json_costs_its_sample(run, monkeypatch):
    dataset = tpgbench.load_dataset("toy")
    row = type(dataset).__getitem__

    def odd(self, index):
        found = row(self, index)
        return dataclasses.replace(found, meta={"odd": object()}) if index == 1 else found

    monkeypatch.setattr(type(dataset), "__getitem__", odd)
    outcome = tpgbench.score(run.path, metrics=["psnr"])
    assert outcome.result.metric("psnr").n == 11
    assert "toy-001: toy-001: its meta is not JSON" in outcome.problems[0]


def test_nan_and_infinity_survive_the_journal(tmp_path):
    tpgbench.run("toy-broken", dataset="toy", metrics=["psnr"], out=tmp_path)
    again = tpgbench.score(tmp_path, metrics=["psnr"]).result.metric("psnr")
    assert again.infinite == 8


def test_images_not_generated_yet_are_missing(run):
    run.image_path("toy-001").unlink()
    outcome = tpgbench.score(run.path, metrics=["psnr"])
    assert outcome.exit_code == 1
    assert "toy-001: no image was generated yet" in outcome.problems[0]


def test_a_damaged_image_is_a_failed_sample(run):
    run.image_path("toy-001").write_bytes(b"not a png")
    outcome = tpgbench.score(run.path, metrics=["psnr"])
    assert outcome.result.samples.failed == 1
    assert "cannot be read as an image" in outcome.problems[0]


def test_metrics_by_name_must_be_possible_and_defaults_need_not(run, monkeypatch, tmp_path):
    from tpgbench.benchmark.scoring import score as module
    from tpgbench.benchmark.tasks import Task

    monkeypatch.setenv("TPGBENCH_WEIGHTS", str(tmp_path))
    with pytest.raises(TpgbenchError, match=r"toy-weights\.bin is not here"):
        tpgbench.score(run.path, metrics=["toy-weights"])
    assert not run.result_path.exists()
    with pytest.raises(TpgbenchError, match="unknown metric 'sism': did you mean 'ssim'"):
        tpgbench.score(run.path, metrics=["sism"])

    task = Task("tpg", "", "toy", ("psnr", "toy-weights"))
    monkeypatch.setattr(module, "get_task", lambda _: task)
    outcome = tpgbench.score(run.path)
    assert outcome.exit_code == 0
    value = outcome.result.metric("toy-weights")
    assert value.value is None
    assert "TPGBENCH_OFFLINE" in value.not_computed


def test_another_packages_metric_that_breaks_while_it_loads_is_one_line(run, monkeypatch):
    import toy_plugin

    def broken(_):
        raise RuntimeError("no\nlibrary")

    monkeypatch.setattr(toy_plugin.ToyMean, "load", broken)
    with pytest.raises(TpgbenchError, match=r"'toy-mean' cannot be loaded \(RuntimeError: no lib"):
        tpgbench.score(run.path, metrics=["toy-mean"])


def test_wrong_metrics_are_refused_before_anything_is_generated(tmp_path):
    with pytest.raises(TpgbenchError, match="unknown metric"):
        tpgbench.run("toy-noise", dataset="toy", metrics=["nope"], out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_another_dataset_is_refused(run):
    with pytest.raises(TpgbenchError, match="the dataset has changed"):
        tpgbench.score(run.path, dataset="toy-bad-rows")


def test_a_metric_that_raises_is_named_and_nothing_is_hidden(run, monkeypatch):
    from tpgbench.metrics.psnr import PSNRMetric

    def broken(*_):
        raise ZeroDivisionError("oh")

    monkeypatch.setattr(PSNRMetric, "score", broken)
    outcome = tpgbench.score(run.path, metrics=METRICS)
    assert outcome.exit_code == 1
    reason = "failed on 12 of 12 samples; the first, toy-000: ZeroDivisionError: oh"
    assert outcome.problems == (f"psnr {reason}",)
    psnr, mean = (outcome.result.metric(name) for name in METRICS)
    assert (psnr.value, psnr.n, psnr.missing, psnr.not_computed) == (None, 0, 12, reason)
    assert (mean.n, mean.missing) == (12, 0)
    monkeypatch.undo()
    again = tpgbench.score(run.path, metrics=METRICS)
    assert (again.exit_code, again.result.metric("psnr").n) == (0, 12)


def test_intervals_draw_garments_and_not_their_photos(tmp_path, monkeypatch):
    import toy_plugin

    plain = tpgbench.run("toy-noise", dataset="toy", metrics=["psnr"], out=tmp_path / "a")
    row = toy_plugin.ToyDataset.__getitem__

    def same_garment(dataset, index):
        one = row(dataset, index)
        return dataclasses.replace(one, garment_id=f"garment-{index // 6}")

    monkeypatch.setattr(toy_plugin.ToyDataset, "__getitem__", same_garment)
    grouped = tpgbench.score(plain.path, metrics=["psnr"]).result.metric("psnr")
    alone = plain.result.metric("psnr")
    assert grouped.value == alone.value
    assert grouped.interval != alone.interval


def test_a_table_of_another_scoring_is_not_believed(run):
    first = tpgbench.score(run.path, metrics=METRICS)
    result = run.result_path.read_bytes()
    second = tpgbench.score(run.path, metrics=["ssim"])
    run.result_path.write_bytes(result)  # as if the process had died between the two files
    with pytest.raises(TpgbenchError, match="are of two scorings; run 'tpgbench score"):
        tpgbench.report(run.path)
    assert tpgbench.score(run.path, metrics=["ssim"]) == second
    assert second.result.metrics[:2] == first.result.metrics


def test_a_bad_image_does_not_end_a_score_of_sets_alone(run):
    run.image_path("toy-004").write_bytes(b"torn")
    outcome = tpgbench.score(run.path, metrics=["retrieval_colour"])
    assert outcome.exit_code == 1
    assert outcome.result.samples.failed == 1
    assert outcome.result.metric("retrieval_colour").n == 11


def test_not_a_run(tmp_path):
    with pytest.raises(TpgbenchError, match="is .* a run directory"):
        tpgbench.score(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"schema_version": 99}', "has schema version 99, .* up to 3; upgrade tpgbench"),
        ('{"schema_version": 1}', r"is damaged \(identity: field required\); run the stage again"),
        ("{}", "is damaged .schema_version: it is not a number"),
        ("[1", "is damaged .invalid JSON"),
        ("[]", "is damaged .it holds no fields by name"),
    ],
)
def test_alien_run_files_are_one_line(run, content, message):
    run.record_path.write_text(content)
    with pytest.raises(TpgbenchError, match=message):
        tpgbench.score(run.path)


class TestImagesMadeElsewhere:
    @pytest.fixture
    def images(self, run, tmp_path):
        """A folder of images named by sample id, in another order and format."""
        folder = tmp_path / "images"
        shutil.copytree(run.generations, folder)
        return folder

    def score(self, images, tmp_path, dataset="toy", **given):
        return tpgbench.score_images(
            images, dataset, metrics=["psnr"], out=tmp_path / "scored", **given
        )

    def test_equal_to_the_run_that_made_them(self, run, images, tmp_path):
        before = {path: path.read_bytes() for path in images.iterdir()}
        outcome = self.score(images, tmp_path)
        expected = tpgbench.score(run.path, metrics=["psnr"]).result.metric("psnr")
        assert outcome.result.metric("psnr").value == expected.value
        assert outcome.result.metric("psnr").recipe == expected.recipe
        assert outcome.exit_code == 0
        assert {path: path.read_bytes() for path in images.iterdir()} == before
        assert tpgbench.report(outcome.path).path.exists()

    def test_the_recipe_says_how_they_were_stored_whatever_they_are_called(self, images, tmp_path):
        first, second, *_ = sorted(images.iterdir())
        with PIL.Image.open(first) as picture:
            picture.load()
        picture.save(first, format="jpeg")
        second.write_bytes(b"torn")
        recipe = self.score(images, tmp_path).result.metric("psnr").recipe
        assert "|format:jpeg+png|" in recipe

    def test_missing_and_extra_ones_are_named(self, images, tmp_path):
        (images / "toy-002.png").rename(images / "holiday.png")
        outcome = self.score(images, tmp_path)
        assert outcome.exit_code == 1
        assert "toy-002: no image is named after it" in outcome.problems[0]
        assert "1 images belong to no sample of this split: holiday" in outcome.notes[0]

    def test_another_size_fails_unless_resized_and_the_recipe_says_so(self, images, tmp_path):
        PIL.Image.new("RGB", (64, 64)).save(images / "toy-000.png")
        outcome = self.score(images, tmp_path)
        assert "64x64 px, not 32x32: give --size, or --resize" in outcome.problems[0]
        resized = tpgbench.score_images(
            images, "toy", metrics=["psnr"], resize=True, out=tmp_path / "resized"
        )
        assert resized.exit_code == 0
        assert "|output-frame:truth-or-square|" in resized.result.metric("psnr").recipe

    def test_a_manifest_names_any_file(self, images, tmp_path):
        lines = ["sample_id,file"]
        for index, path in enumerate(sorted(images.iterdir())):
            path.rename(images / f"{index}.png")
            lines.append(f"{path.stem},{index}.png")
        manifest = tmp_path / "manifest.csv"
        manifest.write_text("\ufeff" + "\r\n".join(lines))
        assert self.score(images, tmp_path, manifest=manifest).exit_code == 0

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("a,b\n1,2\n", "columns sample_id and file"),
            ("sample_id,file\ntoy-000,0.png\ntoy-000,1.png\n", "two rows for the sample"),
        ],
    )
    def test_bad_manifests(self, images, tmp_path, text, message):
        (tmp_path / "m.csv").write_text(text)
        with pytest.raises(TpgbenchError, match=message):
            self.score(images, tmp_path, manifest=tmp_path / "m.csv")

    def test_two_images_of_one_sample(self, images, tmp_path):
        shutil.copy(images / "toy-000.png", images / "toy-000.jpg")
        with pytest.raises(TpgbenchError, match="both toy-000.jpg and toy-000.png"):
            self.score(images, tmp_path)

    def test_nothing_fits(self, tmp_path):
        with pytest.raises(TpgbenchError, match="no such folder of images"):
            self.score(tmp_path / "none", tmp_path)
        with pytest.raises(TpgbenchError, match="none of its 0 images"):
            self.score(tmp_path, tmp_path)
        assert not (tmp_path / "scored").exists()


def test_odd_ids_are_scored(tmp_path):
    outcome = tpgbench.run(
        "toy-noise", dataset="toy", split="odd", metrics=["psnr"], out=tmp_path / "run"
    )
    assert outcome.exit_code == 0
    assert [row.sample_id for row in read_scores(RunStore(outcome.path))] == ODD_IDS


def test_a_default_metric_that_is_broken_is_a_problem(tmp_path, monkeypatch):
    from tpgbench.metrics.ssim import SSIMMetric

    def load(self):
        raise RuntimeError("no driver")

    monkeypatch.setattr(SSIMMetric, "load", load)
    outcome = tpgbench.run("toy-noise", dataset="toy", out=tmp_path / "run")
    assert outcome.exit_code == 1
    assert "ssim cannot be loaded: RuntimeError: no driver" in outcome.problems


def test_scores_of_external_images_stay_out_of_their_dataset(tmp_path):
    save(noise(0, (32, 32)), tmp_path / "own" / "a.png")
    save(noise(1, (32, 32)), tmp_path / "images" / "a.png")
    with pytest.raises(TpgbenchError, match="lies within the dataset"):
        tpgbench.score_images(
            tmp_path / "images", tmp_path / "own", size=32, out=tmp_path / "own" / "run"
        )
