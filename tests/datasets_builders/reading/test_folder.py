"""A folder of the user's own photos: which file is what, and what is said of the rest."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from pictures import SIZE, mask, noise, save
from tpgbench.core.errors import TpgbenchError, UnknownNameError
from tpgbench.datasets_builders.reading.folder import PhotoFolder

WIDTH, HEIGHT = SIZE


def top_mask(rows):
    return mask(SIZE, (0, 0, WIDTH, rows))


@pytest.fixture
def add(tmp_path):
    """Writes a picture under the folder."""

    def write(name, array):
        return save(array, tmp_path / "mine" / name, format="PNG")  # lossless, whatever the suffix

    return write


@pytest.fixture
def mine(tmp_path):
    return tmp_path / "mine"


@pytest.fixture(autouse=True)
def _warnings_are_errors():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@pytest.mark.parametrize(
    "place", ["mask/{}.png", "masks/{}.jpg", "{}_mask.png"], ids=["mask", "masks", "beside"]
)
@pytest.mark.parametrize("under", ["", "garment/"])
def test_photos_masks_and_truth_are_matched_by_name(mine, add, place, under):
    for number, name in enumerate(["b", "a", "sub/c"]):
        add(f"{under}{name}.jpg", noise(number))
        add(("" if "/" in place else under) + place.format(name), top_mask(number + 1))
    add("pattern/a.webp", noise(9)[:18])

    dataset = PhotoFolder(mine)
    assert (dataset.name, dataset.task, dataset.split, dataset.size) == ("mine", "tpg", "test", 512)
    assert dataset.sample_ids() == ["a", "b", "sub/c"]
    assert dataset.sample_ids(2) == ["a", "b"]
    for row, number in zip(dataset, (1, 0, 2), strict=True):
        np.testing.assert_array_equal(row.garment, noise(number))
        np.testing.assert_array_equal(row.mask, top_mask(number + 1) > 0)
        assert row.garment_id == row.sample_id
    np.testing.assert_array_equal(dataset[0].pattern, noise(9)[:18])
    assert dataset[1].pattern is None
    with pytest.raises(IndexError):
        dataset[3]


def test_a_photo_without_a_mask_is_all_garment_and_that_is_said_once(mine, add):
    for name in "abc":
        add(f"{name}.png", noise(0))
    add("mask/b.png", top_mask(3))
    with pytest.warns(UserWarning, match=r"2 of 3 photos have no mask \(first: 'a'\)") as caught:
        dataset = PhotoFolder(mine)
    rows = list(dataset)
    assert len(caught) == 1
    assert [row.mask.mean() for row in rows] == [1.0, 3 / HEIGHT, 1.0]
    assert rows[0].mask.shape == (HEIGHT, WIDTH)


def test_masks_and_patterns_without_a_photo_are_named(mine, add):
    add("a.png", noise(0))
    for name in ("mask/a.png", "mask/A.png", "pattern/b.png"):
        add(name, top_mask(3))
    with pytest.warns(UserWarning, match=r"2 masks or patterns .* \(first: mask/A\.png\)"):
        PhotoFolder(mine)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("a.jpg", "a.png"),
        ("sub/a.jpg", "sub/a.JPG"),
        ("mask/a.jpg", "mask/a.png"),
        ("a_mask.png", "mask/a.png"),
        ("mask/a.png", "masks/a.png"),
        ("pattern/a.jpg", "pattern/a.png"),
    ],
)
def test_two_files_of_one_name_are_refused(mine, add, first, second):
    for name in {"a.jpg", first, second}:
        add(name, top_mask(3))
    with pytest.raises(TpgbenchError, match="rename or remove all but one") as caught:
        PhotoFolder(mine)
    assert first in str(caught.value)
    assert second in str(caught.value)


def test_a_name_ending_in_mask_is_a_photo_when_it_marks_none(mine, add):
    add("face_mask.png", noise(0))
    add("mask/face_mask.png", top_mask(3))
    assert PhotoFolder(mine).sample_ids() == ["face_mask"]


def test_other_files_and_hidden_folders_are_passed_over(mine, add):
    add("a.png", noise(0))
    add("a_mask.png", top_mask(3))
    add(".thumbnails/a2.png", noise(1))
    add("._a.png", noise(1))
    (mine / "notes.txt").write_text("x")
    (mine / "b.HEIC").write_bytes(b"\0\0\0\x18ftypheic")
    said = (
        r"passed over: 1 \.heic \(save them as PNG or JPEG\), 1 hidden, 1 in \.thumbnails, 1 \.txt$"
    )
    with pytest.warns(UserWarning, match=said):
        assert PhotoFolder(mine).sample_ids() == ["a"]


def test_photos_beside_the_folder_of_photos_are_said(mine, add):
    add("garment/a.png", noise(0))
    add("mask/a.png", top_mask(3))
    add("b.png", noise(1))
    add("more/c.png", noise(1))
    with pytest.warns(UserWarning, match=r"passed over: 2 beside garment/$"):
        assert PhotoFolder(mine).sample_ids() == ["a"]


@pytest.mark.parametrize(
    ("marks", "says"),
    [
        (np.ones((32, 32), np.uint8) * 255, "marks the whole photo as garment"),
        (np.pad(np.zeros((16, 16), np.uint8), 8, constant_values=255), "looks inverted"),
    ],
    ids=["full", "inverted"],
)
def test_a_mask_that_looks_wrong_is_said_once(mine, add, marks, says):
    for name in "ab":
        add(f"{name}.png", np.zeros((32, 32, 3), np.uint8))
        add(f"mask/{name}.png", marks)
    dataset = PhotoFolder(mine)
    with pytest.warns(UserWarning, match=rf"the mask mask/a\.png {says}.*show-dataset") as said:
        dataset[0], dataset[1]
    assert len(said) == 1


def test_an_unreadable_photo_fails_alone(mine, add):
    for name in "ab":
        add(f"{name}.png", noise(0))
        add(f"{name}_mask.png", top_mask(3))
    (mine / "a.png").write_bytes(b"no picture")
    (mine / "c.png").symlink_to(mine / "nowhere.png")
    add("c_mask.png", top_mask(3))
    dataset = PhotoFolder(mine)
    assert dataset.fingerprint == PhotoFolder(mine).fingerprint
    assert dataset[1].sample_id == "b"
    with pytest.raises(TpgbenchError, match=r"a\.png: cannot be read as an image"):
        dataset[0]
    with pytest.raises(TpgbenchError, match=r"c\.png: is not a file"):
        dataset[2]


@pytest.mark.parametrize("name", ["蓝 布 é", "x" * 250, "a/b/c", "a.b", "*"])
def test_any_name_goes(mine, add, name):
    add(f"{name}.png", noise(3))
    add(f"mask/{name}.png", top_mask(3))
    dataset = PhotoFolder(mine)
    assert dataset.sample_ids() == [name]
    np.testing.assert_array_equal(dataset[0].garment, noise(3))


def test_a_byte_of_a_name_that_is_not_utf8_is_written_out(mine, add):
    add("a.png", noise(0)).rename(str(mine / "a") + "\udcff.png")
    add("a_mask.png", top_mask(3)).rename(str(mine / "a") + "\udcff_mask.png")
    dataset = PhotoFolder(mine)
    assert dataset.sample_ids() == [r"a\xff"]
    np.testing.assert_array_equal(dataset[0].garment, noise(0))
    assert dataset[0].mask.sum() == top_mask(3).astype(bool).sum()


def test_the_fingerprint_tells_other_files(mine, add, tmp_path):
    add("a.png", noise(0))
    add("mask/a.png", top_mask(3))
    prints = [PhotoFolder(mine).fingerprint]
    mine.rename(tmp_path / "moved")
    assert PhotoFolder(tmp_path / "moved").fingerprint == prints[0]
    (tmp_path / "moved").rename(mine)
    for name, array in [
        ("a.png", noise(1)),
        ("mask/a.png", top_mask(4)),
        ("pattern/a.png", noise(2)),
    ]:
        add(name, array)
        prints.append(PhotoFolder(mine).fingerprint)
    (mine / "garment").mkdir()
    (mine / "a.png").rename(mine / "garment" / "a.png")
    prints.append(PhotoFolder(mine).fingerprint)
    assert len(set(prints)) == 5


def test_what_is_no_such_folder_is_refused(mine, add):
    with pytest.raises(TpgbenchError, match="no such folder"):
        PhotoFolder(mine)
    add("mask/a.png", top_mask(3))
    with pytest.raises(TpgbenchError, match="has no photos"):
        PhotoFolder(mine)
    with pytest.raises(UnknownNameError, match=r"split of .* 'train': known: test"):
        PhotoFolder(mine, "train")
