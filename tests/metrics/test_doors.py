"""Another package's metrics through all three doors: a run, two folders, a training loop."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import torch
import torchmetrics
import tpgbench
from toy_plugin import ToyDistance, ToyJudge
from tpgbench.core.errors import TpgbenchError
from tpgbench.metrics import PSNR, compute_metric, make_metric, torch_metric
from tpgbench.metrics.folders.compute import compute_metrics
from tpgbench.metrics.torch import TorchMetric

DRIVER = Path(__file__).with_name("ddp_empty_driver.py")


def picture(seed, height=32, width=40):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def write(folder, images):
    for name, image in images.items():
        path = folder / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        PIL.Image.fromarray(image).save(path)
    return folder


@pytest.fixture(autouse=True)
def _asked(monkeypatch):
    monkeypatch.setattr(ToyJudge, "asked", [])


@pytest.fixture
def folders(tmp_path):
    """Six real images and four generated ones: unpaired."""
    real = write(tmp_path / "real", {f"r{index}": picture(index) for index in range(6)})
    outputs = {f"g{index}": picture(50 + index) // 2 for index in range(4)}
    return real, write(tmp_path / "generated", outputs)


def distance(real, generated):
    gap = np.mean([one.mean((0, 1)) for one in real], 0)
    gap = gap - np.mean([one.mean((0, 1)) for one in generated], 0)
    return float(gap @ gap)


def tensors(images):
    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2)


class TestSetMetric:
    def test_in_a_run(self, tmp_path):
        outcome = tpgbench.run(
            "toy-noise", dataset="toy", metrics=["toy-distance", "psnr"], out=tmp_path / "run"
        )
        value = outcome.result.metric("toy-distance")
        rows = list(tpgbench.load_dataset("toy"))
        store = tpgbench.benchmark.run.store.RunStore(outcome.path)
        outputs = [np.asarray(PIL.Image.open(store.image_path(row.sample_id))) for row in rows]
        assert value.value == pytest.approx(distance([row.pattern for row in rows], outputs))
        assert (value.n, value.missing) == (12, 0)
        assert value.recipe.startswith("toy-distance|backbone:toy-colours|fit:box|")

    def test_over_two_folders_of_different_numbers(self, folders):
        real, _generated = folders
        value = compute_metric("toy-distance", folders)
        expected = distance(
            [picture(i) for i in range(6)], [picture(50 + i) // 2 for i in range(4)]
        )
        assert value.value == pytest.approx(expected)
        assert value.n == 4
        assert "|n:4|n-real:6|pairs:none|" in value.recipe
        alone = write(real.parent / "alone", {"a": picture(0)})
        with pytest.raises(TpgbenchError, match="holds one image only, and toy-distance needs at"):
            compute_metric("toy-distance", [real, alone])

    def test_beside_a_metric_of_pairs_it_takes_each_folder_in_its_own_order(self, tmp_path):
        real, generated = tmp_path / "real", tmp_path / "generated"
        write(real, {"x": picture(0), "x.q": picture(1)})
        generated.mkdir()
        for seed, name in enumerate(("x", "x.q")):
            PIL.Image.fromarray(picture(9 + seed)).save(generated / f"{name}.tif")
        folders = [real, generated]  # x.q.tif comes before x.tif, x.png before x.q.png
        together = compute_metrics(["psnr", "toy-distance"], folders)
        assert together.values == (
            compute_metric("psnr", folders),
            compute_metric("toy-distance", folders),
        )

    def test_its_statistics_stand_for_a_folder(self, folders, tmp_path):
        real, generated = folders
        path = tmp_path / "real.npz"
        expected = compute_metric("toy-distance", [real, generated], statistics=path)
        found = compute_metric("toy-distance", [path, generated])
        assert found.value == pytest.approx(expected.value)
        assert "format-real:npz" in found.recipe

    def test_in_a_training_loop(self, folders):
        real = [picture(index) for index in range(6)]
        generated = [picture(50 + index) // 2 for index in range(4)]
        for kind in (torch_metric("toy-distance"), torch_metric(ToyDistance)):
            metric = kind()
            metric.update(preds=tensors(generated[:1]), target=tensors(real))
            metric.update(preds=tensors(generated[1:]))
            assert float(metric.compute()) == pytest.approx(distance(real, generated))
            assert metric.value().recipe.startswith("toy-distance|backbone:toy-colours|format:ten")
        assert torch_metric("toy-distance") is torch_metric(ToyDistance)

    def test_from_the_command_line(self, folders):
        command = [sys.executable, "-m", "tpgbench", "metrics", "toy-distance", *map(str, folders)]
        path = os.pathsep.join(part for part in sys.path if part)
        done = subprocess.run(
            [*command, "--json"],
            env={**os.environ, "PYTHONPATH": path},
            capture_output=True,
            text=True,
            check=True,
        )
        assert json.loads(done.stdout)["value"] == compute_metric("toy-distance", folders).value


class TestSampleMetric:
    def test_over_one_folder_with_all_its_values(self, folders, monkeypatch):
        results = compute_metrics(["toy-judge"], [folders[1]])
        assert [value.name for value in results.values] == [
            "toy-judge",
            "toy-judge:red",
            "toy-judge:blue",
        ]
        red = np.mean([picture(50 + index)[..., 0] // 2 for index in range(4)]) / 255
        assert results.values[1].value == pytest.approx(red)
        assert results.values[0].recipe == (
            "toy-judge|format:png|n:4|read:srgb-3|size:40x32|version:1"
        )
        with pytest.raises(TpgbenchError, match="takes 1 folder, the generated images; got 2"):
            compute_metric("toy-judge", folders)

    def test_what_is_not_answered_is_told(self, folders, monkeypatch):
        monkeypatch.setattr(ToyJudge, "refused", frozenset({"g1"}))
        monkeypatch.setattr(ToyJudge, "broken", frozenset({"g2"}))
        results = compute_metrics(["toy-judge"], [folders[1]])
        assert (results.values[0].n, results.values[0].missing) == (2, 2)
        assert results.problems == (
            "toy-judge failed on 1 of 4 samples; the first, g2: RuntimeError: the judge broke",
            "toy-judge got no answer for 1 of 4 samples; the first, g1: HTTP 429",
        )
        with pytest.warns(UserWarning, match="got no answer for 1 of 4"):
            compute_metric("toy-judge", [folders[1]])

    def test_in_a_training_loop(self, monkeypatch):
        metric = torch_metric("toy-judge")()
        outputs = [picture(index) for index in range(4)]
        metric.update(tensors(outputs))
        assert sorted(map(len, ToyJudge.asked)) == [1, 3]
        values = {value.name: value.value for value in metric.values()}
        assert values["toy-judge:red"] == pytest.approx(np.mean(outputs, (0, 1, 2))[0] / 255)
        assert float(metric.compute()) == values["toy-judge"] == metric.value().value
        monkeypatch.setattr(ToyJudge, "refused", frozenset({"0"}))
        with pytest.warns(UserWarning, match="toy-judge got no answer for 1 of 4 samples"):
            metric.update(tensors(outputs))
        assert (metric.value().n, metric.value().missing) == (7, 1)
        monkeypatch.setattr(ToyJudge, "broken", frozenset({"1"}))
        with pytest.raises(TpgbenchError, match=r"failed on 1 of 4 .*; nothing was added"):
            metric.update(tensors(outputs))
        assert (metric.value().n, metric.value().missing) == (7, 1)

    def test_a_metric_of_captions_in_a_training_loop(self):
        metric = torch_metric("toy-caption")()
        metric.update(preds=tensors([picture(0), picture(1)]), caption=["red", "green"])
        assert float(metric.compute()) == 4
        with pytest.raises(TpgbenchError, match="toy-caption needs caption: give it to update"):
            metric.update(tensors([picture(0)]))
        with pytest.raises(TpgbenchError, match="there are 1 preds and 2 captions"):
            metric.update(tensors([picture(0)]), ["red", "green"])


class TestGeneratedClasses:
    def test_the_class_is_the_metric_without_its_suffix_and_one_per_metric(self):
        assert torch_metric("lpips@vgg").__name__ == "LPIPS"
        assert torch_metric("psnr") is PSNR
        assert issubclass(PSNR, torchmetrics.Metric)
        assert issubclass(PSNR, TorchMetric)
        assert not PSNR.higher_is_better or PSNR.higher_is_better is True
        assert torch_metric("mse").higher_is_better is False
        with pytest.raises(TpgbenchError, match="unknown metric"):
            torch_metric("psnrr")

    def test_every_metric_of_the_registry_has_one(self):
        for name in tpgbench.core.registry.BUILTIN_METRICS:
            kind = torch_metric(name)
            assert not kind.__name__.endswith("Metric")
            assert kind.__doc__.startswith(type(make_metric(name)).__doc__[:20])

    def test_a_variant_is_chosen_by_name_or_by_argument(self):
        images = tensors([picture(0)]), tensors([picture(1)])
        metrics = [
            torch_metric("texture_band@lack")(),
            torch_metric("texture_band")("lack"),
            torch_metric("texture_band")(variant="lack"),
        ]
        for metric in metrics:
            metric.update(*images)
        assert len({float(metric.compute()) for metric in metrics}) == 1
        assert metrics[0].value().name == "texture_band@lack"
        with pytest.raises(TpgbenchError, match="did you mean 'lack'"):
            torch_metric("texture_band")("lak")

    def test_a_collection_gives_each_what_it_needs(self):
        mask = torch.ones(2, 32, 40, dtype=torch.bool)
        collection = torchmetrics.MetricCollection(
            [torch_metric("retrieval_colour")(), torch_metric("tileability@seam")(), PSNR()]
        )
        outputs = tensors([picture(0), picture(1)])
        for _ in range(2):
            collection.update(preds=outputs, target=255 - outputs, garment=outputs, mask=mask)
        found = collection.compute()
        assert set(found) == {"RetrievalColour", "Tileability", "PSNR"}
        assert float(found["RetrievalColour"]) == 0.5  # each garment twice: a tie

    def test_a_paired_set_leaves_out_what_cannot_be_used_and_counts_it(self):
        metric = torch_metric("retrieval_colour")()
        outputs = tensors([picture(seed, 32, 32) for seed in range(3)])
        mask = torch.ones(3, 32, 32, dtype=torch.bool)
        mask[1] = False
        metric.update(outputs, outputs, mask)
        value = metric.value()
        assert (value.value, value.n, value.missing) == (1.0, 2, 1)
        with pytest.raises(TpgbenchError, match="3 preds, 3 garments and 2 masks"):
            metric.update(outputs, outputs, mask[:2])

    def test_one_of_a_class_of_ones_own_survives_pickling(self):
        metric = torch_metric(ToyDistance)()
        outputs = tensors([picture(seed) for seed in range(3)])
        metric.update(preds=outputs, target=255 - outputs)
        copy = pickle.loads(pickle.dumps(metric))
        assert copy.compute() == metric.compute()
        copy.update(preds=outputs)
        assert copy.value().n == 6

    def test_two_processes_of_which_one_had_no_images_give_what_one_gives(
        self, tmp_path, inception_weights
    ):
        """The rank without images never updated the first metrics, and got empty batches later."""
        workers = [
            subprocess.Popen(
                [sys.executable, str(DRIVER), str(rank), str(tmp_path)], stdout=subprocess.PIPE
            )
            for rank in range(2)
        ]
        outputs = [worker.communicate()[0].decode().split() for worker in workers]
        assert [worker.returncode for worker in workers] == [0, 0]
        assert outputs[0] == outputs[1]
        expected = []
        for kind in (torch_metric("ssim"), torch_metric("fid"), torch_metric("retrieval_colour")):
            metric = kind()
            outputs_ = tensors([picture(seed) for seed in range(3)])
            mask = torch.ones(3, 32, 40, dtype=torch.bool)
            if kind is torch_metric("retrieval_colour"):
                metric.update(outputs_, outputs_, mask)
            else:
                metric.update(outputs_, 255 - outputs_)
            expected += [float(metric.compute())] * 2
        assert [float(one) for one in outputs[0]] == pytest.approx(expected, rel=1e-5)

    def test_an_empty_batch_changes_nothing(self):
        for metric in (PSNR(), torch_metric("toy-distance")()):
            outputs = tensors([picture(seed) for seed in range(3)])
            metric.update(outputs, outputs // 2)
            before = metric.value()
            metric.update(outputs[:0], outputs[:0])
            assert metric.value() == before
