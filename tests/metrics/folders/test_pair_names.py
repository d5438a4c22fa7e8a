"""Which generated image belongs to which real one."""

from __future__ import annotations

import numpy as np
import pytest
from pictures import photo, save
from tpgbench.core.errors import TpgbenchError
from tpgbench.metrics.folders.compute import compute_metrics

PEOPLE = ("00055_00", "00064_00", "00065_00")


def folders(tmp_path, rename):
    """The real photos, and outputs of constant error that are named by a rule."""
    for index, name in enumerate(PEOPLE):
        pixels = np.asarray(photo(index)) // 2
        save(pixels, tmp_path / "real" / f"{name}.png")
        save(pixels + np.uint8(10 * (index + 1)), tmp_path / "out" / f"{rename(name)}.png")
    return tmp_path / "real", tmp_path / "out"


@pytest.mark.parametrize(
    ("rename", "note"),
    [
        (lambda name: name, None),
        (lambda name: f"{name}_{name}", "names read as PERSON_GARMENT"),
        (lambda name: f"{name}__{name}", "names read as PERSON__GARMENT"),
        (lambda name: f"sub/{name}__{name}", False),
    ],
    ids=["equal", "one", "two", "elsewhere"],
)
def test_names_of_either_convention_match(tmp_path, rename, note):
    real, out = folders(tmp_path, rename)
    if note is False:
        with pytest.raises(TpgbenchError, match="6 names are in one of them only"):
            compute_metrics("mse", [real, out])
        return
    results = compute_metrics("mse", [real, out])
    assert results.values[0].value == pytest.approx(
        np.mean([(10 * step / 255) ** 2 for step in (1, 2, 3)]), rel=1e-6
    )
    assert [note in line for line in results.notes] == ([] if note is None else [True])


def test_unpaired_images_have_no_truth(tmp_path):
    others = dict(zip(PEOPLE, PEOPLE[1:] + PEOPLE[:1], strict=True))
    real, out = folders(tmp_path, lambda name: f"{name}_{others[name]}")
    with pytest.raises(TpgbenchError, match=r"3 of 3 images are unpaired: .* give .* --unpaired"):
        compute_metrics("mse", [real, out])


def test_names_of_two_kinds_are_refused(tmp_path):
    kinds = dict(zip(PEOPLE, ["{0}", "{0}_{0}", "{0}__{0}"], strict=True))
    real, out = folders(tmp_path, lambda name: kinds[name].format(name))
    with pytest.raises(TpgbenchError, match="mixes images 1 of equal names .* and 1 named"):
        compute_metrics("mse", [real, out])


def test_a_set_within_the_other_is_refused_and_one_set_twice_is_not(tmp_path):
    real, _ = folders(tmp_path, lambda name: name)
    save(photo(9), real / "inner" / "x.png")
    with pytest.raises(TpgbenchError, match=r"inner: lies within .*real, whose images it would be"):
        compute_metrics("mse", [real, real / "inner"])
    assert compute_metrics("mse", [real, real]).values[0].value == 0


def test_everything_is_checked_before_anything_is_computed(tmp_path, monkeypatch):
    def fail(*_, **__):
        pytest.fail("computed")

    real, out = folders(tmp_path, lambda name: name)
    save(photo(1, (20, 20)), out / f"{PEOPLE[2]}.png")
    monkeypatch.setattr(
        "tpgbench.metrics.folders.task.measure", lambda *_, **__: pytest.fail("computed")
    )
    with pytest.raises(TpgbenchError, match=r"00065_00\.png: .*\(1 of 3 pairs\)$"):
        compute_metrics(["mse", "ssim"], [real, out])


@pytest.mark.parametrize("place", ["folders", "unpaired", "weights", "statistics"])
def test_an_empty_path_is_named(tmp_path, place):
    real, out = folders(tmp_path, lambda name: name)
    given = {"folders": [real, out], place: ["", str(out)] if place == "folders" else ""}
    with pytest.raises(TpgbenchError, match="path is empty, as of a variable that is not set"):
        compute_metrics("mse", given.pop("folders"), **given)
