"""Building VITON-HD: its two configurations, its folders, and what is wrong with a copy."""

from __future__ import annotations

import json
import shutil

import numpy as np
import PIL.Image
import pytest
from pictures import mask, noise, save
from tpgbench.api import runs as api
from tpgbench.benchmark.run.store import RunStore
from tpgbench.core.errors import TpgbenchError, UnknownNameError
from tpgbench.core.images import read_image
from tpgbench.datasets_builders import viton_hd
from tpgbench.datasets_builders.base import DATASETS
from tpgbench.datasets_builders.load import open_dataset
from tpgbench.datasets_builders.reading.parquet import ParquetDataset
from tpgbench.datasets_builders.viton_hd import VitonHd
from tpgbench.leaderboard.provenance import reproduce_command

SIZE = (36, 48)


def add(root, split, stem, seed):
    save(noise(seed), root / split / "cloth" / f"{stem}.jpg")
    save(mask(), root / split / "cloth-mask" / f"{stem}.jpg")
    save(noise(seed + 500), root / split / "image" / f"{stem}.jpg")


@pytest.fixture
def source(tmp_path):
    """Three pairs for training, three people and garments for testing."""
    root = tmp_path / "source"
    for number, stem in enumerate(["t1", "t2", "t3"]):
        add(root, "train", stem, number)
    for number, stem in enumerate(["e1", "e2", "e3"]):
        add(root, "test", stem, 10 + number)
    (root / "train_pairs.txt").write_text("t1.jpg t1.jpg\nt2.jpg t2.jpg\nt3.jpg t3.jpg\n")
    (root / "test_pairs.txt").write_text("e1.jpg e2.jpg\ne2.jpg e3.jpg\ne3.jpg e1.jpg\n")
    return root


@pytest.fixture
def published(monkeypatch):
    """As if so many pairs were all that was published."""
    monkeypatch.setattr(viton_hd, "_PUBLISHED", {"test": 3, "train": 3})


@pytest.fixture
def out(tmp_path):
    return tmp_path / "built"


def build(source, out, **options):
    return VitonHd().build(source, out, **options)


def test_the_registry_finds_the_builder():
    assert DATASETS.get("viton-hd") is VitonHd


def test_a_row_is_a_person_and_a_garment_in_two_configurations(source, out, published):
    report = build(source, out, strict=True)
    assert report.rows == {
        "paired/test": 3,
        "paired/train": 3,
        "unpaired/test": 3,
        "clean/test": 3,
        "clean/train": 3,
    }
    paired, unpaired = (ParquetDataset(out, config=config) for config in ("paired", "unpaired"))
    assert paired.sample_ids() == ["e1", "e2", "e3"]
    assert unpaired.sample_ids() == ["e1__e2", "e2__e3", "e3__e1"]
    for dataset, garments in ((paired, ["e1", "e2", "e3"]), (unpaired, ["e2", "e3", "e1"])):
        for row, garment in zip(dataset, garments, strict=True):
            assert row.garment_id == garment
            assert row.pattern is None
            expected = read_image(source / "test" / "cloth" / f"{garment}.jpg", "")
            np.testing.assert_array_equal(row.garment, expected)
    assert unpaired[0].meta == {"pairs": "test_pairs.txt", "person": "e1"}


def test_plain_load_dataset_reads_both_with_the_person(source, out, tmp_path):
    import datasets

    build(source, out)
    cache = str(tmp_path / "cache")
    loaded = datasets.load_dataset(str(out), "unpaired", cache_dir=cache)
    assert {name: split.num_rows for name, split in loaded.items()} == {"test": 3}
    row = loaded["test"][0]
    expected = read_image(source / "test" / "image" / "e1.jpg", "")
    np.testing.assert_array_equal(np.asarray(row["person"]), expected)
    loaded = datasets.load_dataset(str(out), cache_dir=cache)
    assert {name: split.num_rows for name, split in loaded.items()} == {"train": 3, "test": 3}


def test_a_result_says_which_configuration(source, out, tmp_path):
    build(source, out)
    paired, unpaired = (open_dataset(out, config=config) for config in (None, "unpaired"))
    assert (paired.name, unpaired.name) == ("viton-hd-paired", "viton-hd-unpaired")
    assert paired.fingerprint != unpaired.fingerprint
    outcome = api.run(
        "crop", dataset=out, config="unpaired", size=32, metrics=["psnr"], out=tmp_path / "run"
    )
    assert outcome.result.dataset == "viton-hd-unpaired"
    assert outcome.result.samples.ok == 3
    value = outcome.result.metric("psnr")
    assert value.value is None
    assert value.not_computed.startswith("no truth")
    record = RunStore(tmp_path / "run").read_record()
    assert record.dataset_config == "unpaired"
    assert "--split test --config unpaired" in reproduce_command(record, outcome.result)
    assert api.score(tmp_path / "run", metrics=["psnr"]).result == outcome.result


