"""Whose files a folder holds: the registered datasets say so, other packages' included."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import PIL.Image
import pytest
import tpgbench
from tpgbench.core.errors import TpgbenchError
from tpgbench.datasets_builders.load import open_dataset

SIDE = 48


def save(array, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    PIL.Image.fromarray(array).save(path)


def photo(seed):
    return np.random.default_rng(seed).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)


@pytest.fixture
def owners(tmp_path):
    """The folder of the toy dataset's owner: three photos, masks and patterns, and their list."""
    root = tmp_path / "owners"
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[8:40, 8:40] = 255
    for number in range(3):
        save(photo(number), root / "photos" / f"{number}.png")
        save(mask, root / "outlines" / f"{number}.png")
        save(photo(10 + number), root / "cloths" / f"{number}.png")
    (root / "toys.txt").write_text("0\n1\n2\n")
    return root


def python(*words, path="", exit_code=0):
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(path), *sys.path])}
    done = subprocess.run(
        [sys.executable, *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    assert done.returncode == exit_code, done.stderr
    return done


def test_another_package_s_dataset_is_built_verified_opened_and_run(owners, tmp_path):
    refused = f"build-dataset toy-packaged --source {owners} --out DIR"
    with pytest.raises(TpgbenchError, match=refused):
        open_dataset(owners)
    out, run = tmp_path / "built", tmp_path / "run"
    crop = ["-m", "tpgbench", "run", "--model", "crop", "--metrics", "ssim", "--out", run]
    said = python(*crop, "--dataset", owners, exit_code=2)
    assert refused in said.stderr
    assert not run.exists()
    python("-m", "tpgbench", "build-dataset", "toy-packaged", "--source", owners, "--out", out)
    python("-m", "tpgbench", "verify-dataset", out, "--source", owners)
    python(*crop, "--dataset", out)
    rows = tpgbench.load_dataset(out)
    assert (rows.name, rows.size, rows.sample_ids()) == ("toy-packaged", 32, ["0", "1", "2"])
    np.testing.assert_array_equal(rows[1].garment, photo(1))
    np.testing.assert_array_equal(rows[1].pattern, photo(11))
    assert json.loads((run / "result.json").read_text())["samples"]["ok"] == 3


def test_a_folder_of_several_layouts_names_them_all(owners):
    save(photo(0), owners / "cloth" / "0.png")
    (owners / "test.txt").write_text("0.png\n")
    with pytest.raises(TpgbenchError, match="build-dataset ctp-hd or toy-packaged --source"):
        open_dataset(owners)


BROKEN = """
from toy_packaged import ToyPackaged


class Fails(ToyPackaged):
    name = "a-fails"

    @classmethod
    def has_layout(cls, source):
        raise RuntimeError("no idea")
"""
OPEN = """
import sys, warnings
warnings.simplefilter("always")
from tpgbench.core.errors import TpgbenchError
from tpgbench.datasets_builders.load import open_dataset
try:
    print(open_dataset(sys.argv[1]).sample_ids())
except TpgbenchError as error:
    print(error)
"""


@pytest.fixture
def broken(tmp_path):
    """A package with a dataset that is not there, and one that raises when it is asked."""
    site = tmp_path / "site"
    info = site / "broken_plugin-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken-plugin\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[tpgbench.datasets]\na-lost = broken_plugin:Lost\na-fails = broken_plugin:Fails\n"
    )
    (site / "broken_plugin.py").write_text(BROKEN)
    return site


def test_a_broken_plug_in_hides_no_owner_and_blocks_no_folder(owners, broken, tmp_path):
    done = python("-c", OPEN, owners, path=broken)
    assert "build-dataset toy-packaged" in done.stdout
    assert "the dataset 'a-lost' cannot be loaded" in done.stderr
    assert "the layout check of 'a-fails' fails: no idea" in done.stderr
    mine = tmp_path / "mine"
    save(photo(0), mine / "a.png")
    (mine / "notes.txt").write_text("not plain: it could be an owner's")
    done = python("-c", OPEN, mine, path=broken)
    assert done.stdout.strip() == "['a']"
    assert "'a-lost'" in done.stderr


IMPORTED = """
import sys
from tpgbench.datasets_builders.load import open_dataset
for name in sys.argv[1:]:
    dataset = open_dataset(name)
    print(dataset.sample_ids(1), dataset.fingerprint[:4], file=sys.stderr)
print(sorted(name for name in sys.modules
             if name in ("scipy", "torch") or name.startswith("tpgbench.datasets_builders.pack")))
"""


def test_opening_a_rendered_dataset_or_plain_photos_imports_no_builder(tmp_path):
    for name in ("garment/a.png", "mask/a.png", "pattern/a.png"):
        save(photo(0), tmp_path / name)
    (tmp_path / ".DS_Store").write_text("litter")
    done = python("-c", IMPORTED, "ctp-synth", "ctp-synth-unaligned", "mannequin-synth", tmp_path)
    assert done.stdout.strip() == "[]"
