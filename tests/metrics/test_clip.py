"""CTS, LPIPS to the garment, CLIPScore and retrieval, on a tiny random CLIP."""

from __future__ import annotations

import json
import math
import re
import shutil

import numpy as np
import pytest
import torch
import transformers
from tpgbench.core.errors import TpgbenchError
from tpgbench.core.hub import get_hub_model, hub_label, hub_location
from tpgbench.metrics.base import Pair, make_metric
from tpgbench.metrics.clip_score import clip_score
from tpgbench.metrics.cts import cts
from tpgbench.metrics.features.clip import load_clip
from tpgbench.metrics.features.clip_files import CLIP

NAMES = ("cts", "clip_score", "retrieval")
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def save_tiny_clip(folder):
    """Write a tiny CLIP with random weights, in the layout of the published ones."""
    tokens = [*LETTERS, *(f"{letter}</w>" for letter in LETTERS), "<|startoftext|>"]
    vocabulary = {token: index for index, token in enumerate([*tokens, "<|endoftext|>"])}
    folder.mkdir(parents=True)
    (folder / "vocab.json").write_text(json.dumps(vocabulary))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    tokenizer = transformers.CLIPTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"))
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    small = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2}
    config = transformers.CLIPConfig(
        text_config={
            **small,
            "num_attention_heads": 4,
            "vocab_size": len(vocabulary),
            "max_position_embeddings": 16,
            "bos_token_id": vocabulary["<|startoftext|>"],
            "eos_token_id": vocabulary["<|endoftext|>"],
            "pad_token_id": vocabulary["<|endoftext|>"],
        },
        vision_config={**small, "num_attention_heads": 4, "image_size": 32, "patch_size": 8},
        projection_dim=16,
    )
    model = transformers.CLIPModel(config)
    with torch.no_grad():
        # Its own initialisation is so small that all images would look the same.
        model.vision_model.embeddings.patch_embedding.weight.normal_(std=0.2)
    model.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module", autouse=True)
def clip(tmp_path_factory):
    folder = save_tiny_clip(tmp_path_factory.mktemp("hub") / "tiny-clip")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TPGBENCH_CLIP", str(folder))
        patch.setenv("TPGBENCH_DEVICE", "cpu")
        yield folder


def texture(kind, side=96, period=12, colour=(200, 60, 40)):
    rows, columns = np.mgrid[:side, :side]
    ink = {
        "stripes": columns // (period // 2) % 2,
        "checks": (rows // (period // 2) + columns // (period // 2)) % 2,
        "plain": np.ones_like(rows),
    }[kind]
    return np.where(ink[..., None] == 1, np.array(colour), 240).astype(np.uint8)


def whole(side=96):
    return np.ones((side, side), bool)


def test_embeddings_equal_those_of_transformers_own_processing(clip):
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (side, side, 3), dtype=np.uint8) for side in (32, 33, 90)]
    model = transformers.CLIPModel.from_pretrained(clip)
    process = CLIPImageProcessorPil(
        size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}
    )
    tokenizer = transformers.CLIPTokenizer.from_pretrained(clip)
    texts = ["a red coat", "dots"]
    with torch.no_grad():
        pictures = model.get_image_features(**process(images, return_tensors="pt")).pooler_output
        words = model.get_text_features(
            **tokenizer(texts, padding=True, return_tensors="pt")
        ).pooler_output
    for expected, found in [
        (pictures, load_clip(clip).embed_images(images)),
        (words, load_clip(clip).embed_texts(texts)),
    ]:
        unit = torch.nn.functional.normalize(expected, dim=-1).numpy()
        np.testing.assert_allclose(found, unit, atol=1e-5)


def test_a_batch_changes_nothing(clip):
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (40, 40, 3), dtype=np.uint8) for _ in range(19)]
    alone = np.concatenate([load_clip(clip).embed_images([image]) for image in images])
    np.testing.assert_allclose(load_clip(clip).embed_images(images), alone, atol=1e-6)


def test_autocast_around_it_changes_nothing(clip):
    image = texture("checks")
    plain = load_clip(clip).embed_images([image])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        np.testing.assert_array_equal(load_clip(clip).embed_images([image]), plain)


def test_cts_of_the_garments_own_cloth_is_the_highest():
    for garment in map(texture, ("stripes", "checks", "plain")):
        own = cts(garment, garment, whole())
        others = [texture(kind) for kind in ("stripes", "checks", "plain")]
        others += [texture("stripes", colour=(20, 60, 200))]
        rest = [cts(one, garment, whole()) for one in others if not np.array_equal(one, garment)]
        assert own > max(rest)
        assert own == pytest.approx(100, abs=1)


def test_cts_forgives_a_shift_of_a_repeat():
    garment = texture("checks")
    shifted = np.roll(garment, (5, 3), axis=(0, 1))
    assert cts(shifted, garment, whole()) > cts(texture("plain"), garment, whole()) + 1


def test_cts_does_not_see_what_the_mask_hides():
    mask = np.zeros((96, 96), bool)
    mask[20:76, 20:76] = True
    garment = texture("stripes")
    hidden = np.where(mask[..., None], garment, 7).astype(np.uint8)
    shown = cts(garment, hidden, mask)
    assert shown == pytest.approx(100, abs=1)
    assert cts(garment, hidden, whole()) < shown


def test_cts_repeats_and_is_missing_where_no_patch_fits():
    garment = texture("checks")
    rng = np.random.default_rng(0)
    output = rng.integers(0, 256, garment.shape, dtype=np.uint8)
    assert cts(output, garment, whole()) == cts(output.copy(), garment.copy(), whole())
    thread = np.zeros((96, 96), bool)
    thread[:, 40:44] = True
    assert math.isnan(cts(output, garment, thread))


