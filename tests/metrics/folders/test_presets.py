"""The presets against the steps of the repositories' scripts, taken with the scripts' libraries."""

from __future__ import annotations

import math

import numpy as np
import PIL.Image
import pytest
import torch
import torchmetrics.functional.image
from lpips_oracle import peer_network, write_backbones
from pictures import photo, save
from skimage.metrics import structural_similarity
from torchvision import transforms
from tpgbench.core.errors import TpgbenchError
from tpgbench.core.images import png_bytes
from tpgbench.core.picture_files import PassedOver, PictureList
from tpgbench.metrics.base import make_metric
from tpgbench.metrics.folders.compute import compute_metric
from tpgbench.metrics.folders.image_source import ImageSource
from tpgbench.metrics.folders.presets import PRESETS, _rewrite, compute_preset, get_preset
from tpgbench.metrics.frames import catvton, hrvton, hrvton_small, ladi
from tpgbench.metrics.mse import mse


@pytest.fixture(scope="module")
def backbones(tmp_path_factory):
    return write_backbones(tmp_path_factory.mktemp("weights"))


@pytest.fixture
def weights(backbones, _random_inception, monkeypatch):
    monkeypatch.setenv("TPGBENCH_WEIGHTS", str(backbones))
    monkeypatch.setenv("TPGBENCH_UNVERIFIED_WEIGHTS", "1")
    monkeypatch.setenv("TPGBENCH_DEVICE", "cpu")
    linked = backbones / _random_inception.name
    if not linked.exists():
        linked.symlink_to(_random_inception)
    return backbones


def photos(folder, sizes, seed, suffix):
    for index, size in enumerate(sizes):
        save(photo(seed + index, size, grain=20), folder / f"{index:05}_00.{suffix}")
    return folder


@pytest.fixture
def folders(tmp_path):
    """Two true JPEG images of 144x192 and what was generated at 96x128."""
    real = photos(tmp_path / "real", [(144, 192)] * 2, 0, "jpg")
    return real, photos(tmp_path / "generated", [(96, 128)] * 2, 100, "png")


def opened(folder):
    return [PIL.Image.open(path).convert("RGB") for path in sorted(folder.iterdir())]


def structural_before_1_5(first, second):
    """SSIM as torchmetrics had it until 1.5: without the border, which it pads by reflection."""
    _, full = torchmetrics.functional.image.structural_similarity_index_measure(
        first.double(), second.double(), data_range=1.0, return_full_image=True
    )
    return float(full[..., 5:-5, 5:-5].mean())


def test_ladi(weights, folders):
    real, generated = folders
    resize = transforms.Compose([transforms.Resize((512, 384)), transforms.ToTensor()])
    first = torch.stack([resize(picture) for picture in opened(generated)])
    second = torch.stack([resize(picture) for picture in opened(real)])
    structural = structural_before_1_5(first, second)
    learned = peer_network("alex", weights)(2 * first - 1, 2 * second - 1).mean()
    assert compute_metric("ssim@ladi", [real, generated]).value == pytest.approx(
        structural, abs=1e-7
    )
    assert compute_metric("lpips@ladi", [real, generated]).value == pytest.approx(
        float(learned), abs=1e-6
    )


def test_catvton(weights, folders, tmp_path):
    real, generated = folders
    again = tmp_path / "again"
    again.mkdir()
    for path in sorted(real.iterdir()):  # copy_resize_gt
        picture = PIL.Image.open(path)
        picture.resize((int(144 * 128 / 192), 128), PIL.Image.LANCZOS).save(again / path.name)
    tensor = transforms.ToTensor()
    first = torch.stack([tensor(picture) for picture in opened(generated)])
    second = torch.stack([tensor(picture) for picture in opened(again)])
    structural = structural_before_1_5(first, second)
    learned = peer_network("squeeze", weights)(2 * first - 1, 2 * second - 1).mean()
    found = {value.name: value for value in compute_preset("catvton", real, generated)}
    assert list(found) == ["fid@clean", "kid@clean", "ssim@catvton", "lpips@catvton"]
    assert found["ssim@catvton"].value == pytest.approx(structural, abs=1e-7)
    assert found["lpips@catvton"].value == pytest.approx(float(learned), abs=1e-6)
    assert found["fid@clean"].value > 0
    # The files that were saved again are those that the distances see.
    fresh = {value.name: value for value in compute_preset("catvton", again, generated)}
    assert fresh["fid@clean"].value == found["fid@clean"].value


