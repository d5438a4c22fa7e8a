"""Metrics alone need little: not what models, datasets and pages are made with."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from lpips_oracle import write_backbones
from places import ROOT

ABSENT = ("diffusers", "peft", "datasets", "pandas", "matplotlib", "pyarrow")

CODE = """
import importlib.util, json, sys
sys.path.insert(0, sys.argv[1])
for name in sys.argv[3].split(","):
    assert importlib.util.find_spec(name) is None, name
import torch
from tpgbench.metrics import SSIM, compute_fid, compute_lpips, compute_ssim, torch_metric
real, generated = sys.argv[2] + "/real", sys.argv[2] + "/generated"
folders = [compute(real, generated).value for compute in (compute_ssim, compute_lpips, compute_fid)]
images = torch.rand(3, 3, 40, 40, generator=torch.Generator().manual_seed(0))
loop = []
for kind in (SSIM, torch_metric("lpips"), torch_metric("fid")):
    metric = kind()
    metric.update(images, images / 2)
    loop.append(float(metric.compute()))
print(json.dumps([folders, loop]))
"""


@pytest.fixture
def packages(tmp_path):
    """A folder of links to all installed packages but some, and to this one."""
    folder = tmp_path / "packages"
    folder.mkdir()
    (folder / "tpgbench").symlink_to(ROOT)
    for place in map(Path, sys.path):
        if place.name not in ("site-packages", "dist-packages") or not place.is_dir():
            continue
        for entry in place.iterdir():
            name = entry.name.lower().partition("-")[0].partition(".")[0]
            if name not in (*ABSENT, "tpgbench") and not (folder / entry.name).exists():
                (folder / entry.name).symlink_to(entry)
    return folder


@pytest.fixture
def images(tmp_path):
    rng = np.random.default_rng(0)
    for side in ("real", "generated"):
        (tmp_path / side).mkdir()
        for index in range(3):
            pixels = rng.integers(0, 256, (40, 40, 3), dtype=np.uint8)
            PIL.Image.fromarray(pixels).save(tmp_path / side / f"{index}.png")
    return tmp_path


@pytest.fixture
def environment(inception_weights, tmp_path):
    """Random weights of all networks in one folder."""
    weights = tmp_path / "weights"
    weights.mkdir()
    write_backbones(weights)
    (weights / inception_weights.name).symlink_to(inception_weights)
    return {**os.environ, "TPGBENCH_WEIGHTS": str(weights)}


def test_they_compute_without_diffusers_peft_datasets_pandas_matplotlib_and_pyarrow(
    packages, images, environment, monkeypatch
):
    import json

    from tpgbench.metrics import compute_fid, compute_lpips, compute_ssim

    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", CODE, str(packages), str(images), ",".join(ABSENT)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    folders, loop = json.loads(done.stdout)
    monkeypatch.setenv("TPGBENCH_WEIGHTS", environment["TPGBENCH_WEIGHTS"])
    sides = images / "real", images / "generated"
    expected = [compute(*sides).value for compute in (compute_ssim, compute_lpips, compute_fid)]
    assert folders == pytest.approx(expected, rel=1e-6)
    assert all(np.isfinite(loop))


def test_the_command_line_does_too(packages, images, environment):
    code = "import sys; sys.path.insert(0, sys.argv.pop(1)); from tpgbench.cli import main; main()"
    words = ["metrics", "ssim,lpips,fid", str(images / "real"), str(images / "generated")]
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code, str(packages), *words],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    names = [line.split()[0] for line in done.stdout.splitlines() if not line.startswith(" ")]
    assert names == ["ssim", "lpips", "fid"]