def test_an_unknown_configuration_names_those_there_are(source, out):
    build(source, out)
    with pytest.raises(UnknownNameError, match="did you mean 'paired'.*clean, paired, unp"):
        open_dataset(out, config="pairs")
    with pytest.raises(UnknownNameError, match="split of .* known: test"):
        open_dataset(out, "train", config="unpaired")
    with pytest.raises(UnknownNameError, match="config of ctp-synth"):
        open_dataset("ctp-synth", config="unpaired")


def test_published_folders_become_columns(source, out, tmp_path, published):
    import datasets

    labels = PIL.Image.fromarray(np.arange(48 * 36, dtype=np.uint8).reshape(48, 36) % 20, "P")
    labels.putpalette([value for label in range(20) for value in (label * 12, 0, 255 - label)])
    for split, stems in (("train", ["t1", "t2", "t3"]), ("test", ["e1", "e2", "e3"])):
        for stem in stems:
            save(noise(1), source / split / "agnostic-v3.2" / f"{stem}.jpg")
            save(labels, source / split / "image-parse-v3" / f"{stem}.png")
            save(noise(2), source / split / "openpose_img" / f"{stem}_rendered.png")
            keypoints = source / split / "openpose_json" / f"{stem}_keypoints.json"
            keypoints.parent.mkdir(exist_ok=True)
            keypoints.write_text(json.dumps({"people": [stem]}))
    build(source, out, strict=True)
    loaded = datasets.load_dataset(str(out), "unpaired", cache_dir=str(tmp_path / "cache"))["test"]
    assert loaded.column_names[-5:] == ["person", "agnostic", "parse", "openpose", "openpose_json"]
    row = loaded[1]
    assert json.loads(row["openpose_json"]) == {"people": ["e2"]}
    assert row["parse"].mode == "P"
    np.testing.assert_array_equal(np.asarray(row["parse"]), np.asarray(labels))
    assert (np.asarray(row["openpose"]) == noise(2)).all()
    assert len(ParquetDataset(out)) == 3


def test_a_part_of_the_set_says_that_it_is_one(source, out, tmp_path):
    report = build(source, out)
    assert [(f.kind, f.where, f.left_out) for f in report.findings] == [
        ("count", "test_pairs.txt", False), ("count", "train_pairs.txt", False)
    ]  # fmt: skip
    assert "3 pairs where 2,032 were published" in report.findings[0].detail
    told = json.loads((out / "build.json").read_text())["findings"]
    assert "not the whole VITON-HD" in told[1]["detail"]
    assert "not the whole VITON-HD" in (out / "integrity.html").read_text()
    with pytest.raises(TpgbenchError, match="2 findings .*2,032 were published"):
        build(source, tmp_path / "strict", strict=True)


def rewrite(name, text):
    return lambda root: (root / name).write_text(text)


def remove(name):
    return lambda root: (root / name).unlink()


def copy(source, target):
    return lambda root: shutil.copy(root / source, root / target)


