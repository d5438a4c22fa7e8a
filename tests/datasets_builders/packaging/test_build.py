"""The build itself: sources of every kind, workers, kills, cards that the ecosystem accepts."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time
import zipfile
from pathlib import Path

import huggingface_hub
import huggingface_hub.constants
import mlcroissant
import numpy as np
import PIL.Image
import pytest
from click.testing import CliRunner
from commands import run_python
from folders import tree
from pictures import mask, photo, save
from tpgbench.api import datasets as api_datasets
from tpgbench.cli.app import cli
from tpgbench.core.errors import TpgbenchError
from tpgbench.core.folders import new_folder
from tpgbench.core.images import read_image
from tpgbench.core.masks import read_mask
from tpgbench.datasets_builders.base import DatasetCard
from tpgbench.datasets_builders.ctp_hd import CtpHd
from tpgbench.datasets_builders.packaging.build import PackagedDataset
from tpgbench.datasets_builders.packaging.rows import RawRow
from tpgbench.datasets_builders.packaging.workers import CHUNK, ordered_map
from tpgbench.datasets_builders.reading.findings import Finding
from tpgbench.datasets_builders.reading.parquet import ParquetDataset
from tpgbench.datasets_builders.reading.schema import TPG_SCHEMA

SIDE = 24


def make(root, train=5, test=3, size=(SIDE, SIDE)):
    for number, folder in enumerate(("cloth", "pattern", "cloth_mask")):
        for index in range(train + test):
            picture = mask(size) if folder == "cloth_mask" else photo((number, index), size)
            save(picture, root / folder / f"{index}.jpg")
    (root / "test.txt").write_text("".join(f"{index}.jpg\n" for index in range(test)))
    lines = [f"{index}.jpg\n" for index in range(test, train + test)]
    (root / "train.txt").write_text("".join(lines))
    return root


@pytest.fixture
def source(tmp_path):
    return make(tmp_path / "source")


def left_beside(folder):
    return {path.name for path in folder.iterdir()}


# Sources.


def packed(source, kind):
    """The source as one archive, everything in one top folder."""
    path = source.parent / f"download.{kind}"
    if kind == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            for name, data in tree(source).items():
                archive.writestr(f"release-1/{name}", data)
    else:
        with tarfile.open(path, "w:gz" if kind.endswith("gz") else "w") as archive:
            archive.add(source, "release-1")
    return path


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz", "tgz"])
def test_an_archive_gives_the_bytes_of_its_folder(source, tmp_path, kind):
    api_datasets.build_dataset("ctp-hd", source=source, out=tmp_path / "from-folder")
    archive = packed(source, kind)
    api_datasets.build_dataset("ctp-hd", source=str(archive), out=tmp_path / "from-archive")
    assert tree(tmp_path / "from-archive") == tree(tmp_path / "from-folder")
    assert left_beside(tmp_path) == {"source", archive.name, "from-folder", "from-archive"}


def test_a_refused_archive_leaves_nothing(source, tmp_path):
    archive = packed(source, "zip")
    data = archive.read_bytes()
    archive.write_bytes(data[: len(data) // 2])
    with pytest.raises(TpgbenchError, match=r"download\.zip: cannot be read as an archive"):
        api_datasets.build_dataset("ctp-hd", source=archive, out=tmp_path / "out")
    assert left_beside(tmp_path) == {"source", "download.zip"}


def test_errors_name_the_archive_and_not_where_it_was_unpacked(tmp_path):
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("notes.txt", "no dataset")
    with pytest.raises(TpgbenchError) as caught:
        api_datasets.build_dataset("ctp-hd", source=tmp_path / "other.zip", out=tmp_path / "out")
    assert str(caught.value).startswith(f"{tmp_path / 'other.zip'}: has no")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (None, "give --source DIR or an archive; "),
        ("nowhere", "nowhere: no such folder or archive; "),
        ("owner/name", "owner/name: no such folder or archive; "),
        ("notes.rar", "is neither a folder nor an archive"),
    ],
)
def test_a_missing_source_is_told_with_where_to_get_it(tmp_path, monkeypatch, given, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes.rar").write_bytes(b"x")
    with pytest.raises(TpgbenchError, match=message) as caught:
        api_datasets.build_dataset("ctp-hd", source=given, out="out")
    if message.endswith("; "):
        assert CtpHd.where_to_get in str(caught.value)
    assert left_beside(tmp_path) == {"notes.rar"}


@pytest.mark.parametrize("name", ["ctp-hd", "ctp-synth"])
@pytest.mark.parametrize("where", ["new", "data/new/deep"])
def test_nothing_is_built_within_a_packaged_dataset(source, tmp_path, name, where):
    built = tmp_path / "built"
    api_datasets.build_dataset("ctp-hd", source=source, out=built)
    given = {"source": source} if name == "ctp-hd" else {"size": 64}
    with pytest.raises(TpgbenchError, match=f"{where}: lies within the packaged dataset .*built,"):
        api_datasets.build_dataset(name, out=built / where, **given)
    assert api_datasets.verify_dataset(built).differences == ()
    assert left_beside(tmp_path) >= {"built"}


class FromHub(CtpHd):
    name = "from-hub"
    hub = True


def test_a_hub_dataset_is_downloaded_where_the_builder_allows_it(source, tmp_path, monkeypatch):
    monkeypatch.delenv("TPGBENCH_OFFLINE")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    asked = []

    def snapshot(repo_id, *, repo_type, local_dir):
        asked.append((repo_id, repo_type))
        shutil.copytree(source, local_dir, dirs_exist_ok=True)
        return str(local_dir)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot)
    report = FromHub().build("owner/garments", tmp_path / "out")
    assert asked == [("owner/garments", "dataset")]
    assert report.rows == {"test": 3, "train": 5}
    assert left_beside(tmp_path) == {"source", "out"}


def test_a_download_that_fails_is_one_line(tmp_path, monkeypatch):
    with pytest.raises(TpgbenchError, match="owner/garments: cannot be downloaded: TPGBENCH_OFF"):
        FromHub().build("owner/garments", tmp_path / "out")
    monkeypatch.delenv("TPGBENCH_OFFLINE")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)

    def refuse(*_, **__):
        raise ConnectionError("401 Client Error.\n\nRepository Not Found")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", refuse)
    with pytest.raises(TpgbenchError, match=r"\(401 Client Error\.\); check the id") as caught:
        FromHub().build("owner/garments", tmp_path / "out")
    assert "\n" not in str(caught.value)
    assert left_beside(tmp_path) == set()


# Size.


def test_larger_images_are_reduced_and_smaller_ones_kept(tmp_path):
    source = make(tmp_path / "source", 0, 2, size=(60, 80))
    for folder, picture in (("cloth", photo(9, (40, 30))), ("cloth_mask", mask((40, 30)))):
        save(picture, source / folder / "1.jpg")
    whole = api_datasets.build_dataset("ctp-hd", source=source, out=tmp_path / "whole")
    small = api_datasets.build_dataset("ctp-hd", source=source, out=tmp_path / "small", size=40)
    rows = ParquetDataset(tmp_path / "small")
    assert rows[0].garment.shape == (40, 30, 3)
    assert rows[0].mask.shape == (40, 30)
    assert rows[1].garment.shape == (30, 40, 3)
    np.testing.assert_array_equal(rows[1].garment, read_image(source / "cloth" / "1.jpg", ""))
    np.testing.assert_array_equal(rows[1].mask, read_mask(source / "cloth_mask" / "1.jpg", ""))
    # Antialiased: as Pillow's own reduction of what the file holds.
    full = PIL.Image.fromarray(read_image(source / "cloth" / "0.jpg", ""))
    np.testing.assert_array_equal(
        rows[0].garment, np.asarray(full.resize((30, 40), PIL.Image.Resampling.BICUBIC))
    )
    options = json.loads((tmp_path / "small" / "build.json").read_text())["options"]
    assert options == {"mask_threshold": 128, "max_side": 40}
    assert small.fingerprint != whole.fingerprint
    assert api_datasets.verify_dataset(tmp_path / "small").differences == ()


@pytest.mark.parametrize("size", [0, -1, 15, 100_000])
def test_a_size_that_no_image_may_have_is_refused(source, tmp_path, size):
    with pytest.raises(TpgbenchError, match="--size"):
        api_datasets.build_dataset("ctp-hd", source=source, out=tmp_path / "out", size=size)
    assert left_beside(tmp_path) == {"source"}


# Workers.


def test_builds_are_byte_identical_whatever_the_workers(tmp_path):
    source = make(tmp_path / "source", train=2 * CHUNK, test=CHUNK + 3)
    (source / "cloth" / "7.jpg").write_bytes(b"no picture")
    (source / "cloth" / "30.jpg").unlink()
    shutil.copy(source / "cloth" / "2.jpg", source / "cloth" / "25.jpg")  # a leak
    with (source / "train.txt").open("a") as stream:
        stream.write("4.jpg\n40.jpg\n")
    one = api_datasets.build_dataset("ctp-hd", source=source, out=tmp_path / "one", workers=1)
    three = api_datasets.build_dataset("ctp-hd", source=source, out=tmp_path / "three", workers=3)
    assert one.left_out == 5
    assert three.findings == one.findings
    assert tree(tmp_path / "one") == tree(tmp_path / "three")


@pytest.mark.parametrize("workers", [-1, 0, 257, 10**9])
def test_a_number_of_workers_is_bounded(source, tmp_path, workers):
    with pytest.raises(TpgbenchError, match=f"--workers {workers}: give 1 to 256"):
        api_datasets.build_dataset("ctp-hd", source=source, out=tmp_path / "out", workers=workers)
    assert left_beside(tmp_path) == {"source"}


def end_abruptly(item):
    if item == 40:
        os._exit(9)
    return item


def test_a_worker_that_dies_is_told(tmp_path):
    with pytest.raises(TpgbenchError, match="a worker process was killed"):
        list(ordered_map(end_abruptly, range(100), workers=2))


def test_work_is_taken_only_as_it_is_needed():
    taken = []
    results = ordered_map(abs, (taken.append(n) or -n for n in range(10_000)), workers=2)
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    results.close()
    assert len(taken) <= 6 * CHUNK


# Killed builds.

DRIVER = """
import sys, time
import pyarrow.parquet as pq
from tpgbench.api import datasets as api_datasets
from tpgbench.datasets_builders.reading import shards
shards.ROW_GROUP_BYTES = 1
write = pq.ParquetWriter.write_table
def slowly(*arguments):
    write(*arguments)
    print("writing", flush=True)
    time.sleep(60)
