"""References to datasets: what they hold, and that they mean the same in other places."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import PIL.Image
import pydantic
import pytest
from tpgbench.core.errors import TpgbenchError, UnknownNameError
from tpgbench.datasets_builders.load import open_dataset
from tpgbench.datasets_builders.reference import DatasetRef, portable_location

SIDE = 64


@pytest.fixture
def photos(tmp_path):
    """A folder of one photo and its mask."""
    folder = tmp_path / "photos"
    for name, value in (("a.png", 90), ("mask/a.png", 255)):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        PIL.Image.fromarray(np.full((SIDE, SIDE, 3), value, np.uint8)).save(folder / name)
    return folder


def test_a_registered_name_stays_a_name(photos, monkeypatch):
    monkeypatch.chdir(photos.parent)
    photos.rename(photos.parent / "ctp-synth")
    assert DatasetRef(location="ctp-synth").location == "ctp-synth"


def test_a_folder_is_kept_by_its_absolute_path(photos, monkeypatch):
    monkeypatch.chdir(photos.parent)
    expected = str(photos.resolve())
    for location in ("photos", "./photos", "photos/../photos", photos, str(photos)):
        assert DatasetRef(location=location).location == expected


def test_a_relative_folder_is_the_same_from_elsewhere(photos, tmp_path, monkeypatch):
    monkeypatch.chdir(photos.parent)
    reference = DatasetRef(location="photos")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert list(reference.open().sample_ids()) == ["a"]


@pytest.mark.parametrize("kind", ["text", "path"])
def test_a_missing_folder_named_like_a_dataset_is_not_that_dataset(kind, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    location = "./ctp-synth" if kind == "text" else Path("ctp-synth")
    with pytest.raises(TpgbenchError, match="no such folder"):
        DatasetRef(location=location).open()


def test_a_near_name_is_suggested_when_it_is_opened():
    reference = DatasetRef(location="ctp-synht")
    assert reference.location == "ctp-synht"
    with pytest.raises(UnknownNameError, match="did you mean 'ctp-synth'"):
        reference.open()


def test_an_empty_name_is_refused_at_once():
    with pytest.raises(TpgbenchError, match="empty"):
        DatasetRef(location="")
    with pytest.raises(TpgbenchError, match="empty"):
        portable_location("")


def test_it_opens_what_open_dataset_opens():
    reference = DatasetRef(location="ctp-synth", size=SIDE, seed=5)
    ours, theirs = reference.open(), open_dataset("ctp-synth", size=SIDE, seed=5)
    assert ours.fingerprint == theirs.fingerprint
    assert ours.size == SIDE
    assert np.array_equal(ours[0].garment, theirs[0].garment)
    assert ours.fingerprint != open_dataset("ctp-synth", size=SIDE).fingerprint


def test_a_folder_has_no_seed(photos):
    with pytest.raises(TpgbenchError, match="seed 3 is for procedural datasets"):
        DatasetRef(location=photos, seed=3).open()


def test_references_are_values(photos):
    one, other = DatasetRef(location=photos), DatasetRef(location=str(photos))
    assert one == other
    assert len({one, other, DatasetRef(location=photos, size=SIDE)}) == 2
    with pytest.raises(pydantic.ValidationError, match="frozen"):
        one.split = "train"


def test_json_and_pickle_return_the_same_reference(photos):
    reference = DatasetRef(location=photos, split="test", config="other", size=SIDE)
    assert pickle.loads(pickle.dumps(reference)) == reference
    assert DatasetRef.model_validate_json(reference.model_dump_json()) == reference
    with pytest.raises(pydantic.ValidationError, match="colour"):
        DatasetRef.model_validate({"location": "ctp-synth", "colour": "red"})


def test_another_process_opens_the_same_rows(tmp_path):
    reference = DatasetRef(location="ctp-synth", size=SIDE, seed=9)
    script = (
        "import json, pickle, sys, zlib\n"
        "reference = pickle.load(sys.stdin.buffer)\n"
        "dataset = reference.open()\n"
        "row = dataset[1]\n"
        "print(json.dumps([row.sample_id, dataset.fingerprint, zlib.crc32(row.garment.tobytes())]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        input=pickle.dumps(reference),
        capture_output=True,
        cwd=tmp_path,
        check=True,
    )
    dataset = reference.open()
    row = dataset[1]
    expected = [row.sample_id, dataset.fingerprint, zlib.crc32(row.garment.tobytes())]
    assert json.loads(done.stdout) == expected
