"""Packing one row: what is stored of each kind of file, byte by byte, and what is said of it."""

from __future__ import annotations

import io
import json

import numpy as np
import PIL.Image
import pytest
from pictures import mask, noise, save
from tpgbench.core.images import read_image
from tpgbench.datasets_builders.packaging.rows import RawRow, RowRefusedError, pack_row
from tpgbench.datasets_builders.reading.schema import MANNEQUIN_SCHEMA, TPG_SCHEMA, Column
from tpgbench.datasets_builders.reading.sources import SourceFolder

SCHEMA = TPG_SCHEMA.with_columns(
    Column("labels", "picture", nullable=True), Column("notes", "text", nullable=True)
)
SIZE = (WIDTH, HEIGHT) = (60, 80)
PHOTO = noise(1, SIZE)


def label_map():
    labels = np.random.default_rng(2).integers(0, 20, (HEIGHT, WIDTH), dtype=np.uint8)
    picture = PIL.Image.fromarray(labels, "P")
    picture.putpalette([value for label in range(20) for value in (label * 12, 0, 99)])
    return picture


@pytest.fixture
def source(tmp_path):
    save(PHOTO, tmp_path / "garment.png")
    save(mask(SIZE, (10, 20, 50, 60)), tmp_path / "mask.png")
    save(label_map(), tmp_path / "labels.png")
    (tmp_path / "notes.json").write_bytes('\ufeff{"ü": 1}'.encode())
    return SourceFolder(tmp_path)


def pack(source, schema=SCHEMA, *, max_side=None, contents=None, **files):
    files = {"garment": "garment.png", "mask": "mask.png"} | files
    raw = RawRow("test", "a", "list:1", files, texts={"garment_id": "g"}, contents=contents or {})
    return pack_row(raw, schema, source, max_side=max_side)


def decode(packed, column):
    return PIL.Image.open(io.BytesIO(packed.record[column]["bytes"]))


def test_the_name_of_a_photo_may_lie_about_its_format(source):
    save(PHOTO, source.root / "lies.png", format="JPEG")
    packed = pack(source, garment="lies.png")
    stored = packed.record["garment"]
    assert stored == {"bytes": (source.root / "lies.png").read_bytes(), "path": "lies.jpg"}
    assert packed.facts.changes == {"lies.png": ("JPEG under the name of another format",)}
    assert json.loads(packed.record["meta"]) == {}


def test_a_change_of_pixels_is_told_and_stored_losslessly(source):
    save(PIL.Image.fromarray(PHOTO).convert("CMYK"), source.root / "cmyk.jpg")
    packed = pack(source, garment="cmyk.jpg")
    assert packed.facts.changes == {"cmyk.jpg": ("mode CMYK converted to RGB",)}
    assert packed.record["garment"]["path"] == "cmyk.png"
    expected = read_image(source.root / "cmyk.jpg", "")
    np.testing.assert_array_equal(np.asarray(decode(packed, "garment")), expected)
    assert json.loads(packed.record["meta"]) == {"reencoded": ["garment"]}


def test_other_pictures_and_texts_are_kept_as_they_are(source):
    packed = pack(source, labels="labels.png", notes="notes.json")
    assert packed.record["labels"]["bytes"] == (source.root / "labels.png").read_bytes()
    assert packed.record["notes"] == '{"ü": 1}'
    assert [file.column for file in packed.sources] == ["garment", "labels", "mask", "notes"]


def test_a_damaged_picture_or_text_is_named(source):
    (source.root / "labels.png").write_bytes(b"x")
    with pytest.raises(RowRefusedError, match=r"labels\.png: cannot be read as an image"):
        pack(source, labels="labels.png")
    (source.root / "notes.json").write_bytes(b"\xff")
    with pytest.raises(RowRefusedError, match=r"notes\.json: is not UTF-8 \(byte 0\)"):
        pack(source, notes="notes.json")


def test_reduced_images_stay_in_step_and_labels_stay_labels(source):
    packed = pack(source, labels="labels.png", max_side=40)
    sizes = {column: decode(packed, column).size for column in ("garment", "mask", "labels")}
    assert set(sizes.values()) == {(30, 40)}
    assert set(np.unique(np.asarray(decode(packed, "mask")))) == {0, 255}
    labels = decode(packed, "labels")
    assert labels.mode == "P"
    everywhere = np.asarray(label_map())
    assert all(
        label in everywhere[2 * y : 2 * y + 2, 2 * x : 2 * x + 2]
        for (y, x), label in np.ndenumerate(np.asarray(labels))
    )
    expected = PIL.Image.fromarray(PHOTO).resize((30, 40), PIL.Image.Resampling.BICUBIC)
    np.testing.assert_array_equal(np.asarray(decode(packed, "garment")), np.asarray(expected))
    assert "reduced to fit 40 px" in packed.facts.changes["garment.png"]


def test_what_is_small_enough_is_not_touched(source):
    assert pack(source, max_side=80).record == pack(source).record


def test_bytes_within_another_file_count_as_files(source):
    buffer = io.BytesIO()
    PIL.Image.fromarray(PHOTO).save(buffer, "PNG")
    packed = pack(
        source, garment="train#7/garment", contents={"train#7/garment": buffer.getvalue()}
    )
    assert packed.record["garment"]["bytes"] == buffer.getvalue()
    assert packed.sources[0].name == "train#7/garment"


def test_the_measures_are_of_what_is_stored(source):
    facts = pack(source, max_side=40).facts
    assert facts.sizes == {"garment": (30, 40)}
    assert facts.mask_shares == {"mask": pytest.approx(1 / 3, abs=0.03)}
    assert facts.appearances["garment"] is not None


@pytest.mark.parametrize(
    ("name", "kind", "says"),
    [
        ("garment.png", "no-mask", "is no mask but a picture in colours"),
        ("cut.png", "unreadable", "truncated"),
        ("tiny.png", "image-size", "8x8"),
    ],
)
def test_what_is_wrong_with_a_mask_has_its_own_kind(source, name, kind, says):
    data = (source.root / "mask.png").read_bytes()
    (source.root / "cut.png").write_bytes(data[: len(data) // 2])
    save(np.zeros((8, 8), np.uint8), source.root / "tiny.png")
    with pytest.raises(RowRefusedError, match=says) as caught:
        pack(source, mask=name)
    assert (caught.value.finding.kind, caught.value.finding.where) == (kind, name)


def test_a_mannequin_row_needs_its_photo_only(source):
    raw = RawRow(
        "test", "a", "list:1", {"image": "garment.png"}, {"caption": "c", "garment_id": "g"}
    )
    packed = pack_row(raw, MANNEQUIN_SCHEMA, source)
    assert packed.record["condition"] is None
    assert packed.record["mask"] is None
    with pytest.raises(RowRefusedError, match="a: has no image"):
        pack_row(RawRow("test", "a", "list:1", {}), MANNEQUIN_SCHEMA, source)