if __name__ == "__main__":
    pq.ParquetWriter.write_table = slowly
    source, out, workers = sys.argv[1:]
    api_datasets.build_dataset("ctp-hd", source=source, out=out, workers=int(workers))
"""


def is_running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")


def children_of(process):
    return Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()


def wait_for_end(pids):
    deadline = time.monotonic() + 30
    while any(map(is_running, pids)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(is_running, pids))


@needs_proc
@pytest.mark.parametrize("workers", [1, 2])
def test_a_killed_build_leaves_no_dataset_and_the_next_starts_clean(tmp_path, workers):
    source = make(tmp_path / "source", train=3 * CHUNK)
    out = tmp_path / "out"
    (tmp_path / "driver.py").write_text(DRIVER)
    command = [sys.executable, str(tmp_path / "driver.py"), str(source), str(out), str(workers)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "writing\n"
        children = children_of(process)
        with pytest.raises(TpgbenchError, match="another process is making it"):
            api_datasets.build_dataset("ctp-hd", source=source, out=out)
        process.send_signal(signal.SIGKILL)
    assert len(children) >= (workers if workers > 1 else 0)
    assert not out.exists()
    assert any(name.startswith(".tmp-") for name in left_beside(tmp_path))
    wait_for_end(children)
    report = api_datasets.build_dataset("ctp-hd", source=source, out=out)
    assert report.rows == {"test": 3, "train": 3 * CHUNK}
    assert left_beside(tmp_path) == {"source", "driver.py", "out"}
    assert api_datasets.verify_dataset(out).differences == ()


@needs_proc
@pytest.mark.parametrize("workers", [1, 2])
def test_ctrl_c_leaves_nothing(tmp_path, workers):
    source = make(tmp_path / "source", train=3 * CHUNK)
    (tmp_path / "driver.py").write_text(DRIVER)
    arguments = [tmp_path / "driver.py", source, tmp_path / "out", workers]
    command = [sys.executable, *map(str, arguments)]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, stdout=pipe, stderr=pipe, text=True, start_new_session=True
    ) as process:
        assert process.stdout.readline() == "writing\n"
        children = children_of(process)
        os.killpg(process.pid, signal.SIGINT)  # a terminal sends it to all
        _, told = process.communicate(timeout=60)
    assert "KeyboardInterrupt" in told
    wait_for_end(children)
    assert left_beside(tmp_path) == {"source", "driver.py"}


@needs_proc
def test_ctrl_c_while_workers_start_is_told_once(tmp_path):
    source = make(tmp_path / "source", train=CHUNK)
    (tmp_path / "driver.py").write_text(DRIVER)
    arguments = [tmp_path / "driver.py", source, tmp_path / "out", 2]
    command = [sys.executable, *map(str, arguments)]
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        while len(children_of(process)) < 3:  # the tracker of resources is one of them
            time.sleep(0.001)
        os.killpg(process.pid, signal.SIGINT)
        _, told = process.communicate(timeout=60)
    assert told.count("Traceback") == 1
    assert left_beside(tmp_path) == {"source", "driver.py"}


def test_two_processes_do_not_make_one_folder(tmp_path):
    with new_folder(tmp_path / "out") as staging:
        (staging.folder / "x").write_text("first")
        with (
            pytest.raises(TpgbenchError, match="another process is making it"),
            new_folder(tmp_path / "out"),
        ):
            pytest.fail("two at once")
    assert tree(tmp_path) == {"out/x": b"first"}


# Exit codes.


def test_the_command_tells_left_out_rows_by_its_exit_code(source, tmp_path):
    words = ["build-dataset", "ctp-hd", "--source", str(source), "--out"]
    run = CliRunner().invoke
    assert run(cli, [*words, str(tmp_path / "a")], standalone_mode=False).return_value == 0
    (source / "cloth" / "6.jpg").write_bytes(b"no picture")
    assert run(cli, [*words, str(tmp_path / "b")], standalone_mode=False).return_value == 1
    strict = run(cli, [*words, str(tmp_path / "c"), "--strict"], standalone_mode=False)
    assert isinstance(strict.exception, TpgbenchError)
    assert not (tmp_path / "c").exists()


# Cards.


class TwoConfigs(PackagedDataset):
    """CTP-HD's rows once as they are and once turned round."""

    name = "two-configs"
    task = "tpg"
    card = DatasetCard(
        title="Two: \"quoted\", #hash, 'single' and é",
        source="a paper, https://example.org/two",
        licence="CC-BY-NC-4.0",
        citation="@misc{two, title = {Two}}",
        limits=("Only a test.",),
    )
    splits = ("train", "test")
    configs = ("paired", "unpaired")
    default_size = 64
    schema = TPG_SCHEMA
    builder_version = 1
    where_to_get = "nowhere"

    def rows(self, source):
        rows = [row for row in CtpHd().rows(source) if not isinstance(row, Finding)]
        for row in rows:
            yield RawRow(**{**vars(row), "config": "paired"})
        for row in rows:
            if row.split == "test":
                yield RawRow(**{**vars(row), "config": "unpaired"})


