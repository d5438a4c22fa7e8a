"""Metrics of garments, masks, captions and meta over folders laid out as own photos are."""

from __future__ import annotations

import json
import zipfile

import numpy as np
import PIL.Image
import pytest
from lpips_oracle import write_backbones
from tpgbench.core.errors import TpgbenchError
from tpgbench.metrics import compute_metric, compute_psnr, make_metric
from tpgbench.metrics.base import Pair
from tpgbench.metrics.folders.compute import compute_metrics
from tpgbench.metrics.lpips_garment import lpips_garment
from tpgbench.metrics.retrieval_colour import colour_statistics

NAMES = ("a", "b", "sub/c", "sub/d")


def photo(seed, height=96, width=80):
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
    return np.asarray(PIL.Image.fromarray(small).resize((width, height)))


def mask(seed):
    where = np.zeros((96, 80), bool)
    where[10 : 80 + seed, 10:70] = True
    return where


def save(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    PIL.Image.fromarray(pixels).save(path)


@pytest.fixture
def folders(tmp_path):
    """Four garment photos with masks and patterns, and four generated patterns."""
    own, generated = tmp_path / "own", tmp_path / "generated"
    for seed, name in enumerate(NAMES):
        save(own / "garment" / f"{name}.png", photo(seed))
        save(own / "mask" / f"{name}.png", mask(seed))
        save(own / "pattern" / f"{name}.png", photo(seed, 64, 64))
        save(generated / f"{name}.png", photo(seed + seed % 2, 64, 64))
    return own, generated


def pairs():
    return [
        Pair(
            name,
            photo(seed + seed % 2, 64, 64),
            photo(seed, 64, 64),
            photo(seed),
            mask(seed),
        )
        for seed, name in enumerate(NAMES)
    ]


def test_a_metric_of_garment_and_mask_is_that_of_its_function(folders, tmp_path, monkeypatch):
    weights = tmp_path / "weights"
    weights.mkdir()
    write_backbones(weights)
    monkeypatch.setenv("TPGBENCH_UNVERIFIED_WEIGHTS", "1")
    monkeypatch.setenv("TPGBENCH_DEVICE", "cpu")
    monkeypatch.setenv("TPGBENCH_WEIGHTS", str(tmp_path / "nowhere"))
    value = compute_metric("lpips_garment", folders, weights=weights)
    expected = [
        lpips_garment(pair.output, pair.garment, pair.mask, folder=weights) for pair in pairs()
    ]
    assert value.value == pytest.approx(np.mean(expected), rel=1e-6)
    assert value.n == 4
    assert "|pairs:by-name|" in value.recipe
    assert "|garment:" in value.recipe


def test_retrieval_over_folders_is_that_of_its_features(folders):
    value = compute_metric("retrieval_colour", folders)
    cloth = np.stack([colour_statistics(pair.cloth) for pair in pairs()])
    output = np.stack([colour_statistics(pair.output) for pair in pairs()])
    expected = make_metric("retrieval_colour").compute({"cloth": cloth, "output": output}, 0, {})
    assert value.value == expected.value
    assert (value.n, value.missing) == (4, 0)


def test_ground_truth_in_pattern_is_that_of_a_folder_of_it(folders):
    own, generated = folders
    plain = compute_psnr(own / "pattern", generated)
    laid_out = compute_psnr(own, generated)
    assert (laid_out.value, laid_out.recipe) == (plain.value, plain.recipe)


def test_two_trees_with_a_folder_of_that_name_are_two_trees(folders, tmp_path):
    own, _generated = folders
    for folder in ("garment", "mask", "pattern"):
        for name in NAMES:
            save(tmp_path / "tree" / folder / f"{name}.png", photo(9, 64, 64))
    for name in NAMES:
        save(own / "garment" / f"{name}.png", photo(1, 64, 64))
        save(own / "mask" / f"{name}.png", photo(1, 64, 64))
    assert compute_psnr(own, tmp_path / "tree").n == 12


def test_one_pass_for_metrics_of_pairs_garments_and_sets(folders, monkeypatch):
    _own, _generated = folders
    read = []
    from tpgbench.metrics.folders import file_pairs

    decode = file_pairs.read_image
    monkeypatch.setattr(
        file_pairs, "read_image", lambda content, name: read.append(name) or decode(content, name)
    )
    names = ["ssim", "retrieval_colour", "toy-distance", "psnr"]
    results = compute_metrics(names, folders)
    assert [value.name for value in results.values] == names
    assert len(read) == len(set(read)) == 12  # four outputs, photos and patterns
    alone = {name: compute_metric(name, folders) for name in names}
    assert {value.name: value for value in results.values} == alone


@pytest.mark.parametrize("layout", ["beside", "masks"])
def test_masks_beside_the_photos_and_photos_in_the_folder_itself(folders, tmp_path, layout):
    _own, generated = folders
    other = tmp_path / "other"
    for seed, name in enumerate(NAMES):
        save(other / f"{name}.png", photo(seed))
        beside = other / f"{name}_mask.png"
        save(beside if layout == "beside" else other / "masks" / f"{name}.png", mask(seed))
    found = compute_metric("retrieval_colour", [other, generated])
    assert found.value == compute_metric("retrieval_colour", folders).value


@pytest.mark.parametrize(
    ("lacking", "reason"),
    [
        ("mask/a.png", "needs a mask for each generated image, and 1 of 4 have none (first: 'a')"),
        ("garment/sub/c.png", "needs a garment photo for each generated image, and 1 of 4"),
    ],
)
def test_what_the_folder_lacks_is_one_line(folders, lacking, reason):
    (folders[0] / lacking).unlink()
    with pytest.raises(TpgbenchError) as caught:
        compute_metric("retrieval_colour", folders)
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(f"{folders[0]}: retrieval_colour ")


def test_a_mask_of_another_size_is_named(folders):
    save(folders[0] / "mask" / "b.png", np.ones((10, 20), bool).repeat(2, 0))
    with pytest.raises(TpgbenchError, match=r"mask/b\.png: the mask holds bool values of shape"):
        compute_metric("retrieval_colour", folders)


def test_a_metric_that_needs_the_pattern_too_says_so(folders):
    own, generated = folders
    for path in (own / "pattern").rglob("*.png"):
        path.unlink()
    for folder in ("pattern/sub", "pattern"):
        (own / folder).rmdir()
    with pytest.raises(TpgbenchError, match="holds no ground truth: put patterns"):
        compute_metrics(["ssim", "retrieval_colour"], [own, generated])


def test_photos_in_an_archive_are_refused(folders, tmp_path):
    with zipfile.ZipFile(tmp_path / "own.zip", "w") as archive:
        archive.write(folders[0] / "garment" / "a.png", "garment/a.png")
    with pytest.raises(TpgbenchError, match="garment, mask are read from a folder: unpack it"):
        compute_metric("retrieval_colour", [tmp_path / "own.zip", folders[1]])


class TestCaptions:
    def test_in_metadata_and_in_text_files(self, folders, tmp_path):
        own, _generated = folders
        rows = [
            {"file_name": "garment/a.png", "caption": "red\u2028dots"},
            {"file_name": "b.png", "caption": "blue"},
            {"file_name": "sub/c.png", "caption": "green stripes"},
        ]
        text = "\ufeff" + "\r\n\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
        (own / "metadata.jsonl").write_bytes(text.encode())
        (own / "sub").mkdir()
        (own / "sub" / "d.txt").write_text("tartan\n")
        value = compute_metric("toy-caption", folders)
        assert value.value == np.mean([len("red dots"), 4, len("green stripes"), 6])
        assert "|captions:" in value.recipe
        other = compute_metric("toy-caption", folders).recipe
        (own / "sub" / "d.txt").write_text("paisley")
        assert compute_metric("toy-caption", folders).recipe != other == value.recipe

    def test_in_a_folder_without_photos(self, folders, tmp_path):
        for name in NAMES:
            path = tmp_path / "texts" / f"{name}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("four")
        assert compute_metric("toy-caption", [tmp_path / "texts", folders[1]]).value == 4

    def test_a_missing_one_is_named_with_the_way_out(self, folders):
        (folders[0] / "metadata.jsonl").write_text('{"file_name": "a.png", "caption": "red"}\n')
        with pytest.raises(TpgbenchError, match=r"3 of 4 have none \(first: 'b'\): write it into"):
            compute_metric("toy-caption", folders)

    @pytest.mark.parametrize("line", ["[1]", "{}", "torn", '{"file_name": 3}'])
    def test_damaged_metadata_is_one_line(self, folders, line):
        (folders[0] / "metadata.jsonl").write_text(f"\n{line}\n")
        with pytest.raises(TpgbenchError, match=r"metadata\.jsonl, line 2: not a JSON object"):
            compute_metric("toy-caption", folders)


def test_a_known_lattice_is_read_and_stands_in_the_recipe(folders):
    own, generated = folders
    for name in NAMES:  # tiles of 16 px, of which a lattice is known
        tile = np.tile(photo(1, 16, 16), (4, 4, 1))
        save(own / "pattern" / f"{name}.png", tile)
        save(generated / f"{name}.png", tile)
    before = compute_metric("repeat", folders)
    assert "|meta:" not in before.recipe
    rows = [{"file_name": f"{name}.png", "lattice": [[0.25, 0], [0, 0.25]]} for name in NAMES]
    (own / "metadata.jsonl").write_text("\n".join(map(json.dumps, rows)))
    after = compute_metric("repeat", folders)
    assert "|meta:" in after.recipe
    assert after.value == before.value == 0
    rows[0]["lattice"] = "none"
    (own / "metadata.jsonl").write_text("\n".join(map(json.dumps, rows)))
    with pytest.raises(TpgbenchError, match="a: the lattice in meta is 'none'"):
        compute_metric("repeat", folders)