def test_hrvton(weights, folders):
    real, generated = folders
    small = transforms.Compose(
        [
            transforms.Resize((128, 128)),
            transforms.ToTensor(),
            transforms.Normalize([0.5] * 3, [0.5] * 3),
        ]
    )
    peer = peer_network("alex", weights)
    structural, learned, squared = [], [], []
    for output, truth in zip(opened(generated), opened(real), strict=True):
        resized = truth.resize(output.size, PIL.Image.BILINEAR)
        structural.append(
            structural_similarity(
                np.asarray(resized.convert("L")),
                np.asarray(output.convert("L")),
                data_range=255,
                gaussian_weights=True,
                use_sample_covariance=False,
            )
        )
        learned.append(float(peer(small(resized)[None], small(output)[None])))
        to_tensor = transforms.ToTensor()
        squared.append(float(torch.nn.functional.mse_loss(to_tensor(resized), to_tensor(output))))
    found = {value.name: value.value for value in compute_preset("hrvton", real, generated)}
    assert found["ssim@hrvton"] == pytest.approx(np.mean(structural), abs=1e-10)
    assert found["lpips@hrvton"] == pytest.approx(np.mean(learned), abs=1e-6)
    assert found["mse@hrvton"] == pytest.approx(np.mean(squared), abs=1e-7)


@pytest.mark.slow
def test_ladi_takes_the_inception_score_of_the_resized_images(weights, tmp_path):
    from inception_oracle import torch_fidelity_network

    real = photos(tmp_path / "real", [(72, 96)] * 20, 0, "jpg")
    generated = photos(tmp_path / "generated", [(72, 96)] * 20, 100, "png")
    (score,) = [v for v in compute_preset("ladi", real, generated) if v.name.startswith("is@")]
    network = torch_fidelity_network(
        weights / "pt_inception-2015-12-05-6726825d.pth", ("logits_unbiased",)
    )
    resize = transforms.Resize((512, 384))
    images = np.stack([np.asarray(resize(picture)) for picture in opened(generated)])
    with torch.no_grad():
        (logits,) = network(torch.from_numpy(images).permute(0, 3, 1, 2))
    splits = []
    order = np.random.RandomState(2020).permutation(20)
    for chances in logits[order].double().softmax(dim=1).chunk(10):
        divergence = chances * (chances.log() - chances.mean(dim=0, keepdim=True).log())
        splits.append(float(divergence.sum(dim=1).mean().exp()))
    assert np.mean(splits) > 1.001  # 1 is what equal images would score
    assert score.value - 1 == pytest.approx(np.mean(splits) - 1, rel=1e-3)
    assert "size:384x512" in score.recipe


def test_every_preset_names_its_script_and_existing_metrics():
    for name, preset in PRESETS.items():
        assert get_preset(name) is preset
        assert preset.script.startswith("https://github.com/")
        assert len(preset.script.split("/blob/")[1].split("/")[0]) == 40  # a commit, not a branch
        assert [make_metric(metric).key for metric in preset.metrics] == list(preset.metrics)
    with pytest.raises(TpgbenchError, match="unknown preset 'cat': did you mean 'catvton'"):
        get_preset("cat")


def test_frames_leave_images_of_the_right_size_alone():
    image = photo(0, (384, 512), grain=20)
    for frame in (ladi, catvton, hrvton):
        for output in frame(image, image.copy()):
            assert np.array_equal(output, image)
    assert [one.shape for one in hrvton_small(image, image)] == [(128, 128, 3)] * 2
    assert catvton(photo(0, (50, 60), grain=20), photo(1, (101, 90), grain=20))[1].shape == (
        60,
        67,
        3,
    )


def test_a_preset_stands_in_the_recipe():
    for metric in ("ssim@ladi", "lpips@catvton", "mse@hrvton"):
        assert f"frame:{metric.partition('@')[2]}|" in make_metric(metric).recipe({})
    assert "frame" not in make_metric("ssim").recipe({})


def test_mse_is_that_of_values_from_0_to_1():
    black = np.zeros((16, 16, 3), np.uint8)
    assert mse(black, ~black) == 1
    assert mse(black, black) == 0
    one, other = photo(0, (40, 50), grain=20), photo(1, (40, 50), grain=20)
    assert mse(one, other) == pytest.approx(np.mean((one / 255 - other / 255) ** 2), abs=1e-15)
    assert make_metric("psnr").key == "psnr"
    from tpgbench.metrics.psnr import psnr

    assert psnr(one, other) == pytest.approx(-10 * math.log10(mse(one, other)))


def test_a_name_that_leads_outside_writes_nothing_there(tmp_path):
    class Evil(ImageSource):
        def read_bytes(self, index):
            return png_bytes(photo(index, (20, 20), grain=20))

    scratch = tmp_path / "scratch"
    scratch.mkdir()
    names = ("../x.png", str(tmp_path / "y.png"))
    evil = Evil(tmp_path, PictureList(names, PassedOver()))
    _rewrite(
        evil,
        scratch / "images.zip",
        lambda image: image,
    )
    assert [path.name for path in tmp_path.rglob("*")] == ["scratch", "images.zip"]
