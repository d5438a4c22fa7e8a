"""`tpgbench metrics`, `tpgbench weights` and `--preset`, as a user types them."""

from __future__ import annotations

import json

import numpy as np
import PIL.Image
import pytest
from commands import call
from tpgbench.metrics import compute_ssim


@pytest.fixture
def folders(tmp_path):
    rng = np.random.default_rng(0)
    for side in ("real", "generated"):
        (tmp_path / side).mkdir()
        for index in range(4):
            image = rng.integers(0, 256, (48, 40, 3), dtype=np.uint8)
            PIL.Image.fromarray(image).save(tmp_path / side / f"{index}.png")
    return tmp_path


def test_a_paired_metric_as_json_and_as_text(folders):
    done = call("metrics", "ssim", "real", "generated", "--json", cwd=folders)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    value = compute_ssim(folders / "real", folders / "generated")
    assert document["value"] == value.value
    assert document["n"] == 4
    assert document["interval"] == list(value.interval)
    assert document["recipe"] == value.recipe
    text = call("metrics", "ssim", "real", "generated", cwd=folders).stdout
    assert value.recipe in text
    assert "n 4" in text


def test_several_metrics_are_computed_together(folders):
    done = call("metrics", "ssim, psnr,texture_band@lack", "real", "generated", cwd=folders)
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stdout.splitlines() if not line.startswith(" ")]
    assert [line.split()[0] for line in lines] == ["ssim", "psnr", "texture_band@lack"]
    done = call("metrics", "ssim,psnr", "real", "generated", "--json", cwd=folders)
    assert json.loads(done.stdout)[0]["value"] == (
        compute_ssim(folders / "real", folders / "generated").value
    )


def test_a_metric_without_a_value_is_said_and_exit_1(folders):
    done = call("metrics", "repeat,ssim", "real", "generated", cwd=folders)  # noise has no repeat
    assert done.returncode == 1
    assert done.stderr == ("incomplete: repeat was not computed: 0 of 4 samples could be scored\n")
    assert len([line for line in done.stdout.splitlines() if not line.startswith(" ")]) == 2


def test_the_feature_cache_is_cleared_without_folders(tmp_path):
    cached = tmp_path / "features" / ("0" * 16) / "ab" / "cd"
    cached.parent.mkdir(parents=True)
    cached.write_bytes(b"features")
    done = call("metrics", "--clear-cache", cwd=tmp_path, TPGBENCH_CACHE=str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "1 image(s)" in done.stderr
    assert not cached.exists()


def test_fid_with_a_protocol_and_a_folder_of_unverified_weights(
    folders, inception_weights, monkeypatch
):
    monkeypatch.delenv("TPGBENCH_UNVERIFIED_WEIGHTS")
    monkeypatch.setenv("TPGBENCH_WEIGHTS", str(folders / "none"))
    words = ("metrics", "fid", "real", "generated", "--weights", inception_weights.parent)
    refused = call(*words, cwd=folders)
    assert refused.returncode == 2
    assert "--unverified-weights" in refused.stderr
    done = call(*words, "--protocol", "pytorch-fid", "--json", "--unverified-weights", cwd=folders)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["name"] == "fid@pytorch-fid"
    assert document["value"] > 0
    assert "protocol:pytorch-fid" in document["recipe"]


def test_statistics_are_saved_and_taken_in_the_place_of_images(folders, inception_weights):
    words = ("real", "generated", "--protocol", "torchmetrics", "--json")
    done = call("metrics", "kid", *words, "--save-statistics", "real.npz", cwd=folders)
    assert done.returncode == 0, done.stderr
    again = call("metrics", "kid", "real.npz", *words[1:], cwd=folders)
    assert json.loads(again.stdout)["value"] == json.loads(done.stdout)["value"]
    misnamed = call("metrics", "fid", *words, "--save-statistics", "real", cwd=folders)
    assert misnamed.returncode == 2
    assert "ends in .npz" in misnamed.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["fdi", "real", "generated"], "unknown metric 'fdi': did you mean 'fid'?"),
        (["ssim", "real"], "ssim takes 2 folders, the real images, then the generated; got 1"),
        (["is", "real", "generated"], "is takes 1 folder, the generated images; got 2"),
        (["ssim"], "Missing argument"),
        (["ssim", "real", "nowhere"], "nowhere: no such folder or zip file"),
        (
            ["cts", "real", "generated"],
            "real: cts needs a mask for each generated image, and 4 of 4",
        ),
        (["fid", "real", "generated"], "fetch pt_inception-2015-12-05-6726825d.pth"),
        (["lpips", "real", "generated"], "fetch alexnet-owt-7be5be79.pth"),
        (["fid@clean", "real", "generated", "--protocol", "x"], "name one of the two"),
        (
            ["ssim", "real", "generated", "--interval"],
            "--interval is only for metrics of mean and covariance, such as fid",
        ),
        (
            ["psnr", "real", "generated", "--save-statistics", "x.npz"],
            "--save-statistics: psnr reads no file of statistics",
        ),
        (["hrvton", "real"], "hrvton takes two folders"),
        (["lpips@vg", "real", "generated"], "did you mean 'vgg'?"),
    ],
)
def test_wrong_words_are_one_line_and_exit_2(folders, words, message):
    done = call("metrics", *words, cwd=folders, TPGBENCH_WEIGHTS=str(folders / "none"))
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


