"""Building CTP-HD: what becomes a row, what is left out and named, and what a failure leaves."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import struct
import zlib

import numpy as np
import PIL.Image
import pyarrow.parquet as pq
import pytest
from folders import tree
from pictures import SIZE, mask, photo, save
from tpgbench.core.errors import TpgbenchError
from tpgbench.core.images import read_image
from tpgbench.core.masks import read_mask
from tpgbench.datasets_builders.base import DATASETS
from tpgbench.datasets_builders.ctp_hd import CtpHd
from tpgbench.datasets_builders.reading import shards
from tpgbench.datasets_builders.reading.findings import BuildReport, Finding, FindingKind
from tpgbench.datasets_builders.reading.parquet import ParquetDataset

WIDTH, HEIGHT = SIZE


def pillow(seed):
    return PIL.Image.fromarray(photo(seed))


def add(root, stem, suffix=".jpg", *, labelled=True):
    seed = int.from_bytes(hashlib.sha256(stem.encode()).digest()[:4], "big")
    save(photo(seed), root / "cloth" / f"{stem}{suffix}")
    save(mask(), root / "cloth_mask" / f"{stem}{suffix}")
    if labelled:
        save(photo(seed + 1, (40, 40)), root / "pattern" / f"{stem}{suffix}")


@pytest.fixture
def source(tmp_path):
    """Three garments for training, one of them unlabelled, and two for testing."""
    root = tmp_path / "source"
    for stem in ("A1", "A2", "B1", "B2"):
        add(root, stem)
    add(root, "A3", ".png", labelled=False)
    (root / "train.txt").write_text("A1.jpg\nA2.jpg\nA3.png\n", encoding="utf-8")
    (root / "test.txt").write_text("B1.jpg\nB2.jpg\n", encoding="utf-8")
    return root


@pytest.fixture
def out(tmp_path):
    return tmp_path / "built"


def build(source, out, **options):
    return CtpHd().build(source, out, **options)


def ids(out, split):
    return list(ParquetDataset(out, split).sample_ids())


def stored(out, split, index, column):
    return ParquetDataset(out, split)._rows.row(index, [column])[column]["bytes"]


def test_the_registry_finds_the_builder():
    assert DATASETS.get("ctp-hd") is CtpHd


def test_plain_load_dataset_reads_the_built_set(source, out, tmp_path):
    import datasets

    report = build(source, out, strict=True)
    assert report.rows == {"train": 3, "test": 2}
    assert report.unlabelled == {"train": 1, "test": 0}
    assert report.left_out == 0

    loaded = datasets.load_dataset(str(out), cache_dir=str(tmp_path / "cache"))
    assert {name: split.num_rows for name, split in loaded.items()} == {"train": 3, "test": 2}
    assert list(loaded["test"].features) == [
        "sample_id", "garment", "mask", "pattern", "garment_id", "caption", "meta"
    ]  # fmt: skip
    assert loaded["test"].features["garment"] == datasets.Image(mode="RGB")
    assert loaded["test"].features["mask"] == datasets.Image(mode="L")

    row = loaded["test"][1]
    assert (row["sample_id"], row["garment_id"], row["caption"]) == ("B2", "B2", None)
    assert json.loads(row["meta"]) == {}
    for column, folder in (("garment", "cloth"), ("pattern", "pattern")):
        expected = read_image(source / folder / "B2.jpg", "")
        np.testing.assert_array_equal(np.asarray(row[column]), expected)
    assert row["mask"].mode == "L"
    expected = read_mask(source / "cloth_mask" / "B2.jpg", "")
    np.testing.assert_array_equal(np.asarray(row["mask"]), expected * np.uint8(255))
    assert loaded["train"][2]["pattern"] is None


def test_our_reader_gives_what_the_files_hold(source, out):
    report = build(source, out)
    dataset = ParquetDataset(out, "train")
    assert (dataset.name, dataset.task, dataset.size) == ("ctp-hd", "tpg", 512)
    assert dataset.fingerprint == report.fingerprint
    row = dataset[0]
    np.testing.assert_array_equal(row.garment, read_image(source / "cloth" / "A1.jpg", ""))
    np.testing.assert_array_equal(row.mask, read_mask(source / "cloth_mask" / "A1.jpg", ""))
    np.testing.assert_array_equal(row.pattern, read_image(source / "pattern" / "A1.jpg", ""))
    assert [row.pattern is None for row in dataset] == [False, False, True]


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_a_plain_photo_keeps_its_bytes(source, out, suffix):
    add(source, "A1", suffix)
    if suffix == ".png":
        for folder in ("cloth", "cloth_mask", "pattern"):
            (source / folder / "A1.jpg").unlink()
    build(source, out)
    for column, folder in (("garment", "cloth"), ("pattern", "pattern")):
        assert stored(out, "train", 0, column) == (source / folder / f"A1{suffix}").read_bytes()


def turned():
    exif = PIL.Image.Exif()
    exif[0x0112] = 6  # the camera was held upright: readers that ignore it see the photo lying
    return photo(5, (HEIGHT, WIDTH)), {"exif": exif}


def half_transparent():
    picture = pillow(5).convert("RGBA")
    picture.putalpha(100)
    return picture, {}


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("A1.jpg", turned),
        ("A1.png", half_transparent),
        ("A1.png", lambda: (photo(5), {"transparency": (0, 0, 0)})),
        ("A1.png", lambda: (pillow(5).quantize(8), {})),
        ("A1.jpg", lambda: (pillow(5).convert("L"), {})),
        ("A1.jpg", lambda: (pillow(5).convert("CMYK"), {})),
        ("A1.webp", lambda: (photo(5), {})),
    ],
    ids=["turned", "alpha", "colour-key", "palette", "grey", "cmyk", "webp"],
)
def test_any_other_photo_becomes_a_png_of_what_we_read(source, out, name, make):
    (source / "cloth" / "A1.jpg").unlink()
    picture, options = make()
    save(picture, source / "cloth" / name, **options)
    assert build(source, out).findings == ()
    data = stored(out, "train", 0, "garment")
    picture = PIL.Image.open(io.BytesIO(data))
    assert (picture.format, picture.mode) == ("PNG", "RGB")
    expected = read_image(source / "cloth" / name, "")
    np.testing.assert_array_equal(np.asarray(picture), expected)
    assert ParquetDataset(out, "train")[0].meta == {"reencoded": ["garment"]}
    assert ParquetDataset(out, "train")[1].meta == {}


def test_masks_are_stored_binary(source, out):
    soft = [0] * 12 + [30, 90, 127, 128, 160, 230] + [255] * (WIDTH - 18)
    ramp = np.tile(np.array(soft, dtype=np.uint8), (HEIGHT, 1))
    (source / "cloth_mask" / "A1.jpg").unlink()
    save(ramp, source / "cloth_mask" / "A1.png")
    build(source, out)
    picture = PIL.Image.open(io.BytesIO(stored(out, "train", 0, "mask")))
    assert (picture.format, picture.mode) == ("PNG", "L")
    np.testing.assert_array_equal(np.asarray(picture), np.where(ramp >= 128, 255, 0))
    assert json.loads((out / "build.json").read_text())["options"] == {"mask_threshold": 128}


# Each spoils the source in one way; then come the finding's kind, where it is, whether it leaves
# out a row, and the ids that training still has.


def lose_cloth(root):
    (root / "cloth" / "A2.jpg").unlink()
    (root / "cloth_mask" / "A2.jpg").unlink()
    (root / "pattern" / "A2.jpg").unlink()


def truncate(name):
    def spoil(root):
        path = root / name
        path.write_bytes(path.read_bytes()[:-200])

    return spoil


def replace(name, picture):
    def spoil(root):
        save(picture(), root / name)

    return spoil


def append(name, text):
    def spoil(root):
        with (root / name).open("a", encoding="utf-8") as stream:
            stream.write(text)

    return spoil


def claim_40000_px(root):
    """A small file whose header promises more than memory holds."""
    header = b"IHDR" + struct.pack(">IIBBBBB", 40_000, 40_000, 8, 2, 0, 0, 0)
    data = struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    (root / "cloth" / "A2.jpg").write_bytes(b"\x89PNG\r\n\x1a\n" + data + b"\0\0\0\4IDAT")


def make_unreadable(root):
    (root / "cloth" / "A2.jpg").unlink()
    (root / "cloth" / "A2.jpg").symlink_to(root / "nowhere.jpg")


BLACK = PIL.Image.new("L", (WIDTH, HEIGHT))
WIDE = PIL.Image.new("L", (40_000, 16))
ALL = ["A1", "A2", "A3"]
REST = ["A1", "A3"]
SPOILT = {
    "cloth-missing": (lose_cloth, "missing", "train.txt:2", True, REST),
    "mask-missing": (
        lambda root: (root / "cloth_mask" / "A2.jpg").unlink(),
        "missing", "train.txt:2", True, REST,
    ),
    "photo-truncated": (truncate("cloth/A2.jpg"), "unreadable", "cloth/A2.jpg", True, REST),
    "mask-truncated": (
        truncate("cloth_mask/A2.jpg"), "unreadable", "cloth_mask/A2.jpg", True, REST,
    ),
    "pattern-truncated": (truncate("pattern/A2.jpg"), "unreadable", "pattern/A2.jpg", True, REST),
    "photo-is-text": (
        lambda root: (root / "cloth" / "A2.jpg").write_text("not a picture"),
        "unreadable", "cloth/A2.jpg", True, REST,
    ),
    "dangling-link": (make_unreadable, "unreadable", "cloth/A2.jpg", True, REST),
    "one-pixel": (
        replace("cloth/A2.jpg", lambda: photo(1, (1, 1))),
        "image-size", "cloth/A2.jpg", True, REST,
    ),
    "40000-px": (replace("cloth/A2.jpg", lambda: WIDE), "image-size", "cloth/A2.jpg", True, REST),
    "40000-px-square": (claim_40000_px, "image-size", "cloth/A2.jpg", True, REST),
    "pattern-too-small": (
        replace("pattern/A2.jpg", lambda: photo(1, (15, 40))),
        "image-size", "pattern/A2.jpg", True, REST,
    ),
    "mask-of-another-size": (
        replace("cloth_mask/A2.jpg", lambda: mask((HEIGHT, WIDTH))),
        "mask-size", "cloth_mask/A2.jpg", True, REST,
    ),
    "mask-empty": (
        replace("cloth_mask/A2.jpg", lambda: BLACK), "mask-empty", "cloth_mask/A2.jpg", True, REST,
    ),
    "twice-in-a-list": (append("train.txt", "A2.png\n"), "duplicate-id", "train.txt:4", True, ALL),
    "in-both-lists": (append("test.txt", "A2.jpg\n"), "leak", "train.txt:2", True, REST),
    "unlisted": (lambda root: add(root, "C1"), "unlisted", "cloth/C1.jpg", True, ALL),
    "stray-mask": (
        replace("cloth_mask/C1.jpg", mask), "unlisted", "cloth_mask/C1.jpg", False, ALL,
    ),
    "stray-file": (
        lambda root: (root / "pattern" / "notes.txt").write_text(""),
        "unlisted", "pattern/notes.txt", False, ALL,
    ),
    "climbs-out": (append("train.txt", "../cloth/A1.jpg\n"), "outside", "train.txt:4", True, ALL),
    "climbs-out-dos": (append("train.txt", "..\\A1.jpg\n"), "outside", "train.txt:4", True, ALL),
    "absolute": (append("train.txt", "/etc/A1.jpg\n"), "outside", "train.txt:4", True, ALL),
    "absolute-dos": (append("train.txt", "C:\\A1.jpg\n"), "outside", "train.txt:4", True, ALL),
    "two-masks": (
        lambda root: (
            (root / "cloth_mask" / "A2.jpg").rename(root / "cloth_mask" / "A2.jpeg"),
            save(mask(), root / "cloth_mask" / "A2.png"),
        ),
        "ambiguous", "cloth_mask/A2.jpg", True, REST,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SPOILT)
def test_what_is_wrong_is_left_out_and_named(source, out, name):
    spoil, kind, where, left_out, kept = SPOILT[name]
    spoil(source)
    report = build(source, out)
    assert [(f.kind, f.where, f.left_out) for f in report.findings] == [(kind, where, left_out)]
    assert report.left_out == left_out
    assert ids(out, "train") == kept
    assert ids(out, "test")[:2] == ["B1", "B2"]
    assert any(f"{kind}: {where}: " in line for line in report.lines())
    told = json.loads((out / "build.json").read_text())["findings"]
    assert [finding["where"] for finding in told] == [where]


@pytest.mark.parametrize("name", SPOILT)
def test_strict_refuses_and_writes_nothing(source, out, tmp_path, name):
    spoil, kind, where, _, _ = SPOILT[name]
    spoil(source)
    with pytest.raises(TpgbenchError, match=r"1 finding \(") as caught:
        build(source, out, strict=True)
    assert f"{kind}: {where}: " in str(caught.value)
    assert "\n" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["source"]


def test_a_leak_is_kept_in_test_even_if_its_row_cannot_be_built(source, out):
    append("test.txt", "A2.jpg\n")(source)
    truncate("cloth/A2.jpg")(source)
    report = build(source, out)
    assert [finding.kind for finding in report.findings] == ["unreadable", "leak"]
    assert ids(out, "train") == REST


def test_strict_counts_all_and_shows_the_first(source, out):
    for stem in "CDEFG":
        add(source, stem)
    with pytest.raises(TpgbenchError, match=r"5 findings .*cloth/E\.jpg.*and 2 more") as caught:
        build(source, out, strict=True)
    assert "cloth/F.jpg" not in str(caught.value)


def test_what_file_managers_leave_and_reference_masks_are_no_findings(source, out):
    for litter in (".DS_Store", "Thumbs.db", "._A1.jpg"):
        (source / "cloth" / litter).write_bytes(b"x")
    save(mask(), source / "ref_mask" / "X.jpg")
    assert build(source, out, strict=True).findings == ()


def test_a_listed_suffix_may_differ_from_the_file_s(source, out):
    (source / "cloth" / "A1.jpg").rename(source / "cloth" / "A1.JPEG")
    (source / "train.txt").write_text("A1.png\nA2\nA3.JPG\n", encoding="utf-8")
    assert build(source, out, strict=True).rows["train"] == 3
    assert ids(out, "train") == ["A1", "A2", "A3"]


def test_the_very_file_that_is_listed_wins(source, out):
    save(photo(99), source / "cloth" / "A1.png")
    build(source, out)
    assert stored(out, "train", 0, "garment") == (source / "cloth" / "A1.jpg").read_bytes()


@pytest.mark.parametrize("stem", ["sub/dir/x", "蓝 布 é", "x" * 251, "a.b.c", "*", "-"])
def test_any_id_goes(source, out, stem):
    add(source, stem)
    append("test.txt", f"{stem}.jpg\n")(source)
    assert build(source, out, strict=True).rows["test"] == 3
    assert ids(out, "test") == ["B1", "B2", stem]
    np.testing.assert_array_equal(
        ParquetDataset(out, "test")[2].garment, read_image(source / "cloth" / f"{stem}.jpg", "")
    )


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (shutil.rmtree, "no such folder"),
        (
            lambda root: [(root / f"{s}.txt").unlink() for s in ("train", "test")],
            "has no train.txt",
        ),
        (lambda root: shutil.rmtree(root / "cloth"), "has no cloth/ folder"),
        (lambda root: shutil.rmtree(root / "cloth_mask"), "no row can be built: 5 findings"),
        (lambda root: (root / "test.txt").write_bytes(b"caf\xe9.jpg"), "test.txt: is not UTF-8"),
        (lambda root: [(root / f"{s}.txt").write_text("") for s in ("train", "test")], "no row"),
    ],
)
def test_a_wrong_source_is_refused(source, out, tmp_path, spoil, message):
    spoil(source)
    with pytest.raises(TpgbenchError, match=message):
        build(source, out)
    assert not out.exists()
    assert {path.name for path in tmp_path.iterdir()} <= {"source"}


def test_a_source_must_be_given(out):
    with pytest.raises(TpgbenchError, match="give --source DIR"):
        build(None, out)


def test_a_split_without_rows_is_not_there(source, out, tmp_path):
    import datasets

    (source / "train.txt").unlink()
    report = build(source, out)
    assert report.rows == {"test": 2}
    loaded = datasets.load_dataset(str(out), cache_dir=str(tmp_path / "cache"))
    assert list(loaded) == ["test"]


def test_a_folder_in_use_is_refused(source, out):
    out.mkdir()
    build(source, out)  # an empty one is no folder in use
    before = tree(out)
    with pytest.raises(TpgbenchError, match="is there already; remove it or choose another"):
        build(source, out)
    assert tree(out) == before


@pytest.mark.parametrize("where", ["", "built", "cloth/deep/built"])
def test_the_source_is_never_written_into(source, where):
    before = tree(source)
    with pytest.raises(TpgbenchError, match="lies in the source"):
        build(source, source / where)
    assert tree(source) == before


def test_missing_parents_are_made(source, tmp_path):
    out = tmp_path / "deep" / "er" / "built"
    build(source, out)
    assert sorted(path.name for path in out.iterdir()) == [
        "README.md", "build.json", "croissant.json", "data", "integrity.html", "manifest.parquet"
    ]  # fmt: skip


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
@pytest.mark.parametrize("at", [1, 3])
def test_a_build_that_fails_half_way_leaves_nothing(source, tmp_path, monkeypatch, error, at):
    monkeypatch.setattr(shards, "ROW_GROUP_BYTES", 1)
    write_table, calls = pq.ParquetWriter.write_table, []

    def fail(*arguments):
        calls.append(1)
        if len(calls) == at:
            raise error
        write_table(*arguments)

    monkeypatch.setattr(pq.ParquetWriter, "write_table", fail)
    expected = TpgbenchError if isinstance(error, OSError) else KeyboardInterrupt
    with pytest.raises(expected) as caught:
        build(source, tmp_path / "deep" / "built")
    if expected is TpgbenchError:
        assert "No space left on device; it is as it was before" in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["source"]


def test_two_builds_are_byte_identical(source, tmp_path):
    first, second = tmp_path / "first", tmp_path / "elsewhere" / "second"
    moved = tmp_path / "moved"
    (source / "cloth" / "A2.jpg").write_text("not a picture")
    truncate("pattern/A1.jpg")(source)
    assert build(source, first).left_out == 2
    shutil.copytree(source, moved)
    build(moved, second)
    assert tree(first) == tree(second)


@pytest.mark.parametrize(
    "change",
    [
        lambda root: save(photo(77), root / "cloth" / "A1.jpg"),
        lambda root: save(photo(77), root / "pattern" / "A3.jpg"),
        lambda root: (root / "train.txt").write_text("A2.jpg\nA1.jpg\nA3.png\n"),
        lambda root: (
            (root / "train.txt").write_text("B2.jpg\nA1.jpg\nA2.jpg\nA3.png\n"),
            (root / "test.txt").write_text("B1.jpg\n"),
        ),
    ],
    ids=["pixels", "label", "order", "split"],
)
def test_the_fingerprint_tells_other_rows(source, tmp_path, change):
    before = build(source, tmp_path / "before")
    change(source)
    assert build(source, tmp_path / "after").fingerprint != before.fingerprint


def test_the_fingerprint_rests_on_the_rows_alone(source, tmp_path):
    before = build(source, tmp_path / "before")
    add(source, "C1")  # no list names it
    (source / "train.txt").write_bytes(b"\xef\xbb\xbfA1.jpg\r\n\r\nA2.jpg\r\nA3.png")
    after = build(source, tmp_path / "after")
    assert after.fingerprint == before.fingerprint
    assert after.findings != before.findings


def test_the_manifest_names_every_source_file(source, out):
    build(source, out)
    rows = pq.read_table(out / "manifest.parquet").to_pylist()
    assert {row["file"]: row["sha256"] for row in rows} == {
        name: hashlib.sha256(data).hexdigest() for name, data in tree(source).items()
    }
    assert {(row["split"], row["sample_id"]) for row in rows if row["column"] == "pattern"} == {
        ("train", "A1"), ("train", "A2"), ("test", "B1"), ("test", "B2")
    }  # fmt: skip


def test_large_sets_are_cut_into_row_groups_and_shards(source, out, tmp_path, monkeypatch):
    import datasets

    names = [f"T{number}" for number in range(9)]
    for name in names:
        add(source, name)
    (source / "test.txt").write_text("\n".join(names))
    for stem in ("B1", "B2"):
        (source / "cloth" / f"{stem}.jpg").unlink()
    row = sum((source / folder / "T0.jpg").stat().st_size for folder in ("cloth", "pattern"))
    monkeypatch.setattr(shards, "ROW_GROUP_BYTES", row * 3 // 2)
    monkeypatch.setattr(shards, "SHARD_BYTES", row * 3)
    build(source, out)

    files = sorted((out / "data").glob("test-*"))
    assert [path.name for path in files] == [f"test-0000{i}-of-00003.parquet" for i in range(3)]
    assert [pq.read_metadata(path).num_row_groups for path in files] == [2, 2, 1]
    dataset = ParquetDataset(out)
    assert dataset.sample_ids() == names
    for index in (8, 0, 5, 4, 1):
        expected = read_image(source / "cloth" / f"T{index}.jpg", "")
        np.testing.assert_array_equal(dataset[index].garment, expected)
    loaded = datasets.load_dataset(str(out), cache_dir=str(tmp_path / "cache"))
    assert loaded["test"]["sample_id"][:] == names


def test_a_report_speaks_plainly(tmp_path):
    finding = Finding(FindingKind.UNLISTED, "cloth/\x1b[31mred\n.jpg", "is in no list")
    report = BuildReport(tmp_path, {"train": 7}, {"train": 2}, (finding,) * 25, "f00")
    lines = report.lines()
    assert lines[:3] == [
        f"{tmp_path}: fingerprint f00", "train: 7 rows, 2 unlabelled", "findings: 25 unlisted"
    ]  # fmt: skip
    assert lines[3] == "  unlisted: cloth/\ufffd[31mred\ufffd.jpg: is in no list"
    assert lines[-1] == "  and 5 more in build.json"
    assert len(lines) == 3 + 20 + 1
    assert json.loads(json.dumps(report.as_dict()))["left_out"] == 25


def test_the_real_samples(shared_dir, out):
    source = shared_dir / "real_samples" / "ctp_hd_mini"
    if not source.is_dir():
        pytest.skip("no real samples")
    report = build(source, out, strict=True)
    assert report.rows == {"train": 13, "test": 6}
    assert report.unlabelled == {"train": 0, "test": 0}
    for row in ParquetDataset(out):
        name = f"{row.sample_id}.jpg"
        np.testing.assert_array_equal(row.garment, read_image(source / "cloth" / name, name))
        assert 0.1 < row.mask.mean() < 0.6
        assert row.meta == {}


@pytest.mark.parametrize("name", ["test_list.txt", "test.txt.bak", "Test.csv"])
def test_a_list_under_another_name_is_refused(source, out, name):
    (source / "test.txt").rename(source / name)
    says = rf"has no test\.txt, the list of the split 'test', but {name}: give the list the name"
    with pytest.raises(TpgbenchError, match=says):
        build(source, out)
    assert not out.exists()


def test_the_garments_of_a_split_without_a_list_are_left_out(source, out):
    (source / "test.txt").unlink()
    report = build(source, out)
    assert {one.kind for one in report.findings if one.left_out} == {"unlisted"}
    assert report.exit_code == 1
