"""A stranger's package, made of CONTRIBUTING's own blocks, works through every door."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
from markdown_pages import code_blocks
from pictures import save
from places import ROOT


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """A folder on the path with the package and what an installer writes beside it."""
    folder = tmp_path_factory.mktemp("site")
    blocks = {block.title: block.code for block in code_blocks(ROOT / "CONTRIBUTING.md")}
    project = tomllib.loads(blocks.pop("pyproject.toml"))["project"]
    for title, code in blocks.items():
        if title is not None:
            (folder / title).parent.mkdir(exist_ok=True)
            (folder / title).write_text(code, encoding="utf-8")
    (folder / "my_package" / "__init__.py").touch()
    info = folder / f"my_package-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    lines = []
    for group, points in project["entry-points"].items():
        lines += [f"[{group}]", *(f"{name} = {target}" for name, target in points.items())]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture
def call(site, tmp_path):
    """Run a Python process with the package installed, in a folder of its own."""

    def run(*words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        path = os.pathsep.join([str(site), *filter(None, [os.environ.get("PYTHONPATH")])])
        done = subprocess.run(
            [sys.executable, *words],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": path},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stderr
        return done

    return run


@pytest.fixture
def tpgbench(call):
    """Run a command of tpgbench with the package installed."""
    return lambda *words, code=0: call("-m", "tpgbench", *words, code=code)


@pytest.fixture
def folders(tmp_path) -> tuple[str, str]:
    """Two folders of photos; the second is darker, and has fewer."""
    for index in range(4):
        pixels = np.random.default_rng(index).integers(0, 256, (24, 20, 3), dtype=np.uint8)
        save(pixels, tmp_path / "real" / f"{index}.png")
        if index < 3:
            save(pixels // 2, tmp_path / "generated" / f"{index}.png")
    return "real", "generated"


def values(done: subprocess.CompletedProcess[str]) -> dict[str, dict]:
    """Return the values of a result printed as JSON, by metric."""
    found = json.loads(done.stdout)
    listed = found.get("metrics", [found])
    return {value["name"]: value for value in listed}


def test_every_entry_can_be_loaded(tpgbench):
    doctor = json.loads(tpgbench("doctor", "--json").stdout)
    assert doctor["broken"] == []
    for kind, names in {
        "models": {"mean-colour"},
        "metrics": {"brightness", "colour_mmd"},
        "datasets": {"stripes", "swatches"},
    }.items():
        listed = json.loads(tpgbench("list", kind, "--json").stdout)
        assert names <= {entry["name"] for entry in listed}


def test_the_model_and_both_metrics_in_a_run(tpgbench):
    words = ["--model", "mean-colour", "-o", "gain=1.5", "--limit", "3", "--size", "64"]
    done = tpgbench("run", *words, "--metrics", "brightness,colour_mmd", "--json", "--out", "run")
    found = values(done)
    assert found["brightness"]["n"] == 3
    assert 0 < found["colour_mmd"]["value"] <= 2
    assert "kernel:gaussian-0.25" in found["colour_mmd"]["recipe"]


def test_an_option_out_of_bounds_is_refused(tpgbench):
    assert "gain" in tpgbench("run", "--model", "mean-colour", "-o", "gain=9", code=2).stderr


def test_both_metrics_over_folders(tpgbench, folders):
    real, generated = folders
    alone = values(tpgbench("metrics", "brightness", generated, "--json"))["brightness"]
    assert alone["n"] == 3
    assert 60 < alone["value"] < 67
    same = values(tpgbench("metrics", "colour_mmd", real, real, "--json"))["colour_mmd"]
    darker = values(tpgbench("metrics", "colour_mmd", real, generated, "--json"))["colour_mmd"]
    assert same["value"] == pytest.approx(0, abs=1e-9)
    assert darker["value"] > 0.1


def test_both_metrics_in_a_training_loop(call):
    code = (
        "import torch\n"
        "from tpgbench.metrics import torch_metric\n"
        "white = torch.ones(2, 3, 16, 16)\n"
        "brightness, mmd = torch_metric('brightness')(), torch_metric('colour_mmd')()\n"
        "brightness.update(preds=white)\n"
        "mmd.update(preds=white, target=white / 2)\n"
        "print(float(brightness.compute()), float(mmd.compute()))\n"
    )
    white, mmd = map(float, call("-c", code).stdout.split())
    assert white == 255
    assert mmd > 0.1


def test_the_procedural_dataset_runs_and_is_packaged(tpgbench):
    words = ["--model", "crop", "--limit", "2", "--metrics", "ssim", "--json"]
    direct = values(tpgbench("run", *words, "--dataset", "stripes", "--out", "direct"))
    tpgbench("build-dataset", "stripes", "--out", "built")
    tpgbench("verify-dataset", "built")
    packaged = values(tpgbench("run", *words, "--dataset", "built", "--out", "packaged"))
    assert direct["ssim"]["value"] == packaged["ssim"]["value"]
    assert direct["ssim"]["n"] == 2


def test_the_layout_is_recognised_packaged_and_run(tpgbench, tmp_path):
    source = tmp_path / "source"
    mask = np.zeros((40, 40), np.uint8)
    mask[8:-8, 8:-8] = 255
    for name, seed in {"one": 1, "two": 2}.items():
        pixels = np.random.default_rng(seed).integers(0, 256, (40, 40, 3), dtype=np.uint8)
        save(pixels, source / "photo" / f"{name}.jpg")
        save(mask, source / "mask" / f"{name}.png")
    save(pixels, source / "pattern" / "one.png")
    (source / "swatches.txt").write_text("one\ntwo\nthree\n", encoding="utf-8")
    run = ["run", "--model", "crop", "--size", "32", "--metrics", "ssim"]
    refused = tpgbench(*run, "--dataset", "source", code=2).stderr
    assert "build-dataset swatches" in refused
    words = ["build-dataset", "swatches", "--source", "source", "--out", "built", "--json"]
    report = json.loads(tpgbench(*words, code=1).stdout)  # a row was left out
    assert report["rows"] == {"test": 2}
    assert report["unlabelled"] == {"test": 1}
    assert [finding["where"] for finding in report["findings"]] == ["swatches.txt:3"]
    tpgbench("verify-dataset", "built", "--source", "source")
    found = values(tpgbench(*run, "--dataset", "built", "--json", "--out", "run", code=0))
    assert (found["ssim"]["n"], found["ssim"]["missing"]) == (1, 1)


def test_the_metric_s_own_test_passes(call, site):
    call("-m", "pytest", "-q", "-p", "no:cacheprovider", str(site / "tests" / "test_brightness.py"))
