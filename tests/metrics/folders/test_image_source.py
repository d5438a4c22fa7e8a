"""Folders and zip files of images."""

import zipfile

import numpy as np
import PIL.Image
import pytest
from pictures import save
from tpgbench import TpgbenchError
from tpgbench.metrics.folders.image_source import read_images


def blank(path, value=0, size=(20, 30), mode="RGB"):
    return save(PIL.Image.new(mode, size, value), path)


@pytest.fixture(params=["folder", "zip"])
def packed(request, tmp_path):
    """What makes a source of a folder: the folder itself, or a zip file of it."""

    def pack(folder):
        if request.param == "folder":
            return folder
        path = tmp_path / "packed.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for file in sorted(folder.rglob("*"), reverse=True):
                archive.write(file, file.relative_to(folder))
        return path

    return pack


def test_ids_are_relative_stems_in_the_order_of_the_paths(tmp_path, packed):
    folder = tmp_path / "images"
    blank(folder / "b.png", (2, 2, 2))
    blank(folder / "a" / "z.JPG", (1, 1, 1), size=(40, 16))
    blank(folder / "c.v1.webp", (3, 3, 3))
    source = read_images(packed(folder))
    assert source.ids == ("a/z", "b", "c.v1")
    assert len(source) == 3
    assert [image.shape for image in source] == [(16, 40, 3), (30, 20, 3), (30, 20, 3)]
    assert int(source.read(1)[0, 0, 0]) == 2
    assert source.formats == "jpg+png+webp"


def test_other_files_and_hidden_ones_are_passed_over(tmp_path, packed):
    folder = tmp_path / "images"
    blank(folder / "a.png")
    blank(folder / ".hidden.png")
    blank(folder / ".thumbnails" / "a.png")
    (folder / "notes.txt").write_text("no image")
    (folder / "Thumbs.db").write_bytes(b"\0")
    assert read_images(packed(folder)).ids == ("a",)


def test_shadow_files_of_a_mac_are_passed_over(tmp_path):
    image = blank(tmp_path / "a.png")
    with zipfile.ZipFile(tmp_path / "mac.zip", "w") as archive:
        archive.write(image, "a.png")
        archive.writestr("__MACOSX/a.png", b"not an image")
    assert read_images(tmp_path / "mac.zip").ids == ("a",)


def test_images_that_differ_in_the_suffix_keep_it(tmp_path, packed):
    folder = tmp_path / "images"
    blank(folder / "a.jpg")
    blank(folder / "a.png")
    blank(folder / "b.png")
    assert read_images(packed(folder)).ids == ("a.jpg", "a.png", "b")


def test_grey_alpha_and_palette_come_as_rgb(tmp_path, packed):
    folder = tmp_path / "images"
    blank(folder / "alpha.png", (9, 9, 9, 0), mode="RGBA")
    blank(folder / "grey.png", 7, mode="L")
    images = list(read_images(packed(folder)))
    assert all(image.shape == (30, 20, 3) and image.dtype == np.uint8 for image in images)
    assert images[0].min() == 255  # what is transparent lies on white
    assert images[1].max() == 7


def test_a_broken_image_is_named(tmp_path, packed):
    folder = tmp_path / "images"
    blank(folder / "a.png")
    broken = blank(folder / "deep" / "b.png")
    broken.write_bytes(broken.read_bytes()[:50])
    source = read_images(packed(folder))
    source.read(0)
    with pytest.raises(TpgbenchError, match=r"deep/b\.png: cannot be read as an image"):
        source.read(1)


def test_what_holds_no_image_is_refused(tmp_path, packed):
    folder = tmp_path / "images"
    folder.mkdir()
    (folder / "notes.txt").write_text("no image")
    with pytest.raises(TpgbenchError, match="holds no image"):
        read_images(packed(folder))


def test_what_is_not_there_or_no_archive_is_refused(tmp_path):
    with pytest.raises(TpgbenchError, match="no such folder or zip file"):
        read_images(tmp_path / "absent")
    with pytest.raises(TpgbenchError, match="cannot be read as a zip file"):
        read_images(blank(tmp_path / "a.png"))


def test_a_damaged_member_is_named(tmp_path):
    path = tmp_path / "images.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.write(blank(tmp_path / "a.png"), "a.png")
    content = bytearray(path.read_bytes())
    content[60] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(TpgbenchError, match=r"images\.zip/a\.png: cannot be unpacked"):
        read_images(path).read(0)


def test_a_member_that_would_fill_the_memory_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("tpgbench.metrics.folders.image_source.MAX_BYTES", 1_000)
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.png", bytes(1_001))
    with pytest.raises(TpgbenchError, match="1001 bytes unpacked, more than 1000"):
        read_images(path).read(0)


@pytest.mark.parametrize("name", ["/home/u/x.png", "../x.png", "a/../../x.png", r"..\x.png"])
def test_a_member_that_leads_outside_is_refused(tmp_path, name):
    path = tmp_path / "evil.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(name, blank(tmp_path / "a.png").read_bytes())
    with pytest.raises(TpgbenchError, match="its name leads outside the archive"):
        read_images(path)
