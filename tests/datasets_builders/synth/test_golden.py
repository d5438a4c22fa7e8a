"""The rows of both renderers, held to stored bytes.

A hash that differs while the golden images agree to 1/255 is another platform's rounding; one that
differs with them is a change: raise that renderer's `VERSION` and run this file as a program, with
tests/helpers in PYTHONPATH.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import numpy as np
import pytest
from places import DATA
from tpgbench.datasets_builders.synth import identity, mannequin, render
from tpgbench.datasets_builders.synth.anatomy import HAIR
from tpgbench.datasets_builders.synth.families import FAMILIES
from tpgbench.datasets_builders.synth.garments import GARMENTS
from tpgbench.datasets_builders.synth.poses import POSES
from tpgbench.datasets_builders.synth.stage import BACKGROUNDS
from tpgbench.datasets_builders.synth.streams import SceneKey
from tpgbench.datasets_builders.synth.subject import draw_subject


@dataclass(frozen=True)
class Golden:
    """What is stored of one renderer.

    Attributes:
        stem: Of the files in tests/data: ``STEM_hashes.json`` and ``STEM_golden.npz``.
        version: The renderer's.
        rows: What renders each row, by name.
        shown: The rows whose images are stored too.
        parts: The images of a row.
        captioned: Whether the hash covers the caption, which is an input of the mannequin task.
        facts: For each fact of a row's meta all values that the rows must show.
    """

    stem: str
    version: int
    rows: Mapping[str, Callable[[], Any]]
    shown: tuple[str, ...]
    parts: tuple[str, ...]
    captioned: bool
    facts: Mapping[str, set[Any]]

    def digest(self, name: str) -> str:
        row = rendered(self.stem, name)
        sha = hashlib.sha256(row.caption.encode() if self.captioned else b"")
        for part in self.parts:
            sha.update(getattr(row, part).tobytes())
        return sha.hexdigest()

    def stored(self) -> dict[str, Any]:
        return json.loads((DATA / f"{self.stem}_hashes.json").read_text())

    def store(self) -> None:
        """Write the hashes and golden images of the renderer as it is."""
        hashes = {name: self.digest(name) for name in self.rows}
        content = json.dumps({"version": self.version, "sha256": hashes}, indent=1)
        (DATA / f"{self.stem}_hashes.json").write_text(f"{content}\n")
        images = {
            f"{name}/{part}": getattr(rendered(self.stem, name), part)
            for name in self.shown
            for part in self.parts
        }
        np.savez_compressed(DATA / f"{self.stem}_golden.npz", **images)


def garment(*scene, size=64, track="aligned", severity=None):
    key = SceneKey(*scene)
    return partial(render.render, key, size=size, track=track, severity=severity)


# Scenes of mannequins, and at which size each is rendered.
MANNEQUINS = {
    **{f"paired-{i}": (SceneKey(0, "paired", i), 64) for i in range(48)},
    "odd-size": (SceneKey(0, "test", 1), 101),
    "other-seed": (SceneKey(5, "train", 123456), 64),
    "default-size": (SceneKey(0, "validation", 0), 128),
}
GOLDEN = {
    "synth": Golden(
        stem="synth",
        version=identity.VERSION,
        rows={
            **{f"test-{i}": garment(0, "test", i) for i in (*range(40), 64, 98)},
            "odd-size": garment(0, "validation", 1, size=101),
            "other-seed": garment(5, "train", 123456),
            "severity-5": garment(0, "robustness", 8, severity=5),
            "unaligned": garment(0, "test", 4, track="unaligned", severity=3),
            "default-size": garment(0, "test", 0, size=128),
        },
        shown=("test-3", "severity-5", "unaligned"),
        parts=("garment", "mask", "pattern"),
        captioned=False,
        facts={
            "family": set(FAMILIES),
            "garment": set(GARMENTS),
            "occluder": {"none", "arm", "hair", "bag"},
            "severity": {1, 2, 3, 4, 5},
        },
    ),
    "mannequin": Golden(
        stem="mannequin",
        version=identity.MANNEQUIN_VERSION,
        rows={
            name: partial(mannequin.render_mannequin, key, size=size, conditioned=True)
            for name, (key, size) in MANNEQUINS.items()
        },
        shown=("paired-0", "paired-1", "odd-size"),
        parts=("image", "mask", "condition"),
        captioned=True,
        facts={
            "family": set(FAMILIES),
            "garment": set(GARMENTS),
            "pose": set(POSES),
            "background": set(BACKGROUNDS),
        },
    ),
}


@cache
def rendered(stem, name):
    return GOLDEN[stem].rows[name]()


def each(field: str) -> list[Any]:
    """Return the parameters for a test of each entry of a field, of both renderers."""
    return [
        pytest.param(golden, name, id=f"{golden.stem}-{name}")
        for golden in GOLDEN.values()
        for name in getattr(golden, field)
    ]


@pytest.mark.parametrize("golden", GOLDEN.values(), ids=GOLDEN)
def test_the_stored_hashes_are_of_this_version(golden):
    stored = golden.stored()
    assert stored["version"] == golden.version
    assert set(stored["sha256"]) == set(golden.rows)


@pytest.mark.parametrize(("golden", "fact"), each("facts"))
def test_the_stored_rows_show_every_value_of_a_fact(golden, fact):
    shown = {rendered(golden.stem, name).meta[fact] for name in golden.rows}
    assert shown == golden.facts[fact]


def test_the_stored_mannequins_show_every_haircut():
    assert {draw_subject(key)[0].person.haircut for key, _ in MANNEQUINS.values()} == set(HAIR)


@pytest.mark.parametrize(("golden", "name"), each("rows"))
def test_a_row_has_its_stored_hash(golden, name):
    assert golden.digest(name) == golden.stored()["sha256"][name]


@pytest.mark.parametrize(("golden", "name"), each("shown"))
def test_a_row_agrees_with_its_golden_images_to_a_grey_level(golden, name):
    row = rendered(golden.stem, name)
    with np.load(DATA / f"{golden.stem}_golden.npz") as stored:
        for part in golden.parts:
            here, there = (a.astype(int) for a in (getattr(row, part), stored[f"{name}/{part}"]))
            assert here.shape == there.shape
            assert np.abs(here - there).max() <= (0 if part == "mask" else 1)


if __name__ == "__main__":
    for one in GOLDEN.values():
        one.store()
