"""The torchmetrics classes: the harness's numbers, in loops, collections and two processes."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import torchmetrics
from tpgbench.errors import TpgbenchError
from tpgbench.metrics import PSNR, SSIM
from tpgbench.metrics.psnr import psnr
from tpgbench.metrics.shells import to_images
from tpgbench.metrics.ssim import ssim

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
    assert value.recipe.startswith("psnr|n:8|")
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


def test_two_processes_give_what_one_gives(tmp_path):
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


def test_importing_the_package_loads_no_torch():
    code = (
        "import sys, tpgbench.metrics as m; from tpgbench.metrics import compute_ssim\n"
        "print('torch' in sys.modules, 'PSNR' in dir(m))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False True"
