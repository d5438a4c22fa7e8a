"""Frames of external images: the ground truth itself is a perfect output, whatever the fit."""

from __future__ import annotations

import numpy as np
import pytest
import tpgbench
from pictures import mask, photo, save
from tpgbench.benchmark.tasks import get_task
from tpgbench.core.errors import TpgbenchError

SHAPES = [(48, 64), (64, 48), (50, 50), (32, 32), (64, 17)]  # (width, height) of the truth


def ctp_hd(folder):
    source = folder / "source"
    for index, shape in enumerate(SHAPES):
        save(photo(index, (48, 64)), source / "cloth" / f"{index}.png")
        save(mask((48, 64)), source / "cloth_mask" / f"{index}.png")
        save(photo(10 + index, shape), source / "pattern" / f"{index}.png")
    save(photo(9, (48, 64)), source / "cloth" / "9.png")
    save(mask((48, 64)), source / "cloth_mask" / "9.png")
    (source / "test.txt").write_text("".join(f"{index}.png\n" for index in range(len(SHAPES))))
    (source / "train.txt").write_text("9.png\n")
    tpgbench.build_dataset("ctp-hd", source=source, out=folder / "ctp-hd")
    return folder / "ctp-hd", {}


def fashion_mannequin(folder):
    source = folder / "source"
    lines = ["file_name,caption,condition,mask,split"]
    for index, shape in enumerate(SHAPES):
        save(photo(10 + index, shape), source / "images" / f"{index}.png")
        save(photo(20 + index, shape), source / "conditions" / f"{index}.png")
        lines.append(f"images/{index}.png,a red dress {index},conditions/{index}.png,,test")
    (source / "metadata.csv").write_text("\n".join(lines) + "\n")
    tpgbench.build_dataset("fashion-mannequin", source=source, out=folder / "fashion")
    return folder / "fashion", {}


def own_folder(folder):
    for index, shape in enumerate(SHAPES):
        save(photo(index, (48, 64)), folder / "own" / "garment" / f"{index}.png")
        save(mask((48, 64)), folder / "own" / "mask" / f"{index}.png")
        save(photo(10 + index, shape), folder / "own" / "pattern" / f"{index}.png")
    return folder / "own", {}


def ctp_synth(_):
    return "ctp-synth", {"limit": 3, "size": 64}


def mannequin_synth(_):
    return "mannequin-synth", {"limit": 3, "split": "paired", "size": 64}


@pytest.mark.parametrize(
    "make", [ctp_hd, fashion_mannequin, own_folder, ctp_synth, mannequin_synth]
)
def test_the_truth_as_output_is_perfect_under_every_fit(make, tmp_path):
    dataset, options = make(tmp_path)
    split, side = options.get("split", "test"), options.get("size")
    rows = tpgbench.load_dataset(dataset, split, size=side)
    for index in range(options.get("limit", len(SHAPES))):
        row = rows[index]
        truth = row.image if rows.task == "mannequin" else row.pattern
        save(truth, tmp_path / "truths" / f"{row.sample_id}.png")
    for fit in get_task(rows.task).fits:
        outcome = tpgbench.score_images(
            tmp_path / "truths",
            dataset,
            **{"size": 32, **options},
            fit=fit,
            resize=True,
            metrics=["mse", "ssim"],
            out=tmp_path / fit,
        )
        assert outcome.problems == ()
        found = {value.name: (value.value, value.n) for value in outcome.result.metrics}
        n = options.get("limit", len(SHAPES))
        assert found == {"mse": (0.0, n), "ssim": (1.0, n)}


def test_an_image_of_another_shape_is_refused_and_a_square_one_resized(tmp_path):
    dataset, _ = own_folder(tmp_path)
    for index in range(len(SHAPES)):
        save(photo(30, (40, 40)), tmp_path / "outputs" / f"{index}.png")
    save(photo(30, (60, 50)), tmp_path / "outputs" / "0.png")
    outcome = tpgbench.score_images(
        tmp_path / "outputs", dataset, size=32, resize=True, metrics=["mse"], out=tmp_path / "run"
    )
    assert outcome.result.metric("mse").n == len(SHAPES) - 1
    assert len(outcome.problems) == 1
    reason = "0.png: 60x50 px is neither square nor as large as the ground truth"
    assert reason in outcome.problems[0]


def test_without_leave_another_size_is_refused(tmp_path):
    dataset, _ = own_folder(tmp_path)
    save(photo(30, (48, 64)), tmp_path / "outputs" / "0.png")
    outcome = tpgbench.score_images(
        tmp_path / "outputs", dataset, limit=1, size=32, metrics=["mse"], out=tmp_path / "run"
    )
    assert "48x64 px, not 32x32: give --size, or --resize" in outcome.problems[0]
    with pytest.raises(TpgbenchError, match="none of its"):
        tpgbench.score_images(tmp_path / "outputs", "ctp-synth", limit=1)
    assert np.isnan(outcome.result.metric("mse").value or np.nan)
