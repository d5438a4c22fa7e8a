"""What the audit finds in whole builds: told without --strict, refused with it."""

from __future__ import annotations

import numpy as np
import PIL.Image
import PIL.ImageOps
import pytest
from tpgbench.core.errors import TpgbenchError
from tpgbench.datasets_builders.ctp_hd import CtpHd
from tpgbench.datasets_builders.reading.parquet import ParquetDataset

WIDTH, HEIGHT = 48, 64


def cloth(seed):
    values = np.random.default_rng(seed).integers(0, 150, (16, 12, 3), dtype=np.uint8)
    return PIL.Image.fromarray(values).resize((WIDTH, HEIGHT), PIL.Image.Resampling.BICUBIC)


def outline():
    array = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    array[12:52, 10:38] = 255
    return PIL.Image.fromarray(array)


def add(root, name, seed, split):
    scene = PIL.Image.new("RGB", (WIDTH, HEIGHT), (211, 211, 211))
    scene.paste(cloth(seed), mask=outline())
    for folder, picture in (("cloth", scene), ("cloth_mask", outline()), ("pattern", cloth(seed))):
        (root / folder).mkdir(parents=True, exist_ok=True)
        picture.save(root / folder / f"{name}.png")
    with (root / f"{split}.txt").open("a") as stream:
        stream.write(f"{name}\n")


@pytest.fixture
def source(tmp_path):
    root = tmp_path / "source"
    for number in range(3):
        add(root, f"test{number}", number, "test")
    for number in range(4):
        add(root, f"train{number}", 10 + number, "train")
    return root


def brighter(folder, name, target):
    def spoil(root):
        pixels = np.asarray(PIL.Image.open(root / folder / f"{name}.png")).astype(int)
        picture = PIL.Image.fromarray(np.clip(pixels + 4, 0, 255).astype(np.uint8))
        picture.save(root / folder / f"{target}.png")

    return spoil


def copy(folder, name, target):
    def spoil(root):
        data = (root / folder / f"{name}.png").read_bytes()
        (root / folder / f"{target}.png").write_bytes(data)

    return spoil


def redraw(name, change):
    def spoil(root):
        path = root / "cloth_mask" / f"{name}.png"
        change(PIL.Image.open(path)).save(path)

    return spoil


# Each spoils the source in one way; then come the finding's kind, where it is, and whether the
# row is left out.
SPOILT = {
    "the-same-photo-in-two-splits": (
        copy("cloth", "test1", "train2"), "leak", "train.txt:3", True,
    ),
    "the-same-fabric-in-two-splits": (
        copy("pattern", "test1", "train2"), "leak", "train.txt:3", True,
    ),
    "the-same-photo-twice": (
        copy("cloth", "train1", "train3"), "duplicate", "cloth/train3.png", False,
    ),
    "a-like-photo-in-two-splits": (
        brighter("cloth", "test1", "train2"), "near-leak", "cloth/train2.png", False,
    ),
    "a-like-fabric-in-two-splits": (
        brighter("pattern", "test1", "train2"), "near-leak", "pattern/train2.png", False,
    ),
    "a-like-photo-twice": (
        brighter("cloth", "train1", "train3"), "near-duplicate", "cloth/train3.png", False,
    ),
    "a-mask-of-everything": (
        redraw("train1", lambda mask: PIL.Image.new("L", mask.size, 255)),
        "mask-full", "cloth_mask/train1.png", False,
    ),
    "an-inverted-mask": (
        redraw("train1", PIL.ImageOps.invert), "mask-outline", "cloth_mask/train1.png", False,
    ),
    "names-that-differ-in-case": (
        lambda root: add(root, "TRAIN1", 30, "train"), "case", "train.txt:5", False,
    ),
}  # fmt: skip


def test_a_sound_source_has_no_findings(source, tmp_path):
    assert CtpHd().build(source, tmp_path / "built", strict=True).findings == ()


@pytest.mark.parametrize("name", SPOILT)
def test_the_build_names_it_and_leaves_out_what_leaks(source, tmp_path, name):
    spoil, kind, where, left_out = SPOILT[name]
    spoil(source)
    report = CtpHd().build(source, tmp_path / "built")
    assert [(f.kind, f.where, f.left_out) for f in report.findings] == [(kind, where, left_out)]
    assert ParquetDataset(tmp_path / "built", "test").sample_ids() == ["test0", "test1", "test2"]
    trained = ParquetDataset(tmp_path / "built", "train").sample_ids()
    assert ("train2" in trained) != left_out
    assert {"train0", "train1", "train3"} <= set(trained)


@pytest.mark.parametrize("name", SPOILT)
def test_strict_refuses_it_and_leaves_nothing(source, tmp_path, name):
    spoil, kind, where, _ = SPOILT[name]
    spoil(source)
    with pytest.raises(TpgbenchError, match=rf"1 finding \({kind}: {where}: "):
        CtpHd().build(source, tmp_path / "built", strict=True)
    assert [path.name for path in tmp_path.iterdir()] == ["source"]


def test_progress_counts_rows_and_what_is_left_out(source, tmp_path, capsys):
    spoiled = next((source / "cloth").iterdir())
    spoiled.write_bytes(b"no picture")
    report = CtpHd().build(source, tmp_path / "built", show_progress=True)
    assert report.left_out == 1
    rows = sum(report.rows.values())
    assert f"build {rows + 1}, " in capsys.readouterr().err
