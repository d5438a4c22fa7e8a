"""Verifying a built dataset: every kind of tampering is found and named."""

from __future__ import annotations

import hashlib
import io
import json
import re
import shutil

import numpy as np
import PIL.Image
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from folders import edit_info
from tpgbench.api import datasets as api_datasets
from tpgbench.cli.app import cli
from tpgbench.core.errors import TpgbenchError

SHARD = "data/test-00000-of-00001.parquet"


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """A source of four garments, one as a palette PNG that has to be re-encoded, and its build."""
    root = tmp_path_factory.mktemp("verify")
    rng = np.random.default_rng(0)
    mask = np.zeros((24, 24), dtype=np.uint8)
    mask[6:18, 6:18] = 255
    for folder in ("cloth", "cloth_mask", "pattern"):
        (root / "source" / folder).mkdir(parents=True)
        for index in range(4):
            array = rng.integers(0, 256, (24, 24, 3), dtype=np.uint8)
            picture = PIL.Image.fromarray(mask if folder == "cloth_mask" else array)
            if folder == "cloth" and index == 1:
                picture = picture.quantize(8)
            picture.save(root / "source" / folder / f"{index}.png")
    (root / "source" / "pattern" / "3.png").unlink()
    (root / "source" / "test.txt").write_text("0.png\n1.png\n2.png\n3.png\n")
    api_datasets.build_dataset("ctp-hd", source=root / "source", out=root / "built", strict=True)
    return root


@pytest.fixture
def built(original, tmp_path):
    return shutil.copytree(original / "built", tmp_path / "built")


def differences(folder, source=None):
    found = api_datasets.verify_dataset(folder, source=source)
    return [(one.where, one.detail) for one in found.differences]


def test_what_was_built_is_as_it_was_built(original):
    found = api_datasets.verify_dataset(original / "built", source=original / "source")
    assert found.differences == ()
    assert found.rows == 4
    assert found.files == 5
    assert found.lines() == [f"{original / 'built'}: as it was built (5 files, 4 rows)"]


def rewrite(folder, change):
    """Change the rows of the shard and, as a careful forger does, its digest in build.json."""
    path = folder / SHARD
    table = pq.read_table(path)
    rows = table.to_pylist()
    changed = change(rows)
    rows = rows if changed is None else changed
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), path)
    forge(folder, SHARD)


def forge(folder, name):
    data = (folder / name).read_bytes()
    info = json.loads((folder / "build.json").read_text())
    info["files"][name] = {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    (folder / "build.json").write_text(json.dumps(info))


def png(array):
    buffer = io.BytesIO()
    PIL.Image.fromarray(array).save(buffer, format="PNG")
    return {"bytes": buffer.getvalue(), "path": None}


def set_column(name, value, row=0):
    return lambda folder: rewrite(folder, lambda rows: rows[row].update({name: value}))


def flip_a_byte(name):
    def change(folder):
        data = bytearray((folder / name).read_bytes())
        data[len(data) // 2] ^= 1
        (folder / name).write_bytes(bytes(data))

    return change


def edit_manifest(folder):
    table = pq.read_table(folder / "manifest.parquet")
    rows = table.to_pylist()
    rows[0]["sha256"] = "0" * 64
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), folder / "manifest.parquet")
    forge(folder, "manifest.parquet")


