from __future__ import annotations

import json

import numpy as np
import PIL.Image
import pytest
import tpgbench
from toy_plugin import ODD_IDS
from tpgbench.benchmark.run.filenames import safe_stem
from tpgbench.benchmark.run.identity import sample_seed
from tpgbench.benchmark.run.store import RunStore
from tpgbench.core.errors import TpgbenchError, UnknownNameError


def generate(out, model="toy-noise", dataset="toy", **given):
    return tpgbench.generate(model, dataset=dataset, out=out, **given)


def images(out) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (out / "generations").iterdir()}


def test_one_image_a_sample_whatever_the_batch_size(tmp_path):
    generate(tmp_path / "a")
    generate(tmp_path / "b", batch_size=5)
    assert len(images(tmp_path / "a")) == 12
    assert images(tmp_path / "a") == images(tmp_path / "b")


def test_the_seed_and_the_options_change_the_images(tmp_path):
    generate(tmp_path / "a")
    generate(tmp_path / "b", seed=1)
    generate(tmp_path / "c", options={"amount": 200})
    assert images(tmp_path / "a") != images(tmp_path / "b")
    assert images(tmp_path / "a") != images(tmp_path / "c")


def test_a_sample_seed_hangs_on_run_seed_and_id_alone():
    assert sample_seed(0, "a") == sample_seed(0, "a")
    assert len({sample_seed(s, i) for s in (0, 1) for i in ("a", "b", "0:a")}) == 6
    assert 0 <= sample_seed(7, "\ud800") < 2**63