SPOILT = {
    "one-column": (
        rewrite("test_pairs.txt", "e1.jpg\ne2.jpg e3.jpg\ne3.jpg e1.jpg\n"),
        [("syntax", "test_pairs.txt:1")], ["e2", "e3"], ["e2__e3", "e3__e1"],
    ),
    "three-columns": (
        rewrite("test_pairs.txt", "e1.jpg e2.jpg x\ne2.jpg e3.jpg\ne3.jpg e1.jpg\n"),
        [("syntax", "test_pairs.txt:1")], ["e2", "e3"], ["e2__e3", "e3__e1"],
    ),
    "climbs-out": (
        rewrite("test_pairs.txt", "e1.jpg ../e2.jpg\ne2.jpg e3.jpg\ne3.jpg e1.jpg\n"),
        [("outside", "test_pairs.txt:1")], ["e1", "e2", "e3"], ["e2__e3", "e3__e1"],
    ),
    "person-missing": (
        remove("test/image/e1.jpg"),
        [("missing", "test_pairs.txt:1")],
        ["e2", "e3"], ["e2__e3", "e3__e1"],
    ),
    "mask-missing": (
        remove("test/cloth-mask/e3.jpg"),
        [("missing", "test_pairs.txt:3"), ("missing", "test_pairs.txt:2")],
        ["e1", "e2"], ["e1__e2", "e3__e1"],
    ),
    "a-line-twice": (
        rewrite("test_pairs.txt", "e1.jpg e2.jpg\ne1.jpg e2.jpg\ne3.jpg e1.jpg\n"),
        [("duplicate-id", "test_pairs.txt:2")], ["e1", "e3"], ["e1__e2", "e3__e1"],
    ),
    "a-garment-in-both": (
        copy("test/cloth/e1.jpg", "train/cloth/t1.jpg"),
        [("leak", "train_pairs.txt:1")], ["e1", "e2", "e3"], ["e1__e2", "e2__e3", "e3__e1"],
    ),
    "unlisted": (
        lambda root: add(root, "train", "t9", 99),
        [
            ("unlisted", "train/cloth/t9.jpg"),
            ("unlisted", "train/cloth-mask/t9.jpg"),
            ("unlisted", "train/image/t9.jpg"),
        ],
        ["e1", "e2", "e3"], ["e1__e2", "e2__e3", "e3__e1"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SPOILT)
def test_what_is_wrong_is_left_out_and_named(source, out, published, name):
    spoil, findings, paired, unpaired = SPOILT[name]
    spoil(source)
    report = build(source, out)
    # What a refused line leaves unused is a consequence.
    found = [(f.kind, f.where) for f in report.findings if f.kind not in ("count", "unused")]
    assert sorted(found) == sorted(findings)
    assert ParquetDataset(out, config="paired").sample_ids() == paired
    assert ParquetDataset(out, config="unpaired").sample_ids() == unpaired


@pytest.mark.parametrize("name", SPOILT)
def test_strict_refuses(source, out, published, name):
    SPOILT[name][0](source)
    with pytest.raises(TpgbenchError, match=r"finding"):
        build(source, out, strict=True)
    assert not out.exists()


def test_windows_line_ends_and_a_byte_order_mark_change_nothing(source, out, tmp_path, published):
    plain = build(source, tmp_path / "plain", strict=True)
    (source / "test_pairs.txt").write_bytes(
        b"\xef\xbb\xbfe1.jpg\te2.jpg\r\n\r\n e2.jpg  e3.jpg\r\ne3.jpg e1.jpg"
    )
    assert build(source, out, strict=True).fingerprint == plain.fingerprint


def test_builds_are_equal_whatever_the_workers(source, tmp_path):
    trees = []
    for workers in (1, 2):
        out = tmp_path / f"built-{workers}"
        build(source, out, workers=workers)
        files = sorted(path for path in out.rglob("*") if path.is_file())
        trees.append({path.relative_to(out): path.read_bytes() for path in files})
    assert trees[0] == trees[1]


def test_the_owner_s_folder_says_how_to_build_it(source):
    with pytest.raises(TpgbenchError, match=f"build-dataset viton-hd --source {source} --out DIR"):
        open_dataset(source)


def test_another_layout_is_refused(tmp_path, out):
    (tmp_path / "other").mkdir()
    with pytest.raises(TpgbenchError, match="has no pair list with its cloth/ folder"):
        build(tmp_path / "other", out)


def test_without_a_source_it_says_where_to_get_it(out):
    with pytest.raises(TpgbenchError, match=r"non-commercial .* https://github.com/shadow2496"):
        VitonHd().build(None, out)


def test_a_hundred_thousand_lines_take_no_square_of_time(tmp_path):
    """Twice the lines take about twice the look-ups: none goes through a list."""
    from tpgbench.datasets_builders.reading.sources import SourceFolder

    root = tmp_path / "source"
    add(root, "test", "e1", 1)
    names = [f"{number:06d}.jpg" for number in range(100_000)]
    (root / "test_pairs.txt").write_text("".join(f"{name} {name}\n" for name in names))
    found = list(VitonHd().rows(SourceFolder(root)))
    assert sum(item.kind == "missing" for item in found) == 200_000


def test_the_real_samples(shared_dir, out):
    source = shared_dir / "real_samples" / "viton_hd_mini"
    if not source.is_dir():
        pytest.skip("no real samples")
    report = build(source, out)
    assert report.rows == {
        "paired/test": 2,
        "paired/train": 4,
        "unpaired/test": 10,
        "clean/test": 2,
        "clean/train": 4,
    }
    assert {finding.kind for finding in report.findings} == {"count"}


def test_a_split_whose_list_has_another_name_is_refused(source, out):
    (source / "test_pairs.txt").rename(source / "test_pairs_unpaired.txt")
    says = r"has no test_pairs\.txt, the list of test/, but test_pairs_unpaired\.txt: give the list"
    with pytest.raises(TpgbenchError, match=says):
        build(source, out)
    assert not out.exists()


def test_a_split_without_any_list_is_refused(source, out):
    (source / "test_pairs.txt").unlink()
    with pytest.raises(TpgbenchError, match=r"test/ has garments and no test_pairs\.txt: add"):
        build(source, out)


def test_a_split_that_is_not_there_is_a_finding(source, out, published):
    (source / "test_pairs.txt").unlink()
    shutil.rmtree(source / "test")
    [finding] = build(source, out).findings
    assert (finding.kind, finding.where) == ("count", "test_pairs.txt")
    assert finding.detail == "is not there, nor is test/: the build lacks that split"
    with pytest.raises(TpgbenchError, match="nor is test/: the build lacks that split"):
        build(source, out.with_name("strict"), strict=True)


def put(source, *names):
    for name in names:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_bytes((source / "test/cloth/e1.jpg").read_bytes())


def test_whatever_went_into_nothing_is_a_finding(source, out, published):
    put(source, "extra/a.jpg", "extra/b.jpg", "test/old/e1.png", "list.txt", "train/image.zip")
    put(source, *(f"results/{number}.png" for number in range(11)))
    report = build(source, out)
    detail = "is used by no row and no list; remove it, or name it in a list"
    together = f"holds 11 files (0.png, 1.png, 10.png, ...); each {detail}"
    assert [(f.kind, f.where, f.detail, f.files) for f in report.findings] == [
        ("unused", "extra/a.jpg", detail, 1),
        ("unused", "extra/b.jpg", detail, 1),
        ("unused", "list.txt", detail, 1),
        ("unused", "results", together, 11),
        ("unused", "test/old/e1.png", detail, 1),
        ("unused", "train/image.zip", detail, 1),
    ]
    assert report.exit_code == 0  # nothing of the published dataset is missing
    with pytest.raises(TpgbenchError, match=r"6 findings .*unused: extra/a\.jpg: is used by no"):
        build(source, out.with_name("strict"), strict=True)


def test_what_is_published_beside_the_dataset_is_no_finding(source, out, published):
    put(source, "README.md", "LICENSE.txt", "docs/paper.pdf", "test/vitonhd_test_tagged.json")
    put(source, "train/gt_cloth_warped_mask/t1.jpg")
    assert build(source, out, strict=True).findings == ()


def test_an_agnostic_photo_is_no_mask(source, out, published):
    for name in ("e1", "e2", "e3"):
        path = source / "test" / "agnostic-mask" / f"{name}_mask.png"
        path.parent.mkdir(exist_ok=True)
        save(noise(5) if name == "e2" else mask(), path)
    found = [one for one in build(source, out).findings if one.kind == "no-mask"]
    assert [one.where for one in found] == ["test/agnostic-mask/e2_mask.png"]
    assert "is no mask but a picture in colours" in found[0].detail


def test_garments_that_are_known_to_occur_twice_are_left_out_of_clean(source, out, monkeypatch):
    known = {
        "test": {"duplicates": frozenset({"e1"}), "leaked": frozenset({"e3"})},
        "train": {"duplicates": frozenset()},
    }
    monkeypatch.setattr(viton_hd, "_read_known", known.get)
    monkeypatch.setattr(
        VitonHd, "published", {"clean": {"test": 1}, "paired": {"test": 3, "train": 9}}
    )
    report = build(source, out)
    assert report.rows["clean/test"] == 1
    assert ParquetDataset(out, config="clean").sample_ids() == ["e2"]
    assert ParquetDataset(out, config="clean").published == 1
    assert ParquetDataset(out, config="paired").published == 3
    assert ParquetDataset(out, "train", config="paired").published is None
    assert [(f.kind, f.where, f.detail.partition(" (")[0]) for f in report.findings[1:3]] == [
        ("known-repeat", "test", "1 of its garments are known to occur twice in it"),
        ("known-leak", "test", "1 of its garments are known to be in train as well"),
    ]


def test_the_published_list_gives_the_published_counts():
    test, train = (viton_hd._read_known(split) for split in ("test", "train"))
    assert 2_032 - len(test["duplicates"] | test["leaked"]) == VitonHd.published["clean"]["test"]
    assert 11_647 - len(train["duplicates"]) == VitonHd.published["clean"]["train"]