GREY = np.full((24, 24), 99, dtype=np.uint8)
OTHER = np.full((24, 24, 3), 9, dtype=np.uint8)
FINGERPRINT = ("build.json", "its fingerprint is not that of the rows")
TAMPERED = {
    "readme": (flip_a_byte("README.md"), [("README.md", "has other bytes")]),
    "croissant": (flip_a_byte("croissant.json"), [("croissant.json", "has other bytes")]),
    "page": (flip_a_byte("integrity.html"), [("integrity.html", "has other bytes")]),
    "size": (
        lambda folder: edit_info(
            files={
                name: {**file, "size": 10**30 if name == SHARD else file["size"]}
                for name, file in json.loads((folder / "build.json").read_text())["files"].items()
            }
        )(folder),
        [(SHARD, "has other bytes")],
    ),
    "file gone": (lambda folder: (folder / "README.md").unlink(), [("README.md", "is missing")]),
    "file more": (
        lambda folder: (folder / "data" / "x.parquet").write_bytes(b""),
        [("data/x.parquet", "is not part of the build")],
    ),
    "shard gone": (
        lambda folder: (folder / SHARD).unlink(),
        [(SHARD, "is missing"), ("default/test", "has 0 rows"), ("default/test/0", "no row has")],
    ),
    "photo": (
        set_column("garment", png(OTHER)),
        [("default/test/0", "its garment is not the file of the manifest")],
    ),
    "pattern added": (
        set_column("pattern", png(OTHER), row=3),
        [("default/test/3", "its pattern is not in the manifest"), ("default/test", "unlabelled")],
    ),
    "grey mask": (set_column("mask", png(GREY)), [("default/test/0", "its mask holds other val")]),
    "no mask": (
        set_column("mask", {"bytes": b"x", "path": None}),
        [("default/test/0", "its mask holds other val")],
    ),
    "photo without bytes": (
        set_column("garment", {"bytes": None, "path": "x.png"}),
        [("default/test", "cannot be read")],
    ),
    "meta is no JSON": (set_column("meta", "{"), [("default/test/0", "its meta is not a JSON")]),
    "meta is a list": (set_column("meta", "[]"), [("default/test/0", "its meta is not a JSON")]),
    "no meta": (set_column("meta", None), [("default/test/0", "its meta is not a JSON")]),
    "unknown task": (
        edit_info(task="weaving"), [("build.json", "holds the unknown task 'weaving'")]
    ),
    "caption": (set_column("caption", "another"), [FINGERPRINT]),
    "meta": (set_column("meta", '{"x": 1}', row=1), [FINGERPRINT]),
    "row gone": (
        lambda folder: rewrite(folder, lambda rows: rows[1:]),
        [("default/test", "has 3 rows"), ("default/test/0", "no row has this id"), FINGERPRINT],
    ),
    "order": (lambda folder: rewrite(folder, lambda rows: rows[::-1]), [FINGERPRINT]),
    "manifest": (
        edit_manifest, [("default/test/0", "is not the file of the manifest"), FINGERPRINT]
    ),
    "no manifest": (
        lambda folder: (folder / "manifest.parquet").write_bytes(b""),
        [("manifest.parquet", "has other bytes"), ("manifest.parquet", "cannot be read")],
    ),
    "fingerprint": (edit_info(fingerprint="0" * 64), [FINGERPRINT]),
    "options": (edit_info(options={"mask_threshold": 1}), [FINGERPRINT]),
    "counts": (
        edit_info(configs={"default": {"test": {"rows": 5, "unlabelled": 1}}}),
        [("default/test", "has 4 rows, 1 unlabelled, where build.json says 5 and 1")],
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", TAMPERED)
def test_tampering_is_named(built, kind):
    tamper, expected = TAMPERED[kind]
    tamper(built)
    found = differences(built)
    for where, detail in expected:
        assert any(one.endswith(where) and detail in told for one, told in found), found
    result = CliRunner().invoke(cli, ["verify-dataset", str(built)], standalone_mode=False)
    assert result.return_value == 1
    assert f"{len(found)} difference" in result.output


def test_a_flipped_byte_in_a_shard_is_found(built):
    flip_a_byte(SHARD)(built)
    assert (SHARD, "has other bytes than were written") in differences(built)


def test_a_tool_s_own_hidden_files_are_no_difference(built):
    (built / ".cache" / "hub").mkdir(parents=True)
    (built / ".cache" / "hub" / "x").write_text("")
    (built / ".DS_Store").write_text("")
    assert differences(built) == []


def test_an_archive_of_the_source_does_as_well_as_its_folder(original, tmp_path):
    archive = shutil.make_archive(str(tmp_path / "source"), "zip", original, "source")
    assert differences(original / "built", archive) == []
    (original / "source" / "cloth" / "0.png").rename(tmp_path / "0.png")
    try:
        other = shutil.make_archive(str(tmp_path / "other"), "gztar", original, "source")
    finally:
        (tmp_path / "0.png").rename(original / "source" / "cloth" / "0.png")
    [(where, detail)] = differences(original / "built", other)
    assert where == "cloth/0.png"
    assert detail.startswith("is not in the source")


def test_the_source_is_held_against_the_manifest(original, tmp_path):
    source = shutil.copytree(original / "source", tmp_path / "source")
    (source / "cloth" / "0.png").write_bytes(b"another")
    (source / "pattern" / "1.png").unlink()
    found = differences(original / "built", source)
    assert [where for where, _ in found] == ["cloth/0.png", "pattern/1.png"]


def test_a_wrong_source_is_one_line(original, tmp_path):
    (tmp_path / "other").mkdir()
    [(where, detail)] = differences(original / "built", tmp_path / "other")
    assert where == str(tmp_path / "other")
    assert detail.startswith("holds none of the 12 files that were packaged (first: cloth/0.png): ")


def test_files_of_a_folder_that_share_a_cause_are_one_line(original, tmp_path):
    source = shutil.copytree(original / "source", tmp_path / "source")
    (source / "train_list.txt").write_text("x.png\n")
    (source / "README.md").write_text("")
    for number in range(11):
        (source / "cloth" / f"new{number:02d}.png").write_bytes(b"x")
    shutil.rmtree(source / "pattern")
    assert differences(original / "built", source) == [
        ("pattern/0.png", "is not in the source"),
        ("pattern/1.png", "is not in the source"),
        ("pattern/2.png", "is not in the source"),
        (
            "cloth",
            "holds 11 files (new00.png, new01.png, new02.png, ...); each is in the source and not "
            "in the build; build it again, or remove the file",
        ),
        (
            "train_list.txt",
            "is in the source and not in the build; build it again, or remove the file",
        ),
    ]


def test_what_the_build_left_out_is_no_difference(tmp_path, original):
    source = shutil.copytree(original / "source", tmp_path / "source")
    (source / "notes.txt").write_text("")
    for number in range(11):
        shutil.copy(source / "cloth" / "0.png", source / "cloth" / f"new{number:02d}.png")
    (source / "cloth_mask" / "2.png").write_bytes(b"no picture")
    report = api_datasets.build_dataset("ctp-hd", source=source, out=tmp_path / "built")
    assert report.left_out == 12
    assert differences(tmp_path / "built", source) == []


def test_a_split_that_is_falsely_said_to_be_complete_is_named(built):
    published = {"rows": 4, "unlabelled": 1, "published": 4}
    edit_info(configs={"default": {"test": published}})(built)
    said = ("default/test", "4 rows are not all that was published, as build.json says")
    assert said in differences(built)


def test_progress_is_shown_of_rows_and_of_the_source(original):
    words = ["verify-dataset", str(original / "built"), "--source", str(original / "source")]
    told = CliRunner().invoke(cli, words, standalone_mode=False).stderr
    assert re.search(r"verify 4/4, .* rows/s", told)
    assert re.search(r"source 12, .* files/s", told)


def test_names_cannot_steer_the_terminal(built):
    rewrite(built, lambda rows: rows[0].update(sample_id="\x1b[31m\n"))
    lines = api_datasets.verify_dataset(built).lines()
    assert not any("\x1b" in line or "\n" in line for line in lines)


def test_the_command_says_all_in_json(built):
    (built / "README.md").unlink()
    words = ["verify-dataset", str(built), "--json"]
    result = CliRunner().invoke(cli, words, standalone_mode=False)
    told = json.loads(result.stdout)
    assert result.return_value == 1
    assert told["differences"] == [{"where": "README.md", "detail": "is missing"}]
    assert told["rows"] == 4


@pytest.mark.parametrize("spoil", [shutil.rmtree, lambda folder: (folder / "build.json").unlink()])
def test_what_is_no_packaged_dataset_is_refused(built, spoil):
    spoil(built)
    with pytest.raises(TpgbenchError, match="has no build.json; give a folder that"):
        api_datasets.verify_dataset(built)
