"""Automatic masks of a folder of photos: in runs, as files, and by a segmentation model."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tpgbench
from pictures import photo, save
from tpgbench.benchmark.run.store import RunStore
from tpgbench.core.errors import TpgbenchError
from tpgbench.core.masks import read_mask

GARMENT = np.zeros((96, 80), bool)
GARMENT[20:80, 16:64] = True


def product_shot(seed):
    cloth = photo(seed, (80, 96)) * np.array([0.3, 0.8, 1.0])  # of no one's skin
    return np.where(GARMENT[..., None], cloth, 250).astype(np.uint8)


def iou(one, other):
    return (one & other).sum() / (one | other).sum()


@pytest.fixture
def shots(tmp_path):
    """Three product shots without masks, one in a folder below."""
    for index, name in enumerate(["a", "b", "sub/c"]):
        save(product_shot(index), tmp_path / "shots" / f"{name}.png")
    return tmp_path / "shots"


def test_a_run_with_automatic_masks_sees_the_garment_alone(shots, tmp_path):
    seen = []

    def look(garment, mask):
        seen.append(mask.mean())
        return garment

    outcome = tpgbench.run(
        look, dataset=shots, masks="auto", size=64, metrics=["tileability@seam"], out=tmp_path / "r"
    )
    assert outcome.result.samples.ok == 3
    assert min(seen) > 0.6  # of the square around the garment, 60 by 48
    record = RunStore(outcome.path).read_record()
    assert record.dataset_masks == "auto"
    tpgbench.score(outcome.path, metrics=["tileability@seam"])  # finds the same masks again
    rows = tpgbench.load_dataset(shots, masks="auto")
    assert all(iou(row.mask, GARMENT) > 0.9 for row in rows)


def test_masks_of_another_kind_are_another_dataset(shots, monkeypatch):
    from tpgbench.datasets_builders.masks import plain_background

    with pytest.warns(UserWarning, match=r"3 of 3 photos have no mask .* give --masks auto, or"):
        given = tpgbench.load_dataset(shots).fingerprint
    auto = tpgbench.load_dataset(shots, masks="auto").fingerprint
    monkeypatch.setattr(plain_background, "VERSION", 99)
    assert len({given, auto, tpgbench.load_dataset(shots, masks="auto").fingerprint}) == 3


def test_a_mask_that_is_given_wins_and_a_cut_out_is_its_own(shots):
    given = np.zeros((96, 80), np.uint8)
    given[30:40, 30:40] = 255
    save(given, shots / "mask" / "a.png")
    alpha = (GARMENT * 255).astype(np.uint8)
    save(np.dstack([photo(5, (80, 96)), alpha]), shots / "d.png")
    rows = {row.sample_id: row for row in tpgbench.load_dataset(shots, masks="auto")}
    np.testing.assert_array_equal(rows["a"].mask, given > 0)
    np.testing.assert_array_equal(rows["d"].mask, GARMENT)


def test_doubt_is_said_and_a_photo_without_a_garment_fails_alone(shots, tmp_path):
    save(np.full((96, 80, 3), 250, np.uint8), shots / "blank.png")
    two = product_shot(4)
    two[:, 34:46] = 250
    save(two, shots / "two.png")
    with pytest.warns(UserWarning, match=r"two\.png: its automatic mask may be wrong: several"):
        outcome = tpgbench.generate(
            "crop", dataset=shots, masks="auto", size=64, out=tmp_path / "run"
        )
    assert list(outcome.failures) == ["blank"]
    assert "blank.png: nothing stands out: draw a mask" in outcome.failures["blank"]


def test_masks_are_written_where_runs_find_them(shots, tmp_path, monkeypatch):
    monkeypatch.chdir(shots)
    save(np.full((96, 80, 3), 250, np.uint8), shots / "blank.png")
    done = tpgbench.make_masks(shots)
    assert (done.path, done.made, done.doubtful) == (shots / "mask", 3, {})
    assert len(done.problems) == 1
    assert done.exit_code == 1
    assert done.sheet.picture == tmp_path / "shots-masks.png"  # not among the photos
    assert iou(read_mask(shots / "mask" / "sub" / "c.png", ""), GARMENT) > 0.9
    (shots / "blank.png").unlink()
    given, auto = (tpgbench.load_dataset(shots, masks=masks) for masks in ("given", "auto"))
    assert given.fingerprint == auto.fingerprint  # there is nothing left to make
    with pytest.raises(TpgbenchError, match="every photo has its mask already"):
        tpgbench.make_masks(shots)


def test_masks_are_for_folders_of_photos_only():
    with pytest.raises(TpgbenchError, match=r"--masks auto: is for a folder of your own photos"):
        tpgbench.load_dataset("ctp-synth", masks="auto")


@pytest.fixture(scope="module")
def segformer(tmp_path_factory):
    """A tiny SegFormer with random weights and three classes, as transformers saves it."""
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    config = transformers.SegformerConfig(
        num_encoder_blocks=2,
        depths=[1, 1],
        sr_ratios=[2, 1],
        hidden_sizes=[8, 16],
        patch_sizes=[3, 3],
        strides=[2, 2],
        num_attention_heads=[1, 1],
        mlp_ratios=[2, 2],
        decoder_hidden_size=16,
        id2label={0: "Background", 1: "Upper-clothes", 2: "Hair"},
        label2id={"Background": 0, "Upper-clothes": 1, "Hair": 2},
    )
    folder = tmp_path_factory.mktemp("segformer")
    model = transformers.SegformerForSemanticSegmentation(config)
    with torch.no_grad():
        model.decode_head.classifier.bias[:] = torch.tensor([0.0, 4.0, 0.0])
    model.save_pretrained(folder)
    transformers.SegformerImageProcessor(size={"height": 64, "width": 64}).save_pretrained(folder)
    return folder


def test_a_segmentation_model_marks_its_garment_classes(shots, segformer):
    rows = tpgbench.load_dataset(shots, masks=str(segformer))
    assert rows[0].mask.shape == (96, 80)
    assert rows[0].mask.mean() > 0.9  # the class that the bias favours
    assert rows.fingerprint != tpgbench.load_dataset(shots, masks="auto").fingerprint


def test_what_is_no_such_model_is_refused(shots, segformer, tmp_path):
    config = json.loads((segformer / "config.json").read_text())
    labels = {"id2label": {"0": "Sky", "1": "Hair", "2": "Road"}}
    for name, change in (("hair", labels), ("bert", {})):
        copy = tmp_path / name
        copy.mkdir()
        for path in segformer.iterdir():
            (copy / path.name).write_bytes(path.read_bytes())
        (copy / "config.json").write_text(json.dumps(config | change))
    with pytest.raises(TpgbenchError, match=r"none of its classes is a garment \(Sky, Hair, Road"):
        tpgbench.load_dataset(shots, masks=str(tmp_path / "hair"))
    (tmp_path / "bert" / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(TpgbenchError, match="cannot be loaded as a model for semantic seg"):
        tpgbench.load_dataset(shots, masks=str(tmp_path / "bert"))
    with pytest.raises(TpgbenchError, match="is no folder here, and unavailable on the hub"):
        tpgbench.load_dataset(shots, masks="nobody/nothing")