@pytest.fixture(params=["one config", "two configs"])
def built(request, source, tmp_path):
    builder = CtpHd() if request.param == "one config" else TwoConfigs()
    report = builder.build(source, tmp_path / "built")
    assert report.left_out == 0
    return tmp_path / "built"


def expected_rows(built):
    if (built / "data" / "paired").is_dir():
        return {"paired": {"test": 3, "train": 5}, "unpaired": {"test": 3}}
    return {"default": {"test": 3, "train": 5}}


def test_plain_load_dataset_reads_every_config_and_split(built, tmp_path):
    import datasets

    names = datasets.get_dataset_config_names(str(built))
    assert names == list(expected_rows(built))
    for config, splits in expected_rows(built).items():
        loaded = datasets.load_dataset(str(built), config, cache_dir=str(tmp_path / "cache"))
        assert {name: split.num_rows for name, split in loaded.items()} == splits
        assert loaded["test"].features["mask"] == datasets.Image(mode="L")
        for split, rows in loaded.items():
            ours = ParquetDataset(built, split, config=config)
            assert rows["sample_id"][:] == ours.sample_ids()
            np.testing.assert_array_equal(np.asarray(rows[0]["garment"]), ours[0].garment)


def test_the_hub_reads_the_card(built):
    card = huggingface_hub.DatasetCard.load(built / "README.md")
    several = len(expected_rows(built)) > 1
    assert card.data.license == ("cc-by-nc-4.0" if several else "other")
    assert [config["config_name"] for config in card.data.configs] == list(expected_rows(built))
    assert [config["default"] for config in card.data.configs] == [True, False][: 1 + several]
    told = {
        info["config_name"]: {split["name"]: split["num_examples"] for split in info["splits"]}
        for info in card.data.dataset_info
    }
    assert told == expected_rows(built)
    sizes = sum(path.stat().st_size for path in (built / "data").rglob("*.parquet"))
    assert sum(info["dataset_size"] for info in card.data.dataset_info) == sizes
    assert card.data.pretty_name == (TwoConfigs if several else CtpHd).card.title
    assert "*id" not in card.content
    if several:
        assert "@misc{two" in card.text
        assert "Only a test." in card.text


