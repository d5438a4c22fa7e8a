"""A procedural dataset as files: the rows that it renders, under its own fingerprint."""

from __future__ import annotations

import json

import numpy as np
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from folders import tree
from tpgbench.api import datasets as api_datasets
from tpgbench.api import runs as api
from tpgbench.cli.app import cli
from tpgbench.core.errors import TpgbenchError
from tpgbench.datasets_builders import ctp_synth, mannequin_synth
from tpgbench.datasets_builders.reading.parquet import ParquetDataset

ROWS = {"validation": 2, "test": 3, "robustness": 5}


@pytest.fixture(autouse=True)
def _few_rows(monkeypatch):
    monkeypatch.setattr(ctp_synth, "ROWS", ROWS)


def build(out, **options):
    return api_datasets.build_dataset("ctp-synth", out=out, **{"size": 64, **options})


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ctp_synth, "ROWS", ROWS)
        out = tmp_path_factory.mktemp("procedural") / "built"
        report = build(out, train_rows=4)
    assert report.rows == {**ROWS, "train": 4}
    assert report.findings == ()
    return out


def test_every_row_is_the_rendered_one(built):
    for split in (*ROWS, "train"):
        rendered = api_datasets.load_dataset("ctp-synth", split, size=64)
        stored = ParquetDataset(built, split)
        assert list(stored.sample_ids()) == list(rendered.sample_ids(len(stored)))
        for index, row in enumerate(stored):
            expected = rendered[index]
            for image in ("garment", "mask", "pattern"):
                np.testing.assert_array_equal(getattr(row, image), getattr(expected, image))
            assert (row.sample_id, row.garment_id) == (expected.sample_id, expected.garment_id)
            assert row.caption == expected.caption
            assert row.meta == json.loads(json.dumps(expected.meta))


def test_mannequins_are_the_rendered_ones(tmp_path, monkeypatch):
    monkeypatch.setattr(mannequin_synth, "ROWS", {"validation": 1, "test": 1, "paired": 2})
    api_datasets.build_dataset("mannequin-synth", out=tmp_path / "out", size=64, train_rows=1)
    for split, rows in {"train": 1, "validation": 1, "test": 1, "paired": 2}.items():
        rendered = api_datasets.load_dataset("mannequin-synth", split, size=64)
        stored = api_datasets.load_dataset(tmp_path / "out", split)
        assert len(stored) == rows
        assert stored.fingerprint == rendered.fingerprint
        for index, row in enumerate(stored):
            expected = rendered[index]
            for image in ("image", "mask", "condition"):
                np.testing.assert_array_equal(getattr(row, image), getattr(expected, image))
            assert (row.sample_id, row.caption) == (expected.sample_id, expected.caption)
            assert row.meta == json.loads(json.dumps(expected.meta))
    assert api_datasets.verify_dataset(tmp_path / "out").differences == ()


def test_the_files_tell_of_which_pattern_they_are(built, tmp_path, monkeypatch):
    api_datasets.build_dataset("ctp-synth-unaligned", out=tmp_path / "out", size=64)
    monkeypatch.setenv("TPGBENCH_ROW_CACHE", str(tmp_path / "rows"))
    for name, folder, track in (
        ("ctp-synth", built, "aligned"),
        ("ctp-synth-unaligned", tmp_path / "out", "unaligned"),
    ):
        assert api_datasets.load_dataset(name, size=64).track == track
        assert api_datasets.load_dataset(folder).track == track


def test_at_its_own_size_it_is_the_same_dataset_and_at_another_it_is_not(built):
    rendered = api_datasets.load_dataset("ctp-synth", size=64)
    stored = ParquetDataset(built)
    assert (stored.name, stored.fingerprint, stored.size, stored.licence) == (
        rendered.name, rendered.fingerprint, 64, rendered.licence
    )  # fmt: skip
    # The renderer would draw anew at 128 px; the files can only be enlarged.
    assert ParquetDataset(built, size=128).fingerprint != rendered.fingerprint


def test_a_run_on_the_files_equals_a_run_on_the_renderer(built, tmp_path):
    options = {"limit": 3, "metrics": ["ssim"], "seed": 3}
    rendered = api.run("quilting", dataset="ctp-synth", size=64, out=tmp_path / "a", **options)
    stored = api.run("quilting", dataset=built, out=tmp_path / "b", **options)
    assert stored.result.metrics == rendered.result.metrics
    images = {path.name: path.read_bytes() for path in (tmp_path / "a/generations").iterdir()}
    assert len(images) == 3
    for name, data in images.items():
        assert (tmp_path / "b" / "generations" / name).read_bytes() == data
    comparison = api.compare([tmp_path / "a", tmp_path / "b"])
    assert comparison is not None


def test_builds_are_byte_identical_whatever_the_workers(built, tmp_path):
    build(tmp_path / "again", train_rows=4, workers=2)
    assert tree(tmp_path / "again") == tree(built)


def test_plain_load_dataset_reads_it_and_it_verifies(built, tmp_path):
    import datasets

    loaded = datasets.load_dataset(str(built), cache_dir=str(tmp_path / "cache"))
    assert {name: split.num_rows for name, split in loaded.items()} == {**ROWS, "train": 4}
    assert api_datasets.verify_dataset(built).differences == ()
    manifest = pq.read_table(built / "manifest.parquet").to_pylist()
    assert len(manifest) == 3 * 14
    assert manifest[0]["file"].endswith(".png")


def test_without_train_rows_there_is_no_train(tmp_path):
    assert build(tmp_path / "out").rows == ROWS
    with pytest.raises(TpgbenchError, match="split"):
        ParquetDataset(tmp_path / "out", "train")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"source": "somewhere"}, "has no source files: leave --source out"),
        ({"train_rows": -1}, "--train-rows -1: give 0 or more"),
        ({"size": 32}, "--size 32"),
        ({"workers": 0}, "--workers 0"),
    ],
)
def test_wrong_options_are_refused_and_nothing_is_left(tmp_path, options, message):
    with pytest.raises(TpgbenchError, match=message):
        build(tmp_path / "out", **options)
    assert list(tmp_path.iterdir()) == []


def test_train_rows_are_not_for_packaged_datasets(tmp_path):
    with pytest.raises(TpgbenchError, match="--train-rows is for procedural datasets"):
        api_datasets.build_dataset("ctp-hd", source=tmp_path, out=tmp_path / "out", train_rows=1)


def test_the_command_builds_and_verifies(tmp_path):
    out = str(tmp_path / "out")
    words = ["build-dataset", "ctp-synth-unaligned", "--out", out, "--size", "64", "--json"]
    result = CliRunner().invoke(cli, words, standalone_mode=False)
    assert result.return_value == 0
    assert json.loads(result.stdout)["rows"] == ROWS
    result = CliRunner().invoke(cli, ["verify-dataset", out], standalone_mode=False)
    assert result.return_value == 0
    assert "as it was built" in result.stdout


def test_progress_counts_rows_when_it_is_asked_for(tmp_path, capsys):
    build(tmp_path / "silent")
    assert capsys.readouterr().err == ""
    build(tmp_path / "shown", train_rows=2, show_progress=True)
    assert "build 12/12, " in capsys.readouterr().err
    words = ["build-dataset", "ctp-synth", "--size", "64", "--out", str(tmp_path / "command")]
    done = CliRunner().invoke(cli, words, standalone_mode=False)
    assert done.exception is None
    assert "build 10/10, " in done.stderr
    assert tree(tmp_path / "silent") == tree(tmp_path / "command")
