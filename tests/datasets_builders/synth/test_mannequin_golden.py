"""The rows of mannequin-synth, held to stored bytes, as `test_synth_golden` holds ctp-synth's.

After a change of what is rendered raise `identity.MANNEQUIN_VERSION` and run this file as a
program.
"""

from __future__ import annotations

import hashlib
import json
from functools import cache

import numpy as np
import pytest
from places import DATA
from tpgbench.datasets_builders.synth.anatomy import HAIR
from tpgbench.datasets_builders.synth.families import FAMILIES
from tpgbench.datasets_builders.synth.garments import GARMENTS
from tpgbench.datasets_builders.synth.identity import MANNEQUIN_VERSION
from tpgbench.datasets_builders.synth.mannequin import render_mannequin
from tpgbench.datasets_builders.synth.poses import POSES
from tpgbench.datasets_builders.synth.stage import BACKGROUNDS
from tpgbench.datasets_builders.synth.streams import SceneKey
from tpgbench.datasets_builders.synth.subject import draw_subject

FOLDER = DATA
HASHES, IMAGES = FOLDER / "mannequin_hashes.json", FOLDER / "mannequin_golden.npz"

# How each is rendered: (scene, size).
ROWS = {
    **{f"paired-{i}": (SceneKey(0, "paired", i), 64) for i in range(48)},
    "odd-size": (SceneKey(0, "test", 1), 101),
    "other-seed": (SceneKey(5, "train", 123456), 64),
    "default-size": (SceneKey(0, "validation", 0), 128),
}
GOLDEN = ("paired-0", "paired-1", "odd-size")
PARTS = ("image", "mask", "condition")


@cache
def rendered(name):
    key, size = ROWS[name]
    return render_mannequin(key, size=size, conditioned=True)


def digest(row):
    """Of a row's images and, unlike ctp-synth's, of its caption: that is an input here."""
    sha = hashlib.sha256(row.caption.encode())
    for part in PARTS:
        sha.update(getattr(row, part).tobytes())
    return sha.hexdigest()


def test_the_stored_hashes_are_of_this_version():
    stored = json.loads(HASHES.read_text())
    assert stored["version"] == MANNEQUIN_VERSION
    assert set(stored["sha256"]) == set(ROWS)


def test_the_stored_rows_show_every_family_garment_pose_and_background():
    for fact, expected in (
        ("family", set(FAMILIES)),
        ("garment", set(GARMENTS)),
        ("pose", set(POSES)),
        ("background", set(BACKGROUNDS)),
    ):
        assert {rendered(name).meta[fact] for name in ROWS} == expected
    assert {draw_subject(key)[0].person.haircut for key, _ in ROWS.values()} == set(HAIR)


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
    HASHES.write_text(json.dumps({"version": MANNEQUIN_VERSION, "sha256": hashes}, indent=1) + "\n")
    arrays = {f"{n}/{part}": getattr(rendered(n), part) for n in GOLDEN for part in PARTS}
    np.savez_compressed(IMAGES, **arrays)


if __name__ == "__main__":
    store()
