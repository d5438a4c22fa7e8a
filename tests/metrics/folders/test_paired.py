"""Paired metrics over two folders, and what is refused."""

from __future__ import annotations

import zipfile

import numpy as np
import PIL.Image
import pytest
from pictures import noise, save
from tpgbench.core.errors import TpgbenchError
from tpgbench.metrics import compute_psnr, compute_ssim
from tpgbench.metrics.psnr import psnr
from tpgbench.metrics.ssim import ssim


def write(folder, images, suffix="png"):
    for name, image in images.items():
        save(image, folder / f"{name}.{suffix}")
    return folder


@pytest.fixture
def pair(tmp_path):
    """Two folders of five images, nested and of mixed sizes."""
    names = ["a", "b", "sub/a", "sub/deep/c", "z"]
    real = {name: noise(i, (40, 32 + i)) for i, name in enumerate(names)}
    generated = {name: noise(100 + i, (40, 32 + i)) for i, name in enumerate(names)}
    write(tmp_path / "real", real)
    write(tmp_path / "generated", generated, "bmp")
    return tmp_path / "real", tmp_path / "generated", real, generated


def test_the_mean_over_pairs_by_name(pair):
    real, generated, truths, outputs = pair
    for compute, measure in [(compute_psnr, psnr), (compute_ssim, ssim)]:
        value = compute(real, generated)
        expected = np.mean([measure(outputs[name], truths[name]) for name in truths])
        assert value.value == pytest.approx(expected, abs=1e-12)
        assert value.n == 5
        assert value.interval[0] < value.value < value.interval[1]
        assert "|format:bmp|format-real:png|n:5|" in value.recipe
        assert "size:mixed" in value.recipe


def test_a_zip_file_gives_what_its_folder_gives(pair, tmp_path):
    real, generated, *_ = pair
    with zipfile.ZipFile(tmp_path / "g.zip", "w") as archive:
        for path in generated.rglob("*.bmp"):
            archive.write(path, path.relative_to(generated))
    assert compute_ssim(real, tmp_path / "g.zip") == compute_ssim(real, generated)


def test_names_without_a_partner_are_told(pair):
    real, generated, *_ = pair
    (generated / "sub" / "a.bmp").rename(generated / "sub" / "q.bmp")
    with pytest.raises(TpgbenchError, match=r"2 names are in one of them only: sub/a, sub/q: give"):
        compute_psnr(real, generated)
    (generated / "sub" / "q.bmp").unlink()
    with pytest.raises(TpgbenchError, match="holds 5 images and .* 4; 1 names"):
        compute_psnr(real, generated)


def test_a_pair_of_two_sizes_is_named(pair):
    real, generated, *_ = pair
    write(generated, {"b": noise(0, (50, 50))}, "bmp")
    with pytest.raises(TpgbenchError, match=r"generated/b\.bmp: the output is 50x50 px and"):
        compute_psnr(real, generated)


def test_a_corrupt_image_is_named(pair):
    real, generated, *_ = pair
    path = generated / "sub" / "deep" / "c.bmp"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(TpgbenchError, match=r"sub/deep/c\.bmp: cannot be read as an image"):
        compute_psnr(real, generated)


def test_grey_and_alpha_are_read_as_what_they_show(tmp_path):
    grey = noise(0)[..., 0]
    (tmp_path / "real").mkdir()
    (tmp_path / "generated").mkdir()
    PIL.Image.fromarray(grey).save(tmp_path / "real" / "a.png")
    layer = np.dstack([grey, grey, grey, np.full_like(grey, 255)])
    PIL.Image.fromarray(layer).save(tmp_path / "generated" / "a.png")
    value = compute_psnr(tmp_path / "real", tmp_path / "generated")
    assert (value.value, value.infinite, value.n) == (None, 1, 0)


def test_an_empty_folder_is_refused(pair, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(TpgbenchError, match="holds no image"):
        compute_psnr(pair[0], tmp_path / "empty")


def test_one_pair_has_a_value_and_no_interval(tmp_path):
    write(tmp_path / "real", {"a": noise(0)})
    write(tmp_path / "generated", {"a": noise(1)})
    value = compute_psnr(tmp_path / "real", tmp_path / "generated")
    assert value.n == 1
    assert value.interval is None


def test_two_truth_sets_never_share_a_recipe(tmp_path):
    write(tmp_path / "generated", {"a": noise(1), "b": noise(2)})
    write(tmp_path / "real", {"a": noise(3), "b": noise(4)})
    write(tmp_path / "other", {"a": noise(3), "b": noise(5)})
    write(tmp_path / "swapped", {"a": noise(4), "b": noise(3)})
    recipes = {
        compute_psnr(tmp_path / real, tmp_path / "generated").recipe
        for real in ("real", "other", "swapped")
    }
    assert len(recipes) == 3
    assert all("|pairs:by-name|" in recipe and "|real:" in recipe for recipe in recipes)
