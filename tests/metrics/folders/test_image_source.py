"""Folders and zip files of images."""

import os
import shutil
import unicodedata
import zipfile
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from pictures import photo, save
from tpgbench import TpgbenchError
from tpgbench.metrics.folders.compute import compute_metrics
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


def test_every_format_counts_and_what_is_passed_over_is_said(tmp_path):
    real, generated = tmp_path / "real", tmp_path / "generated"
    for seed, name in enumerate(["a.png", "b.JFIF", "c.avif", "d.ppm", "sub/e.jp2", "f.mpo"]):
        for folder in (real, generated):
            save(photo(seed), folder / name, **({"format": "JPEG"} if name[0] == "f" else {}))
    save(photo(6), real / "g.png").rename(real / "g")  # known by its content
    save(photo(6), generated / "g.png")
    save(photo(7), real / "@eaDir" / "a.png" / "SYNOPHOTO_THUMB_M.png")
    save(photo(7), real / "$RECYCLE.BIN" / "$R1.png")
    save(photo(7), real / ".ipynb_checkpoints" / "a.png")
    save(photo(7), real / "._a.png")
    (real / "h.HEIC").write_bytes(b"\0\0\0\x18ftypheic")
    (real / "notes.txt").write_text("x", encoding="utf-8")
    results = compute_metrics(["mse"], [real, generated])
    assert results.values[0].n == 7
    assert results.notes == (
        f"{real}: passed over: 1 .heic (save them as PNG or JPEG), 1 in $RECYCLE.BIN, 1 hidden, "
        "1 in .ipynb_checkpoints, 1 in @eaDir, 1 .txt",
    )


def test_a_zip_is_read_like_its_folder(tmp_path):
    folder = tmp_path / "folder"
    for name in ("a.png", "sub/b.jpe", "@eaDir/a.png", "__MACOSX/._a.png"):
        save(photo(1), folder / name)
    (folder / "c.txt").write_text("x", encoding="utf-8")
    packed = Path(shutil.make_archive(str(tmp_path / "packed"), "zip", folder))
    one, other = read_images(folder), read_images(packed)
    assert one.ids == other.ids == ("a", "sub/b")
    assert one.passed_over == other.passed_over


def test_names_match_in_whatever_form_of_unicode(tmp_path):
    for form, folder in (("NFC", "real"), ("NFD", "generated")):
        save(photo(1), tmp_path / folder / f"{unicodedata.normalize(form, 'café')}.png")
        latin1 = os.fsencode(tmp_path / folder) + b"/caf\xe9.png"
        os.link(next((tmp_path / folder).iterdir()), latin1)
    results = compute_metrics(["mse"], [tmp_path / "real", tmp_path / "generated"])
    assert (results.values[0].n, results.values[0].value) == (2, 0)


def test_two_forms_of_one_name_are_refused(tmp_path):
    for form in ("NFC", "NFD"):
        save(photo(1), tmp_path / f"{unicodedata.normalize(form, 'café')}.png")
    with pytest.raises(TpgbenchError, match="in two forms of Unicode: remove one"):
        read_images(tmp_path)


def test_linked_folders_are_followed_and_a_circle_is_refused(tmp_path):
    save(photo(1), tmp_path / "elsewhere" / "a.png")
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "more").symlink_to(tmp_path / "elsewhere")
    assert read_images(tmp_path / "set").ids == ("more/a",)
    (tmp_path / "set" / "round").symlink_to(tmp_path / "set")
    with pytest.raises(TpgbenchError, match="round: is a link to a folder above it"):
        read_images(tmp_path / "set")


def test_the_recipe_names_the_size_of_the_upright_photos(tmp_path):
    """The same pictures, stored upright and stored turned."""
    turned = PIL.Image.Exif()
    turned[0x0112] = 6
    for index in range(3):
        picture = PIL.Image.fromarray(photo(index, (48, 64)))
        save(picture, tmp_path / "real" / f"{index}.png")
        sideways = picture.transpose(PIL.Image.Transpose.ROTATE_90)
        save(sideways, tmp_path / "generated" / f"{index}.png", exif=turned)
    value = compute_metrics("toy-distance", [tmp_path / "real", tmp_path / "generated"]).values[0]
    assert value.value == 0
    assert "|size:48x64|size-real:48x64|" in value.recipe
