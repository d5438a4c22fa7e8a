"""Building Fashion Mannequin: metadata in any folder, splits by garment, captions as they are."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from pictures import photo, save
from tpgbench.core.errors import TpgbenchError
from tpgbench.core.images import read_image
from tpgbench.datasets_builders.base import DATASETS, MannequinRow
from tpgbench.datasets_builders.fashion_mannequin import FashionMannequin
from tpgbench.datasets_builders.load import open_dataset
from tpgbench.datasets_builders.packaging.manifest import read_manifest
from tpgbench.datasets_builders.packaging.verify import verify

SPLITS = ("test", "validation", "train")


def write(root, records, name="metadata.jsonl"):
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(json.dumps(record, ensure_ascii=False) for record in records))


@pytest.fixture
def source(tmp_path):
    """Twenty photos of ten garments."""
    root = tmp_path / "source"
    for number in range(20):
        save(photo(number), root / "images" / f"{number:02d}.jpg")
    write(root, records())
    return root


def records():
    return [
        {"file_name": f"images/{n:02d}.jpg", "caption": f"Foto {n} 照片", "garment_id": n // 2}
        for n in range(20)
    ]


@pytest.fixture
def out(tmp_path):
    return tmp_path / "built"


def build(source, out, **options):
    return FashionMannequin().build(source, out, **options)


def everything(out):
    """Every row by its id, with its split."""
    rows = {}
    for split in {path.name.partition("-")[0] for path in (out / "data").iterdir()}:
        for row in open_dataset(out, split):
            rows[row.sample_id] = (split, row)
    return rows


def test_the_registry_finds_the_builder():
    assert DATASETS.get("fashion-mannequin") is FashionMannequin


def test_rows_are_photos_with_captions_split_by_garment(source, out):
    report = build(source, out, strict=True)
    assert report.rows == {"test": 2, "validation": 2, "train": 16}
    rows = everything(out)
    assert len(rows) == 20
    split_of = {}
    for split, row in rows.values():
        assert isinstance(row, MannequinRow)
        assert split_of.setdefault(row.garment_id, split) == split
    _, row = rows["images/07"]
    assert (row.caption, row.garment_id, row.condition, row.mask) == (
        "Foto 7 照片",
        "3",
        None,
        None,
    )
    np.testing.assert_array_equal(row.image, read_image(source / "images" / "07.jpg", ""))


def test_plain_load_dataset_reads_it(source, out, tmp_path):
    import datasets

    build(source, out)
    loaded = datasets.load_dataset(str(out), cache_dir=str(tmp_path / "cache"))
    assert {name: split.num_rows for name, split in loaded.items()} == {
        "test": 2, "validation": 2, "train": 16
    }  # fmt: skip
    assert list(loaded["test"].features) == [
        "sample_id", "caption", "condition", "mask", "image", "garment_id", "meta"
    ]  # fmt: skip
    assert loaded["train"][0]["caption"].endswith("照片")


def test_a_csv_says_the_same(source, out, tmp_path):
    expected = build(source, tmp_path / "jsonl")
    (source / "metadata.jsonl").unlink()
    lines = [f"{r['file_name']},{r['caption']},{r['garment_id']}" for r in records()]
    text = "\r\n".join(["file_name,caption,garment_id", *lines])
    (source / "metadata.csv").write_bytes(text.encode("utf-8-sig"))
    assert build(source, out).fingerprint == expected.fingerprint


def test_without_ids_photos_that_look_alike_stay_together(source, out):
    for number in range(0, 20, 2):
        pixels = np.asarray(PIL.Image.open(source / "images" / f"{number:02d}.jpg")).astype(int)
        twin = np.clip(pixels + 4, 0, 255).astype(np.uint8)
        save(twin, source / "images" / f"{number + 1:02d}.jpg")
    write(source, [{k: v for k, v in r.items() if k != "garment_id"} for r in records()])
    report = build(source, out)
    assert {finding.kind for finding in report.findings} == {"near-duplicate"}
    rows = everything(out)
    for number in range(0, 20, 2):
        (split, row), (other_split, other) = (rows[f"images/{n:02d}"] for n in (number, number + 1))
        assert split == other_split
        assert row.garment_id == other.garment_id


def test_a_given_split_is_kept(source, out):
    given = [r | {"split": ["train", "val", "test"][r["garment_id"] % 3]} for r in records()]
    write(source, given)
    build(source, out, strict=True)
    splits = {sample_id: split for sample_id, (split, _) in everything(out).items()}
    names = {"train": "train", "val": "validation", "test": "test"}
    assert splits == {r["file_name"][:-4]: names[r["split"]] for r in given}


def test_a_folder_of_a_split_s_name_decides_where_nothing_else_does(tmp_path, out):
    root = tmp_path / "source"
    for number, split in enumerate(("train", "validation", "test")):
        save(photo(number), root / split / "a.jpg")
        write(root, [{"file_name": "a.jpg", "caption": split}], f"{split}/metadata.jsonl")
    build(root, out, strict=True)
    assert {i: s for i, (s, _) in everything(out).items()} == {f"{s}/a": s for s in SPLITS}


def test_conditions_and_masks_are_read(source, out):
    mask = np.zeros((48, 36), dtype=np.uint8)
    mask[10:30, 8:25] = 255
    save(mask, source / "extra" / "m.png")
    save(photo(77), source / "extra" / "c.png")
    first = records()[0] | {"condition": "extra/c.png", "mask": "extra/m.png", "light": "soft"}
    write(source, [first, *records()[1:]])
    build(source, out, strict=True)
    _, row = everything(out)["images/00"]
    np.testing.assert_array_equal(row.mask, mask > 0)
    np.testing.assert_array_equal(row.condition, photo(77))
    assert row.meta == {"light": "soft"}


def test_photos_that_differ_in_their_suffix_only_keep_it(source, out):
    save(photo(99), source / "images" / "00.png")
    more = {"file_name": "images/00.png", "caption": "x", "garment_id": "z"}
    write(source, [*records(), more])
    build(source, out, strict=True)
    assert {"images/00.jpg", "images/00.png", "images/01"} <= set(everything(out))


def publish(root, splits, caption="caption", **more):
    """As ``datasets`` writes a set for the Hub; a split is a range of photo numbers."""
    import datasets

    (root / "data").mkdir(parents=True)
    for split, numbers in splits.items():
        columns = {
            "image": [photo(number) for number in numbers],
            caption: [f"Foto {number} 照片" for number in numbers],
            **{name: [value(number) for number in numbers] for name, value in more.items()},
        }
        kinds = datasets.Features(
            {"image": datasets.Image()}
            | {name: datasets.Value("string") for name in columns if name != "image"}
        )
        path = root / "data" / f"{split}-00000-of-00001.parquet"
        datasets.Dataset.from_dict(columns, features=kinds).to_parquet(path)
    return root


def test_a_hub_dataset_of_several_splits_keeps_them(tmp_path, out):
    root = publish(tmp_path / "hub", {"train": range(6), "test": range(6, 9)}, caption="text")
    report = build(root, out, strict=True, workers=2)
    assert report.rows == {"test": 3, "train": 6}
    split, row = everything(out)["test#1"]
    assert (split, row.caption) == ("test", "Foto 7 照片")
    np.testing.assert_array_equal(row.image, photo(7))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda shard: None, []),
        (Path.unlink, [("data/train-00000-of-00001.parquet", "is not in the source")]),
        (lambda shard: shard.write_bytes(b"x"), [(
            "data/train-00000-of-00001.parquet", "has other bytes in the source than were packaged"
        )]),
    ],
    ids=["sound", "gone", "changed"],
)  # fmt: skip
def test_photos_within_parquet_are_held_against_the_file_that_holds_them(
    tmp_path, out, change, expected
):
    root = publish(tmp_path / "hub", {"train": range(3), "test": range(3, 5)})
    build(root, out, strict=True)
    change(root / "data" / "train-00000-of-00001.parquet")
    found = [(one.where, one.detail) for one in verify(out, root).differences]
    assert [where for where, _ in found] == [where for where, _ in expected]
    assert all(words in detail for (_, detail), (_, words) in zip(found, expected, strict=True))
    files = {entry.file: entry.within for entry in read_manifest(out)}
    assert files["train#2/image"] == "data/train-00000-of-00001.parquet"
    assert files["data/test-00000-of-00001.parquet"] is None


def test_a_hub_dataset_of_one_split_is_divided_by_garment(tmp_path, out):
    root = publish(tmp_path / "hub", {"train": range(20)}, garment_id=lambda n: f"g{n // 2}")
    report = build(root, out, strict=True)
    assert report.rows == {"test": 2, "validation": 2, "train": 16}
    split_of = {}
    for split, row in everything(out).values():
        assert split_of.setdefault(row.garment_id, split) == split


def test_a_hub_dataset_without_captions_is_refused(tmp_path, out):
    root = publish(tmp_path / "hub", {"train": range(3)}, caption="label")
    with pytest.raises(TpgbenchError, match=r"no column 'caption' or 'text' \(it has image, label"):
        build(root, out)


SPOILT = {
    "no-caption": ({"file_name": "images/00.jpg"}, "syntax"),
    "nan-caption": ({"file_name": "images/00.jpg", "caption": float("nan")}, "syntax"),
    "climbs-out": ({"file_name": "../secret.jpg", "caption": "x"}, "outside"),
    "absolute": ({"file_name": "/etc/a.jpg", "caption": "x"}, "outside"),
    "missing": ({"file_name": "images/99.jpg", "caption": "x"}, "missing"),
    "mask-missing": ({"file_name": "images/00.jpg", "caption": "x", "mask": "m.png"}, "missing"),
    "mask-outside": ({"file_name": "images/00.jpg", "caption": "x", "mask": "../m.png"}, "outside"),
    "twice": ({"file_name": "images/01.jpg", "caption": "x", "garment_id": 0}, "duplicate-id"),
    "unreadable": ({"file_name": "images/bad.jpg", "caption": "x"}, "unreadable"),
}


@pytest.fixture
def spoilt(source, request):
    record, kind = SPOILT[request.param]
    (source / "images" / "bad.jpg").write_text("not a picture")
    (source.parent / "secret.jpg").write_bytes((source / "images" / "00.jpg").read_bytes())
    write(source, [*records(), record])
    return kind


@pytest.mark.parametrize("spoilt", SPOILT, indirect=True)
def test_what_is_wrong_is_left_out_and_named(source, out, spoilt):
    report = build(source, out)
    # What a refused line leaves unused is a consequence.
    found = [one for one in report.findings if one.kind not in ("unused", "unlisted")]
    assert [(f.kind, f.where, f.left_out) for f in found] == [
        (spoilt, "images/bad.jpg" if spoilt == "unreadable" else "metadata.jsonl:21", True)
    ]
    assert sum(report.rows.values()) == 20


@pytest.mark.parametrize("count", [2, 12])
def test_photos_that_no_metadata_names_are_left_out_and_counted(source, out, count):
    for number in range(count):
        image = source / "images" / f"more-{number:02d}.jpg"
        image.write_bytes((source / "images" / "00.jpg").read_bytes())
    report = build(source, out)
    found = [(one.where, one.detail.partition(";")[0], one.files) for one in report.findings]
    if count == 2:
        said = "is named by no metadata"
        assert found == [(f"images/more-{number:02d}.jpg", said, 1) for number in range(2)]
    else:
        said = "holds 12 files (more-00.jpg, more-01.jpg, more-02.jpg, ...)"
        assert found == [("images", said, 12)]
    assert {one.kind for one in report.findings} == {"unlisted"}
    assert report.left_out == count
    assert report.exit_code == 1
    assert report.problems[0].startswith(f"{count} rows were left out")
    assert f"left out: {count}." in (out / "README.md").read_text()
    assert f'<td class="number bad">{count}</td>' in (out / "integrity.html").read_text()


@pytest.mark.parametrize("spoilt", SPOILT, indirect=True)
def test_strict_refuses(source, out, spoilt):
    with pytest.raises(TpgbenchError, match=rf"findings? \(.*{spoilt}: "):
        build(source, out, strict=True)
    assert not out.exists()


def test_a_split_that_is_none_or_missing_is_named(source, out):
    given = [r | {"split": "train"} for r in records()]
    given[3]["split"] = "holdout"
    del given[5]["split"]
    write(source, given)
    report = build(source, out)
    assert sorted((f.kind, f.where) for f in report.findings if f.kind != "unused") == [
        ("missing", "metadata.jsonl:6"), ("syntax", "metadata.jsonl:4")
    ]  # fmt: skip
    assert report.rows == {"train": 18}


def test_a_garment_that_given_splits_tear_apart_is_kept_from_training(source, out):
    given = [r | {"split": "train"} for r in records()]
    given[0]["split"] = "test"
    write(source, given)
    report = build(source, out)
    assert [(f.kind, f.where) for f in report.findings] == [("leak", "metadata.jsonl:2")]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda root: (root / "metadata.jsonl").unlink(), "has no metadata.jsonl, metadata.csv or"),
        (lambda root: (root / "metadata.jsonl").write_bytes(b"\xff"), "is not UTF-8"),
        (lambda root: (root / "metadata.jsonl").write_text("{\n{"), "no row can be built: 3 find"),
    ],
)
def test_a_wrong_source_is_refused(source, out, spoil, message):
    spoil(source)
    with pytest.raises(TpgbenchError, match=message):
        build(source, out)
    assert not out.exists()


def test_the_folder_itself_says_how_to_build_it(source):
    with pytest.raises(TpgbenchError, match="build-dataset fashion-mannequin --source"):
        open_dataset(source)


def test_the_real_samples(shared_dir, out):
    source = shared_dir / "real_samples" / "mannequin_mini"
    if not source.is_dir():
        pytest.skip("no real samples")
    with pytest.raises(TpgbenchError, match=r"unused: captions\.json: is used by no row"):
        build(source, out, strict=True)
    report = build(source, out)
    assert sum(report.rows.values()) == 17
    assert report.rows["test"] == report.rows["validation"] == 2