def test_croissant_is_valid_and_gives_the_rows(built):
    described = mlcroissant.Dataset(jsonld=str(built / "croissant.json"))
    issues = described.metadata.ctx.issues
    assert issues.errors == set()
    assert all("datePublished" in warning for warning in issues.warnings)
    for config, splits in expected_rows(built).items():
        for split, rows in splits.items():
            name = split if config == "default" else f"{config}/{split}"
            records = list(described.records(name))
            ours = ParquetDataset(built, split, config=config)
            ids = [record[f"{name}/sample_id"].decode() for record in records]
            assert ids == ours.sample_ids()
            assert len(ids) == rows
            np.testing.assert_array_equal(
                np.asarray(records[0][f"{name}/garment"]), ours[0].garment
            )
    digests = {
        part["@id"]: part["sha256"]
        for part in json.loads((built / "croissant.json").read_text())["distribution"]
        if part["@type"] == "cr:FileObject"
    }
    files = json.loads((built / "build.json").read_text())["files"]
    shards = {name: info["sha256"] for name, info in files.items() if name.startswith("data/")}
    assert digests == shards


def test_the_mini_copies_of_one_split_have_one_config_less(tmp_path):
    """A configuration without rows is in no card, and the layout does not change."""
    source = make(tmp_path / "source", train=4, test=0)
    TwoConfigs().build(source, tmp_path / "built")
    assert [path.name for path in (tmp_path / "built" / "data").iterdir()] == ["paired", "unpaired"]
    card = huggingface_hub.DatasetCard.load(tmp_path / "built" / "README.md")
    assert [config["config_name"] for config in card.data.configs] == ["paired"]
    assert ParquetDataset(tmp_path / "built", "train").sample_ids() == ["0", "1", "2", "3"]
    assert api_datasets.verify_dataset(tmp_path / "built").differences == ()