def test_clip_score_is_the_cosine_of_image_and_caption(clip):
    image, caption = texture("stripes"), "a red dress"
    model = load_clip(clip)
    cosine = float((model.embed_images([image]) @ model.embed_texts([caption]).T).item())
    assert clip_score(image, caption) == pytest.approx(100 * max(cosine, 0), abs=1e-5)
    found = [clip_score(texture(k), c) for k in ("stripes", "plain") for c in "abcdefgh"]
    assert min(found) == 0 or min(found) > 0  # never negative
    assert all(0 <= value <= 100 for value in found)
    assert len(set(found)) > 1
    with pytest.raises(TpgbenchError, match="caption is empty"):
        clip_score(image, " ")


def test_a_caption_longer_than_clips_context_is_cut(clip):
    assert clip_score(texture("plain"), "stripes " * 100) >= 0


def test_a_sample_without_what_a_metric_needs_is_unavailable():
    bare = Pair("a", texture("plain"))
    assert make_metric("cts").unavailable(bare) == "no garment and no mask"
    assert make_metric("clip_score").unavailable(bare) == "no caption"
    assert math.isnan(make_metric("cts").score(bare))


def test_the_recipe_names_clip_and_its_hash(clip):
    label = hub_label(CLIP)
    assert re.fullmatch("[0-9a-f]{8}", label)
    for name in NAMES:
        assert f"|clip:{label}|" in make_metric(name).recipe({})


def test_absent_clip_is_one_line_with_the_way_out(monkeypatch, tmp_path):
    monkeypatch.setenv("TPGBENCH_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.delenv("TPGBENCH_CLIP")
    assert hub_location(CLIP) == "openai/clip-vit-large-patch14"
    for name in NAMES:
        with pytest.raises(TpgbenchError, match="run 'tpgbench weights fetch clip'"):
            make_metric(name).load()
        assert "|clip:unknown|" in make_metric(name).recipe({})


def test_a_copy_in_the_folder_of_weights_is_found(monkeypatch, tmp_path, clip):
    monkeypatch.setenv("TPGBENCH_WEIGHTS", str(tmp_path))
    monkeypatch.delenv("TPGBENCH_CLIP")
    (tmp_path / "clip-vit-large-patch14").symlink_to(clip)
    assert get_hub_model(CLIP) == tmp_path / "clip-vit-large-patch14"


def test_a_copy_in_a_given_folder_comes_first(monkeypatch, tmp_path, clip):
    (tmp_path / "clip-vit-large-patch14").symlink_to(clip)
    expected = [make_metric(name).recipe({}) for name in NAMES]
    monkeypatch.setenv("TPGBENCH_CLIP", str(tmp_path / "nowhere"))
    pair = Pair("a", texture("plain"), garment=texture("plain"), mask=whole(), caption="red")
    for name, recipe in zip(NAMES, expected, strict=True):
        metric = make_metric(name, tmp_path)
        metric.load()
        assert metric.recipe({}) == recipe
        assert name == "retrieval" or math.isfinite(metric.score(pair))
        with pytest.raises(TpgbenchError, match="weights fetch clip"):
            make_metric(name).load()


def test_only_safetensors_are_read(monkeypatch, tmp_path, clip):
    (tmp_path / "config.json").write_text((clip / "config.json").read_text())
    (tmp_path / "pytorch_model.bin").write_bytes(b"anything")
    monkeypatch.setenv("TPGBENCH_CLIP", str(tmp_path))
    with pytest.raises(TpgbenchError, match=r"holds no model\.safetensors; other"):
        make_metric("cts").load()


def test_files_that_are_not_clips_are_refused_in_one_line(monkeypatch, tmp_path, clip):
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors").write_bytes(b"no tensors")
    monkeypatch.setenv("TPGBENCH_CLIP", str(tmp_path))
    with pytest.raises(TpgbenchError, match="cannot be loaded as CLIP"):
        make_metric("cts").load()


def test_the_torchmetrics_class_gives_the_harness_number(clip):
    from tpgbench.metrics import CTS

    garments, outputs = [texture("stripes"), texture("checks")], [texture("checks")] * 2
    metric = CTS()
    metric.update(
        preds=torch.from_numpy(np.stack(outputs)).permute(0, 3, 1, 2),
        garment=torch.from_numpy(np.stack(garments)).permute(0, 3, 1, 2) / 255,
        mask=torch.ones(2, 96, 96, dtype=torch.bool),
    )
    expected = np.mean([cts(o, g, whole()) for o, g in zip(outputs, garments, strict=True)])
    assert float(metric.compute()) == pytest.approx(expected, abs=1e-9)
    with pytest.raises(TpgbenchError, match="2 preds, 2 garments and 1 masks"):
        metric.update(
            torch.zeros(2, 3, 96, 96), torch.zeros(2, 3, 96, 96), torch.ones(1, 96, 96) > 0
        )
    with pytest.raises(TpgbenchError, match="mask is float32 of shape"):
        metric.update(torch.zeros(1, 3, 96, 96), torch.zeros(1, 3, 96, 96), torch.ones(1, 96, 96))


def test_a_clip_that_changes_in_its_place_is_read_again(clip, tmp_path):
    folder = shutil.copytree(clip, tmp_path / "copy")
    image = texture("checks")
    before = load_clip(folder).embed_images([image])
    assert load_clip(folder) is load_clip(folder)
    model = transformers.CLIPModel.from_pretrained(folder)
    with torch.no_grad():
        model.visual_projection.weight.neg_()
    model.save_pretrained(folder)
    np.testing.assert_allclose(load_clip(folder).embed_images([image]), -before, atol=1e-6)
