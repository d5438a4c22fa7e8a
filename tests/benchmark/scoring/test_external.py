"""Images made elsewhere: which files are taken, and how a manifest names them."""

from __future__ import annotations

import json

import numpy as np
import pytest
from pictures import save
from tpgbench.benchmark.run.identity import ExternalImages
from tpgbench.benchmark.scoring.external import find_images
from tpgbench.core.images import PICTURE_SUFFIXES, read_image
from tpgbench.datasets_builders.reading.folder import PhotoFolder
from tpgbench.metrics.folders.image_source import read_images

# Line breaks to str.splitlines, and plain characters in a file's name.
ODD = "a\u2028b\x0bc\x85d.png"
GREY = np.full((32, 32, 3), 90, dtype=np.uint8)


@pytest.mark.parametrize("suffix", sorted(PICTURE_SUFFIXES))
def test_every_reader_of_folders_takes_every_format_that_can_be_read(tmp_path, suffix):
    path = tmp_path / f"x{suffix}"
    save(GREY, path)
    assert read_image(path, "x").shape == (32, 32, 3)
    assert find_images(ExternalImages(folder=str(tmp_path)), ["x"]).paths == {"x": path}
    assert read_images(tmp_path).ids == ("x",)
    with pytest.warns(UserWarning, match="no mask"):
        assert PhotoFolder(tmp_path).sample_ids() == ["x"]


@pytest.mark.parametrize("kind", ["jsonl", "csv"])
def test_a_manifest_names_files_with_any_character(tmp_path, kind):
    save(GREY, tmp_path / ODD)
    row = {"sample_id": "x", "file": ODD}
    manifest = tmp_path / f"manifest.{kind}"
    text = (
        json.dumps(row, ensure_ascii=False)
        if kind == "jsonl"
        else "\r\n".join(",".join(part) for part in (row, row.values()))
    )
    manifest.write_bytes(f"\ufeff{text}\r\n".encode())
    images = ExternalImages(folder=str(tmp_path), manifest=str(manifest))
    assert find_images(images, ["x"]).paths == {"x": tmp_path / ODD}