# The Hub.


class FakeHub:
    def __init__(self, error=None):
        self.error = error
        self.created = self.uploaded = None

    def create_repo(self, repo_id, **options):
        self.created = (repo_id, options)
        return f"https://example.org/{repo_id}"

    def upload_folder(self, *, folder_path, **options):
        if self.error:
            raise self.error
        self.uploaded = (sorted(tree(folder_path)), options)


@pytest.fixture
def online(monkeypatch):
    monkeypatch.delenv("TPGBENCH_OFFLINE")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(huggingface_hub, "get_token", lambda: "a token")


def test_a_built_folder_is_published_privately(source, tmp_path, online, monkeypatch):
    fake = FakeHub()
    monkeypatch.setattr(huggingface_hub, "HfApi", lambda: fake)
    api_datasets.build_dataset(
        "ctp-hd", source=source, out=tmp_path / "out", push_to_hub="me/garments"
    )
    options = {"repo_type": "dataset", "private": True, "exist_ok": True}
    assert fake.created == ("me/garments", options)
    options = {"repo_id": "me/garments", "repo_type": "dataset", "delete_patterns": ["data/**"]}
    assert fake.uploaded == (sorted(tree(tmp_path / "out")), options)


def test_a_failed_upload_leaves_the_folder(source, tmp_path, online, monkeypatch):
    fake = FakeHub(ConnectionError("no\nroute"))
    monkeypatch.setattr(huggingface_hub, "HfApi", lambda: fake)
    with pytest.raises(TpgbenchError, match=r"is complete, but was not published .*\(no\); try"):
        api_datasets.build_dataset(
            "ctp-hd", source=source, out=tmp_path / "out", push_to_hub="me/garments"
        )
    assert api_datasets.verify_dataset(tmp_path / "out").differences == ()


