"""The torchmetrics classes: the harness's numbers, in loops, collections and two processes."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import torch
import torchmetrics
from commands import run_code
from tpgbench.core.errors import TpgbenchError
from tpgbench.metrics import FID, KID, PSNR, SSIM, InceptionScore, compute_fid, compute_kid
from tpgbench.metrics.psnr import psnr
from tpgbench.metrics.ssim import ssim
from tpgbench.metrics.torch import to_images

DRIVER = Path(__file__).with_name("ddp_driver.py")


def batch(seed, count=4, side=24):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, 3, side, side), dtype=torch.uint8, generator=generator)


def test_gives_the_mean_of_the_harness_functions():
    metric = PSNR()
    pairs = []
    for seed in (0, 2):
        preds, target = batch(seed), batch(seed + 1)
        metric.update(preds, target)
        pairs += zip(to_images(preds, ""), to_images(target, ""), strict=True)
    expected = np.mean([psnr(output, truth) for output, truth in pairs])
    assert float(metric.compute()) == pytest.approx(expected, abs=1e-12)
    value = metric.value()
    assert value.n == 8
    assert value.recipe.startswith("psnr|format:tensor|n:8|")
    metric.reset()
    with pytest.raises(TpgbenchError, match="call update first"):
        metric.value()


def test_float_images_are_what_their_files_are():
    preds, target = batch(0), batch(1)
    whole, scaled = SSIM(), SSIM()
    whole.update(preds, target)
    scaled.update(preds / 255, (target / 255).double())
    assert whole.compute() == scaled.compute()
    assert to_images(torch.full((1, 3, 1, 1), 0.5), "")[0][0, 0, 0] == 128


def test_forward_is_the_value_of_its_batch_and_the_rest_is_kept():
    metric = PSNR()
    first = metric(batch(0), batch(1))
    metric(batch(2), batch(3))
    alone = PSNR()
    alone.update(batch(0), batch(1))
    assert first == alone.compute()
    assert metric.value().n == 8


def test_a_collection_gives_each_its_own_number():
    collection = torchmetrics.MetricCollection({"psnr": PSNR(), "ssim": SSIM()})
    preds, target = batch(0), batch(1)
    collection.update(preds, target)
    collection.update(target, preds)
    pairs = list(zip(to_images(preds, ""), to_images(target, ""), strict=True))
    found = collection.compute()
    assert float(found["psnr"]) == pytest.approx(np.mean([psnr(*pair) for pair in pairs]))
    assert float(found["ssim"]) == pytest.approx(np.mean([ssim(*pair) for pair in pairs]))


def test_a_collection_never_takes_two_metrics_for_one():
    # After a first batch of identical pairs an SSIM of 1 must not be shared with anything.
    collection = torchmetrics.MetricCollection({"psnr": PSNR(), "ssim": SSIM()})
    collection.update(batch(0), batch(0))
    assert len(collection.compute_groups) == 2


@pytest.fixture
def sets(tmp_path):
    """Seven real and five generated images of 40x32, as tensors and in folders."""
    rng = np.random.default_rng(0)
    tensors = {}
    for name, count in (("real", 7), ("generated", 5)):
        images = rng.integers(0, 256, (count, 40, 32, 3), dtype=np.uint8)
        (tmp_path / name).mkdir()
        for index, image in enumerate(images):
            PIL.Image.fromarray(image).save(tmp_path / name / f"{index:02}.png")
        tensors[name] = torch.from_numpy(images).permute(0, 3, 1, 2)
    return tmp_path, tensors["real"], tensors["generated"]


@pytest.mark.parametrize(
    "protocol", ["clean", pytest.param("torch-fidelity", marks=pytest.mark.slow)]
)
def test_fid_and_kid_in_batches_are_those_of_the_folders(inception_weights, sets, protocol):
    folder, real, generated = sets
    collection = torchmetrics.MetricCollection({"fid": FID(protocol), "kid": KID(protocol)})
    collection.update(preds=generated[:2], target=real[:3])
    collection.update(preds=generated[2:], target=real[3:])
    assert len(collection.compute_groups) == 1  # one pass of the network for both
    found = collection.compute()
    for name, compute in (("fid", compute_fid), ("kid", compute_kid)):
        expected = compute(folder / "real", folder / "generated", protocol=protocol, cache=False)
        assert float(found[name]) == pytest.approx(expected.value, rel=1e-5)


def test_protocols_are_never_taken_for_one(inception_weights):
    # At 299 px no protocol resizes, so that the features of a first batch may be equal.
    collection = torchmetrics.MetricCollection(
        {name: FID(name) for name in ("clean", "pytorch-fid")}
    )
    images = batch(0, count=2, side=299)
    collection.update(preds=images, target=images)
    assert len(collection.compute_groups) == 2


def test_the_inception_score_takes_the_generated_images_alone(inception_weights, sets):
    _, real, generated = sets
    generated = torch.cat([generated, real])  # ten splits need ten images
    metric = InceptionScore()
    metric.update(generated)
    alone = metric.compute()
    assert float(alone) >= 1
    metric.reset()
    metric.update(preds=generated, target=real)
    assert metric.compute() == alone
    assert metric.value().recipe.startswith("is|")


def test_a_set_that_was_not_given_is_named(inception_weights):
    metric = FID()
    metric.update(preds=batch(0))
    with pytest.raises(TpgbenchError, match="no target yet: call update first"):
        metric.compute()


def test_identical_pairs_alone_are_infinite():
    metric = PSNR()
    metric.update(batch(0), batch(0))
    assert float(metric.compute()) == float("inf")


def test_survives_pickling_moves_and_half_precision():
    metric = PSNR()
    metric.update(batch(0), batch(1))
    expected = metric.compute()
    copy = pickle.loads(pickle.dumps(metric)).to("cpu").half()
    assert copy.compute() == expected


@pytest.mark.parametrize(
    ("images", "reason"),
    [
        (torch.zeros(3, 8, 8), r"shape \(3, 8, 8\): give RGB as \(n, 3, height, width\)"),
        (torch.zeros(1, 1, 8, 8), "repeat a grey channel three times"),
        (torch.zeros(1, 4, 8, 8), "lay an alpha channel on white"),
        (torch.zeros(1, 8, 8, 3), "give RGB as"),
        (torch.full((1, 3, 8, 8), 255.0), "float from 255 to 255: give finite values from 0 to 1"),
        (torch.full((1, 3, 8, 8), -0.1), "float from -0.1"),
        (torch.tensor([[[[0.5, float("nan")]]] * 3]).reshape(1, 3, 1, 2), "float from nan"),
        (torch.full((1, 3, 8, 8), float("inf")), "float from inf"),
        (torch.zeros(1, 3, 8, 8, dtype=torch.int64), "holds torch.int64: give uint8"),
        (torch.zeros(1, 3, 8, 8, dtype=torch.bool), "holds torch.bool"),
    ],
)
def test_wrong_tensors_are_refused_in_one_line(images, reason):
    with pytest.raises(TpgbenchError, match=reason):
        PSNR().update(images, images)


def test_floats_cast_to_uint8_without_scaling_are_noticed():
    images = torch.rand(1, 3, 24, 24).round().to(torch.uint8)
    with pytest.warns(UserWarning, match="was a float image cast without scaling"):
        to_images(images, "preds")


def test_sets_of_different_length_are_refused():
    with pytest.raises(TpgbenchError, match="preds holds 4 images and target 3: give pairs"):
        PSNR().update(batch(0), batch(1)[:3])


def test_two_processes_give_what_one_gives(tmp_path, inception_weights):
    workers = [
        subprocess.Popen(
            [sys.executable, str(DRIVER), str(rank), str(tmp_path)], stdout=subprocess.PIPE
        )
        for rank in range(2)
    ]
    outputs = [worker.communicate()[0].decode().split() for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0]
    for name, metric in {"psnr": PSNR(), "ssim": SSIM()}.items():
        for seed in range(5):
            metric.update(batch(seed), batch(100 + seed))
        for words in outputs:
            assert float(words[words.index(name) + 1]) == pytest.approx(
                float(metric.compute()), abs=1e-12
            )
            assert words[words.index(name) + 2] == "20"
    metric = FID()
    for seed in range(5):
        metric.update(preds=batch(seed)[:1], target=batch(100 + seed)[:1])
    for words in outputs:
        assert float(words[words.index("fid") + 1]) == pytest.approx(
            float(metric.compute()), rel=1e-5
        )


def test_importing_the_package_loads_no_torch():
    code = (
        "import sys, tpgbench.metrics as m; from tpgbench.metrics import compute_ssim\n"
        "print('torch' in sys.modules, 'PSNR' in dir(m))"
    )
    assert run_code(code).strip() == "False True"


def test_the_recipe_says_tensors_and_their_size():
    metric = PSNR()
    metric.update(batch(0), batch(1))
    assert metric.value().recipe.startswith("psnr|format:tensor|n:4|pool:per-image|")
    assert "|size:24x24|" in metric.value().recipe
    metric.update(batch(0, side=30), batch(1, side=30))
    assert "|size:mixed|" in metric.value().recipe