def test_weights_are_listed_located_and_fetched(tmp_path):
    folder = tmp_path / "weights"
    variables = {"TPGBENCH_WEIGHTS": str(folder), "HF_HOME": str(tmp_path)}
    assert call("weights", "path", cwd=tmp_path, **variables).stdout == f"{folder}\n"
    placed = call("weights", "path", "lpips", cwd=tmp_path, **variables).stdout.split()
    assert placed[0] == f"{folder}/alexnet-owt-7be5be79.pth"
    assert len(placed) == 3

    folder.mkdir()
    (folder / "alexnet-owt-7be5be79.pth").write_bytes(b"something")
    listed = json.loads(call("weights", "list", "--json", cwd=tmp_path, **variables).stdout)
    found = {status["name"]: status for status in listed}
    assert found["alexnet-owt-7be5be79.pth"]["path"] == f"{folder}/alexnet-owt-7be5be79.pth"
    assert found["alexnet-owt-7be5be79.pth"]["blocks"] == []
    assert found["vgg16-397923af.pth"]["path"] is None
    assert found["clip"]["needed_by"] == ["metric clip_score", "metric cts", "metric retrieval"]
    assert "clip: missing" in call("weights", "list", cwd=tmp_path, **variables).stdout

    damaged = call("weights", "fetch", "alexnet-owt-7be5be79.pth", cwd=tmp_path, **variables)
    assert damaged.returncode == 2
    assert "damaged or another one" in damaged.stderr
    absent = call("weights", "fetch", "clip", cwd=tmp_path, **variables)
    assert absent.returncode == 2
    assert "set TPGBENCH_CLIP to a folder" in absent.stderr
    unknown = call("weights", "fetch", "lpis", cwd=tmp_path, **variables)
    assert "did you mean 'lpips'?" in unknown.stderr


def test_a_preset_in_a_run_adds_its_metrics(tmp_path):
    words = ("run", "--model", "crop", "--limit", 2, "--size", 64, "--out", "out")
    done = call(*words, "--preset", "hrvton", cwd=tmp_path, TPGBENCH_WEIGHTS=str(tmp_path))
    assert done.returncode == 2  # asked for by name: an error before anything is written
    assert "alexnet-owt-7be5be79.pth is not here" in done.stderr
    assert not (tmp_path / "out").exists()
    unknown = call(*words, "--preset", "hrvto", cwd=tmp_path)
    assert "did you mean 'hrvton'?" in unknown.stderr


def test_a_default_metric_without_weights_is_not_computed_and_the_run_goes_on(tmp_path):
    done = call(
        *("run", "--model", "crop", "--limit", 2, "--size", 64, "--out", "out", "--json"),
        cwd=tmp_path,
        TPGBENCH_WEIGHTS=str(tmp_path / "none"),
    )
    assert done.returncode == 0, done.stderr
    values = {value["name"]: value for value in json.loads(done.stdout)["metrics"]}
    assert values["lpips"]["value"] is None
    assert "alexnet-owt-7be5be79.pth is not here" in values["lpips"]["not_computed"]
    assert values["retrieval_colour"]["value"] is not None