def test_default_folder_is_one_a_run_and_the_limit_can_be_raised(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    few = generate(None, limit=3)
    before = images(few.path)
    assert len(before) == 3
    times = {p: p.stat().st_mtime_ns for p in few.run.store.generations.iterdir()}
    more = generate(None, limit=7, batch_size=2)
    assert more.path == few.path
    assert len(images(more.path)) == 7
    assert {p: p.stat().st_mtime_ns for p in times} == times
    assert len(more.run.store.read_record().sessions) == 2
    assert generate(None, options={"amount": 9}).path != few.path


@pytest.mark.parametrize(
    ("change", "shown"),
    [
        ({"seed": 3}, "seed: 0 -> 3"),
        ({"options": {"amount": 3}}, "options: "),
        ({"size": 48}, "size: 32 -> 48"),
        ({"fit": "pad"}, "fit: box -> pad"),
        ({"split": "odd"}, "split: test -> odd"),
        ({"model": "crop"}, "model: toy-noise -> crop"),
        ({"dataset": "toy-bad-rows"}, "dataset: toy -> toy-bad-rows"),
    ],
)
def test_what_would_change_the_images_is_refused_with_the_difference(tmp_path, change, shown):
    out = tmp_path / "run"
    generate(out, limit=2)
    before = images(out)
    with pytest.raises(TpgbenchError, match="holds another run") as caught:
        generate(out, limit=2, **change)
    assert shown in str(caught.value)
    assert "--overwrite" in str(caught.value)
    assert images(out) == before
    generate(out, limit=1, overwrite=True, **change)
    assert len(images(out)) == 1


def test_a_folder_that_is_no_run_is_never_touched(tmp_path):
    (tmp_path / "thesis.tex").write_text("x")
    for overwrite in (False, True):
        with pytest.raises(TpgbenchError, match="not empty and not a run"):
            generate(tmp_path, overwrite=overwrite)
    assert (tmp_path / "thesis.tex").read_text() == "x"


def test_a_file_in_the_place_of_the_folder(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(TpgbenchError, match="is a file"):
        generate(tmp_path / "file")


def test_a_second_process_is_kept_out(tmp_path):
    out = tmp_path / "run"
    generate(out, limit=1)
    with RunStore(out).locked(), pytest.raises(TpgbenchError, match="another process is using"):
        generate(out, limit=1)


@pytest.mark.parametrize("how", ["raise", "size", "nan", "none", "batch", "float", "few"])
def test_a_failing_sample_is_recorded_and_the_run_goes_on(tmp_path, how):
    generated = generate(tmp_path / "run", "toy-broken", options={"how": how})
    broken = {} if how == "batch" else {f"toy-{i:03d}" for i in (0, 3, 6, 9)}
    assert set(generated.failures) == set(broken)
    assert len(images(tmp_path / "run")) == 12 - len(broken)
    message = {
        "raise": "ValueError: no idea at all",
        "size": r"uint8 (31, 32, 3), not uint8 (32, 32, 3)",
        "nan": "NaN",
        "none": "no image",
        "float": "float64",
        "few": "0 images for 1 samples",
        "batch": "",
    }[how]
    assert all(message in error for error in generated.failures.values())


def test_a_model_that_returns_nothing_at_all(tmp_path):
    generated = generate(tmp_path / "run", "toy-broken", options={"how": "all-none"})
    assert len(generated.failures) == 12
    assert "returned nothing" in next(iter(generated.failures.values()))


def test_failures_are_tried_again_and_forgotten_when_they_pass(tmp_path, monkeypatch):
    import toy_plugin

    out = tmp_path / "run"
    generate(out, "toy-broken")
    assert len(json.loads((out / "failures.json").read_text())) == 4
    whole = toy_plugin.ToyNoise(toy_plugin.NoiseConfig())
    monkeypatch.setattr(toy_plugin.ToyBroken, "generate", lambda _, a, b: whole.generate(a, b))
    assert generate(out, "toy-broken").failures == {}
    assert not (out / "failures.json").exists()


def test_an_image_that_is_there_is_never_a_failure(tmp_path, monkeypatch):
    import toy_plugin

    out = tmp_path / "run"
    generate(out, batch_size=2)
    (out / "generations" / "toy-003.png").unlink()

    def out_of_memory(*_):
        raise MemoryError("too much")

    monkeypatch.setattr(toy_plugin.ToyNoise, "generate", out_of_memory)
    assert set(generate(out, batch_size=2).failures) == {"toy-003"}
    monkeypatch.undo()
    assert generate(out, batch_size=2).failures == {}


def test_a_model_that_exits_is_a_failed_sample_and_no_success(tmp_path, monkeypatch):
    import toy_plugin

    def leave(*_):
        raise SystemExit(0)

    monkeypatch.setattr(toy_plugin.ToyNoise, "generate", leave)
    assert len(generate(tmp_path / "run").failures) == 12


def test_an_error_text_that_utf8_cannot_hold_is_recorded(tmp_path, monkeypatch):
    import toy_plugin

    def fail(*_):
        raise ValueError("bad name \udce9")

    monkeypatch.setattr(toy_plugin.ToyNoise, "generate", fail)
    outcome = tpgbench.run("toy-noise", dataset="toy", metrics=["psnr"], out=tmp_path / "run")
    assert "bad name ?" in outcome.problems[0]


def test_a_run_directory_within_its_own_dataset_is_refused(tmp_path):
    photo = np.full((64, 64, 3), 90, np.uint8)
    PIL.Image.fromarray(photo).save(tmp_path / "a.png")
    with (
        pytest.warns(UserWarning, match="no mask"),
        pytest.raises(TpgbenchError, match="lies within the dataset"),
    ):
        tpgbench.run("crop", dataset=tmp_path, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_overwrite_goes_on_with_the_same_run(tmp_path):
    out = tmp_path / "run"
    generate(out, limit=4)
    times = {path: path.stat().st_mtime_ns for path in (out / "generations").iterdir()}
    generate(out, overwrite=True)
    assert {path: path.stat().st_mtime_ns for path in times} == times


def test_a_folder_named_as_a_dataset_changes_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "toy").mkdir()
    assert tpgbench.run("toy-noise", dataset="toy", limit=2, metrics=["psnr"]).exit_code == 0


def test_bad_rows_fail_alone(tmp_path):
    generated = generate(tmp_path / "run", dataset="toy-bad-rows", batch_size=3)
    assert set(generated.failures) == {f"toy-{i:03d}" for i in (1, 2, 3, 4)}
    assert "mask is empty" in generated.failures["toy-001"]
    assert "px and the photo" in generated.failures["toy-002"]
    assert "1x1 px" in generated.failures["toy-003"]
    assert generated.failures["toy-004"] == "toy-004: truncated"


def test_odd_ids_have_files_of_their_own(tmp_path):
    generated = generate(tmp_path / "run", split="odd")
    assert not generated.failures
    names = set(images(tmp_path / "run"))
    assert len(names) == len(ODD_IDS)
    assert "plain.png" in names
    assert all(len(name.encode()) < 200 for name in names)
    assert len({safe_stem(one) for one in ["a/b", "a_b", "a b", "", "é", "e\u0301"]}) == 6


def test_torn_and_stray_files_of_a_dead_machine_are_made_again(tmp_path):
    out = tmp_path / "run"
    generate(out)
    whole = images(out)
    paths = sorted((out / "generations").iterdir())
    paths[0].write_bytes(b"")
    paths[1].write_bytes(paths[1].read_bytes()[:-20])
    damaged = bytearray(paths[2].read_bytes())
    damaged[60:90] = bytes(30)
    paths[2].write_bytes(damaged)
    (out / "generations" / ".tmp-stray").write_bytes(b"x")
    generate(out)
    assert images(out) == whole


def test_disk_full_ends_in_one_line_and_resumes(tmp_path, monkeypatch):
    out, calm = tmp_path / "run", tmp_path / "calm"
    generate(calm)
    from tpgbench.benchmark.run import store as module

    real, count = module.write_atomic, 0

    def filling(path, data, **given):
        nonlocal count
        count += path.suffix == ".png"
        if count > 5:
            from tpgbench.core.files import explain_os_errors

            with explain_os_errors(path):
                raise OSError(28, "No space left on device")
        real(path, data, **given)

    monkeypatch.setattr(module, "write_atomic", filling)
    with pytest.raises(TpgbenchError, match=r"\.png: No space left on device; free disk space"):
        generate(out)
    assert len(images(out)) == 5
    monkeypatch.undo()
    generate(out)
    assert images(out) == images(calm)


def test_a_read_only_folder_is_one_line(tmp_path, monkeypatch):
    from filelock import FileLock

    def refuse(*_, **__):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(FileLock, "acquire", refuse)
    with pytest.raises(TpgbenchError, match="Read-only file system"):
        generate(tmp_path / "run")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"model": "toy-nois"}, "unknown model 'toy-nois': did you mean 'toy-noise'"),
        ({"dataset": "tou"}, "unknown dataset 'tou': did you mean 'toy'"),
        ({"dataset": "toy-other-task"}, "is for the task 'mannequin', not 'tpg'"),
        ({"dataset": "no/such/folder"}, "no such folder"),
        ({"split": "tets"}, "did you mean 'test'"),
        ({"split": "twice"}, "two samples of the split 'twice' have the id 'same'"),
        ({"split": "none"}, "has no sample"),
        ({"split": "train"}, "endless: give --limit"),
        ({"options": {"amuont": 1}}, "unknown option of toy-noise 'amuont': did you mean 'amount'"),
        ({"options": {"amount": "many"}}, "-o amount=many: input should be a valid integer"),
        ({"options": {"amount": 300}}, "-o amount=300: "),
        ({"limit": 0}, "--limit 0: give at least 1"),
        ({"batch_size": 0}, "--batch-size 0"),
        ({"seed": -1}, "--seed -1"),
        ({"size": 8}, "--size 8"),
        ({"fit": "bax"}, "did you mean 'box'"),
        ({"device": "cuda"}, "--device cuda: toy-noise runs on cpu"),
        ({"precision": "fp8"}, "--precision fp8: toy-noise runs in fp32"),
        ({"weights": "somewhere"}, "the model 'toy-noise' has no weights"),
    ],
)
def test_wrong_input_is_one_line_and_writes_nothing(tmp_path, given, message):
    out = tmp_path / "run"
    with pytest.raises(TpgbenchError) as caught:
        generate(out, **given)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not out.exists()


def test_an_endless_split_runs_with_a_limit(tmp_path):
    generate(tmp_path / "run", split="train", limit=4)
    assert len(images(tmp_path / "run")) == 4


def test_the_record_holds_what_is_needed_to_run_again(tmp_path):
    generated = generate(tmp_path / "run", options={"amount": "7"}, command=["tpgbench", "run"])
    record = generated.run.store.read_record()
    assert record.identity.options == {"seconds": 0.0, "amount": 7}
    assert record.identity.dataset_fingerprint == "toy-1-0"
    session = record.sessions[0]
    assert session.command == ("tpgbench", "run")
    assert {"python", "platform", "numpy", "pillow"} <= set(session.environment)


def test_unknown_name_error_is_a_tpgbench_error():
    assert issubclass(UnknownNameError, TpgbenchError)


def test_images_are_what_the_model_made(tmp_path):
    generated = generate(tmp_path / "run", "toy-broken", options={"how": "batch"}, limit=1)
    row = tpgbench.load_dataset("toy")[0]
    with PIL.Image.open(generated.run.store.image_path("toy-000")) as picture:
        assert np.array_equal(np.asarray(picture), row.garment[16:48, 16:48])