@pytest.mark.parametrize("repo", ["garments", "a/b/c", "me/", "../x", "me/gar ments"])
def test_a_wrong_repository_is_told_before_the_build(source, tmp_path, online, repo):
    with pytest.raises(TpgbenchError, match="is not of the form OWNER/NAME"):
        api_datasets.build_dataset("ctp-hd", source=source, out=tmp_path / "out", push_to_hub=repo)
    assert left_beside(tmp_path) == {"source"}


def test_a_missing_token_is_told_before_the_build(source, tmp_path, online, monkeypatch):
    monkeypatch.setattr(huggingface_hub, "get_token", lambda: None)
    with pytest.raises(TpgbenchError, match="you are not logged in to the Hub; run 'hf auth"):
        api_datasets.build_dataset(
            "ctp-hd", source=source, out=tmp_path / "out", push_to_hub="me/garments"
        )
    assert left_beside(tmp_path) == {"source"}


def test_offline_nothing_is_published(source, tmp_path):
    with pytest.raises(TpgbenchError, match="TPGBENCH_OFFLINE or HF_HUB_OFFLINE is set"):
        api_datasets.build_dataset(
            "ctp-hd", source=source, out=tmp_path / "out", push_to_hub="me/garments"
        )
    assert left_beside(tmp_path) == {"source"}


@pytest.mark.slow
def test_memory_is_flat_in_the_number_of_rows(root):
    """Ten times the rows may take a few bytes a row more, and no image."""
    done = run_python(root / "measurements" / "build_dataset.py", "--memory", "500", "5000")
    few, many = (int(line.split()[-2]) for line in done.stdout.splitlines()[1:])
    assert many < few + 40
