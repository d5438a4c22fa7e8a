"""The audit of a build: leaks that leave a row out, and what is only told."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from pictures import photo
from tpgbench.datasets_builders.packaging.audit import RowAudit
from tpgbench.datasets_builders.packaging.row_facts import audit_row
from tpgbench.datasets_builders.packaging.rows import PackedRow, RawRow, RowRefusedError, SourceFile
from tpgbench.datasets_builders.reading.schema import MANNEQUIN_SCHEMA, TPG_SCHEMA

SIZE = (48, 64)


def half(image):
    mask = np.zeros(image.shape[:2], dtype=np.bool_)
    mask[16:48, 8:40] = True
    return mask


class Garments:
    """Feeds an audit with rows whose bytes and pixels the test chooses."""

    def __init__(self):
        self.audit = RowAudit(TPG_SCHEMA)
        self.lines = 0

    def add(self, split, name, pixels, *, data=None, garment=None, pattern=None, mask=None, **more):
        self.lines += 1
        photos = {"garment": pixels} | ({} if pattern is None else {"pattern": pattern[0]})
        files = {column: f"{column}/{name}" for column in photos} | {"mask": f"mask/{name}"}
        payload = {"garment": pixels.tobytes() if data is None else data}
        payload |= {} if pattern is None else {"pattern": pattern[1]}
        raw = RawRow(
            split, more.get("sample_id", f"{split}-{name}"), f"{split}.txt:{self.lines}", files
        )
        sources = tuple(
            SourceFile(files[column], len(content), hashlib.sha256(content).hexdigest(), column)
            for column, content in payload.items()
        )
        masks = {"mask": half(pixels) if mask is None else mask}
        facts = audit_row(TPG_SCHEMA, photos, masks, more.get("changes"))
        record = {"garment_id": garment or raw.sample_id}
        self.audit.add(raw, PackedRow(record, sources, 1, facts))

    def found(self):
        return [(str(f.kind), f.where) for f in self.audit.findings() if not f.left_out]


@pytest.fixture
def garments():
    return Garments()


def test_unlike_rows_are_no_findings(garments):
    for number in range(30):
        garments.add("train" if number > 3 else "test", f"{number}.png", photo(number, SIZE))
    assert garments.audit.findings() == []


def test_the_same_bytes_in_two_splits_leave_the_later_row_out(garments):
    garments.add("test", "a.png", photo(1, SIZE))
    with pytest.raises(RowRefusedError, match=r"garment/b\.png has the bytes of garment/a\.png in"):
        garments.add("train", "b.png", photo(1, SIZE))
    assert garments.found() == []


def test_a_refused_row_counts_for_nothing(garments):
    garments.add("test", "a.png", photo(1, SIZE))
    with pytest.raises(RowRefusedError):
        garments.add("train", "b.png", photo(1, SIZE), pattern=(photo(9, SIZE), b"pattern"))
    garments.add("test", "c.png", photo(2, SIZE), pattern=(photo(9, SIZE), b"pattern"))
    assert garments.audit.summary().sizes["garment"] == {"48x64": 2}


def test_the_same_bytes_in_one_split_are_told(garments):
    garments.add("test", "a.png", photo(1, SIZE))
    garments.add("test", "b.png", photo(1, SIZE))
    assert garments.found() == [("duplicate", "garment/b.png")]


def test_one_file_in_several_rows_is_no_duplicate(garments):
    for sample_id in ("x", "y"):
        garments.add("test", "a.png", photo(1, SIZE), sample_id=sample_id)
    assert garments.found() == []


def test_a_garment_in_two_splits_is_left_out_of_the_later(garments):
    garments.add("test", "a.png", photo(1, SIZE), garment="g")
    garments.add("test", "b.png", photo(2, SIZE), garment="g")
    with pytest.raises(RowRefusedError, match="'g' is in test too, where it is kept"):
        garments.add("train", "c.png", photo(3, SIZE), garment="g")


def test_look_alikes_are_told_by_where_they_are(garments):
    brighter = np.clip(photo(1, SIZE).astype(int) + 3, 0, 255).astype(np.uint8)
    garments.add("test", "a.png", photo(1, SIZE))
    garments.add("train", "b.png", brighter)
    garments.add("train", "c.png", photo(2, SIZE))
    garments.add("train", "d.png", np.roll(photo(2, SIZE), 0) // 2 * 2)
    assert garments.found() == [
        ("near-leak", "garment/b.png"), ("near-duplicate", "garment/d.png")
    ]  # fmt: skip


def test_of_several_look_alikes_the_one_in_another_split_is_told(garments):
    garments.add("test", "a.png", photo(1, SIZE))
    garments.add("train", "b.png", np.clip(photo(1, SIZE).astype(int) + 4, 0, 255).astype(np.uint8))
    garments.add("train", "c.png", np.clip(photo(1, SIZE).astype(int) + 3, 0, 255).astype(np.uint8))
    assert garments.found() == [("near-leak", "garment/b.png"), ("near-leak", "garment/c.png")]


@pytest.mark.parametrize(("split", "kinds"), [("test", []), ("train", ["near-leak"])])
def test_a_fabric_may_come_twice_in_one_split_only(garments, split, kinds):
    garments.add("test", "a.png", photo(1, SIZE), pattern=(photo(9, SIZE), b"one"))
    garments.add(split, "b.png", photo(2, SIZE), pattern=(photo(9, SIZE), b"two"))
    assert [kind for kind, _ in garments.found()] == kinds


def test_ids_that_differ_in_case_are_told(garments):
    garments.add("test", "a.png", photo(1, SIZE), sample_id="Straße")
    garments.add("test", "b.png", photo(2, SIZE), sample_id="STRASSE")
    assert garments.found() == [("case", "test.txt:2")]


def test_masks_that_are_full_or_beside_the_garment_are_told(garments):
    scene = np.full((64, 48, 3), 211, dtype=np.uint8)
    scene[16:48, 8:40] = photo(1, SIZE)[16:48, 8:40] // 2
    garments.add("test", "right.png", scene)
    garments.add("test", "full.png", scene // 2 + 20, mask=np.ones((64, 48), dtype=np.bool_))
    garments.add("test", "wrong.png", scene // 3, mask=np.roll(half(scene), 16, axis=0))
    assert garments.found() == [("mask-full", "mask/full.png"), ("mask-outline", "mask/wrong.png")]
    summary = garments.audit.summary()
    assert summary.outlines_checked == 2
    assert summary.mask_shares["mask"] == (1 / 3, 1 / 3, 1.0)


def test_the_summary_counts_files_and_names_odd_ones(garments):
    for number in range(4):
        garments.add(
            "test",
            f"{number}.png",
            photo(number, SIZE),
            changes={f"garment/{number}.png": ("turned",)},
        )
    garments.add("test", "0.png", photo(0, SIZE), sample_id="again")
    garments.add("test", "huge.png", photo(7, (480, 640)))
    summary = garments.audit.summary()
    assert summary.sizes == {"garment": {"48x64": 4, "480x640": 1}}
    assert summary.size_outliers == (("garment/huge.png", "480x640"),)
    assert summary.changes["turned"][0] == 4
    assert "garment: 48x64 (4), 480x640 (1)" in summary.lines()
    assert "turned: 4 files, garment/0.png first" in summary.lines()


def test_a_mannequin_s_mask_is_not_held_against_the_person():
    image = np.full((64, 48, 3), 250, dtype=np.uint8)
    image[8:60, 12:36] = 60
    mask = np.zeros((64, 48), dtype=np.bool_)
    mask[20:30, 12:36] = True
    facts = audit_row(MANNEQUIN_SCHEMA, {"image": image}, {"mask": mask})
    assert facts.outlines == {}
    assert facts.mask_shares["mask"] == pytest.approx(240 / 3072)
