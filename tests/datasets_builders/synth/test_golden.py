"""The renderer's rows, held to stored bytes.

A hash that differs while the golden images agree to 1/255 is another platform's rounding; one that
differs with them is a change: raise `identity.VERSION` and run this file as a program.
"""

from __future__ import annotations

import hashlib
import json
from functools import cache

import numpy as np
import pytest
from places import DATA
from tpgbench.datasets_builders.synth.families import FAMILIES
from tpgbench.datasets_builders.synth.garments import GARMENTS
from tpgbench.datasets_builders.synth.identity import VERSION
from tpgbench.datasets_builders.synth.render import render
from tpgbench.datasets_builders.synth.streams import SceneKey

FOLDER = DATA
HASHES, IMAGES = FOLDER / "synth_hashes.json", FOLDER / "synth_golden.npz"

# How each is rendered: (scene, size, track, severity).
ROWS = {
    **{f"test-{i}": (SceneKey(0, "test", i), 64, "aligned", None) for i in (*range(40), 64, 98)},
    "odd-size": (SceneKey(0, "validation", 1), 101, "aligned", None),
    "other-seed": (SceneKey(5, "train", 123456), 64, "aligned", None),
    "severity-5": (SceneKey(0, "robustness", 8), 64, "aligned", 5),
    "unaligned": (SceneKey(0, "test", 4), 64, "unaligned", 3),
    "default-size": (SceneKey(0, "test", 0), 128, "aligned", None),
}
GOLDEN = ("test-3", "severity-5", "unaligned")
PARTS = ("garment", "mask", "pattern")


@cache
def rendered(name):
    key, size, track, severity = ROWS[name]
    return render(key, size=size, track=track, severity=severity)


def digest(row):
    sha = hashlib.sha256()
    for part in PARTS:
        sha.update(getattr(row, part).tobytes())
    return sha.hexdigest()


def test_the_stored_hashes_are_of_this_version():
    stored = json.loads(HASHES.read_text())
    assert stored["version"] == VERSION
    assert set(stored["sha256"]) == set(ROWS)


def test_the_stored_rows_show_every_family_garment_occluder_and_severity():
    for fact, expected in (
        ("family", set(FAMILIES)),
        ("garment", set(GARMENTS)),
        ("occluder", {"none", "arm", "hair", "bag"}),
        ("severity", {1, 2, 3, 4, 5}),
    ):
        assert {rendered(name).meta[fact] for name in ROWS} == expected


@pytest.mark.parametrize("name", ROWS)
def test_a_row_has_its_stored_hash(name):
    assert digest(rendered(name)) == json.loads(HASHES.read_text())["sha256"][name]


@pytest.mark.parametrize("name", GOLDEN)
def test_a_row_agrees_with_its_golden_images_to_a_grey_level(name):
    row = rendered(name)
    with np.load(IMAGES) as stored:
        for part in PARTS:
            here, there = (a.astype(int) for a in (getattr(row, part), stored[f"{name}/{part}"]))
            assert here.shape == there.shape
            assert np.abs(here - there).max() <= (0 if part == "mask" else 1)


def store():
    """Write the hashes and golden images of the renderer as it is."""
    FOLDER.mkdir(exist_ok=True)
    hashes = {name: digest(rendered(name)) for name in ROWS}
    HASHES.write_text(json.dumps({"version": VERSION, "sha256": hashes}, indent=1) + "\n")
    arrays = {f"{n}/{part}": getattr(rendered(n), part) for n in GOLDEN for part in PARTS}
    np.savez_compressed(IMAGES, **arrays)


if __name__ == "__main__":
    store()
