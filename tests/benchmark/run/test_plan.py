"""A plan is data: it names everything before a network is loaded, and another process can do it."""

from __future__ import annotations

import pickle
import subprocess
import sys

import numpy as np
import PIL.Image
import pytest
import tpgbench
from tpgbench.benchmark.run.engines.base import Engine, Workers
from tpgbench.benchmark.run.engines.local import LocalEngine
from tpgbench.benchmark.run.generate import generate
from tpgbench.benchmark.run.options import GenerateOptions
from tpgbench.benchmark.run.plan import Plan, make_plan
from tpgbench.benchmark.run.worker import Finished, Worker, read_sample
from tpgbench.core import images, masks
from tpgbench.core.options import resolve

FINISHED_RUN = """
import sys, warnings
import tpgbench
tpgbench.generate({model!r}, dataset={dataset!r}, limit=2, out={out!r})
print(sorted(name for name in ("torch", "diffusers", "scipy") if name in sys.modules))
"""
IN_ANOTHER_PROCESS = """
import pickle, sys
from pathlib import Path
from tpgbench.benchmark.run.engines.local import LocalEngine
plan, batches = pickle.loads(Path(sys.argv[1]).read_bytes())
with LocalEngine().start(plan) as workers:
    done = [(dict(one.batch), {k: one.png(k) for k in one.images}) for one in workers.run(batches)]
Path(sys.argv[2]).write_bytes(pickle.dumps(done))
"""


def planned(model, **given):
    return make_plan(model, resolve(GenerateOptions, given))


def python(code, *words):
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("model", "dataset"),
    [("slddm", None), ("slddm-fill", None), ("lora-dae", None), ("crop", None)],
)
def test_planning_loads_no_network(model, dataset):
    code = (
        "import sys\n"
        "from tpgbench.benchmark.run.plan import make_plan\n"
        "from tpgbench.benchmark.run.options import GenerateOptions\n"
        "from tpgbench.core.options import resolve\n"
        f"plan, _ = make_plan({model!r}, resolve(GenerateOptions, {{'dataset': {dataset!r}}}))\n"
        "print(sorted({'torch', 'diffusers'} & sys.modules.keys()), len(plan.identity.weights))\n"
    )
    loaded, _, count = python(code).rpartition(" ")
    assert loaded == "[]"
    assert (int(count) > 0) == (model != "crop")


def test_a_finished_run_repeated_imports_no_torch(tmp_path):
    out = str(tmp_path / "run")
    first = tpgbench.generate("slddm", limit=2, out=out)
    record = (tmp_path / "run" / "run.json").read_bytes()
    assert first.exit_code == 0
    assert python(FINISHED_RUN.format(model="slddm", dataset=None, out=out)) == "[]"
    assert (tmp_path / "run" / "run.json").read_bytes() == record  # no session worked on it


def test_a_plan_crosses_to_another_process_and_gives_the_same_images(tmp_path):
    here = tpgbench.generate("quilting", limit=4, batch_size=2, out=tmp_path / "here")
    plan, run = planned("quilting", limit=4, batch_size=2, out=tmp_path / "there")
    ids = run.sample_ids
    batches = [{ids[0]: 0, ids[1]: 1}, {ids[2]: 2, ids[3]: 3}]
    sent, returned = tmp_path / "plan.pickle", tmp_path / "done.pickle"
    sent.write_bytes(pickle.dumps((plan, batches)))
    python(IN_ANOTHER_PROCESS, sent, returned)
    done = pickle.loads(returned.read_bytes())
    assert [batch for batch, _ in done] == batches
    store = tpgbench.Run.open(here.path).store
    for _, pngs in done:
        for sample_id, png in pngs.items():
            assert png == store.image_path(sample_id).read_bytes()
    assert not (tmp_path / "there").exists()  # an engine writes nothing


def test_a_plan_is_json():
    plan, _ = planned("crop", limit=1, data_seed=3)
    assert Plan.model_validate_json(plan.model_dump_json()) == plan
    assert plan.dataset.seed == 3


class Backwards(Engine, Workers):
    """Another engine: it does batches last to first, and sends PNG files as a far worker would."""

    device = "elsewhere"

    def __init__(self, dataset):
        self.dataset = dataset

    def start(self, plan):
        self.plan, self.worker = plan, Worker(plan)
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def run(self, batches):
        for batch in reversed(batches):
            rows = [read_sample(self.dataset, i, self.plan.identity) for i in batch.values()]
            done = self.worker.run(batch, rows)
            yield Finished(batch, {k: done.png(k) for k in done.images}, done.errors)


def test_another_engine_gives_the_same_run(tmp_path):
    local = tpgbench.generate("toy-broken", dataset="toy", batch_size=5, out=tmp_path / "local")
    plan, run = planned("toy-broken", dataset="toy", batch_size=5, out=tmp_path / "other")
    other = generate(plan, run, Backwards(run.dataset), show_progress=False)
    assert other.failures == local.failures
    first, second = (tpgbench.Run.open(path) for path in (local.path, run.path))
    assert second.record.sessions[-1].device == "elsewhere"
    for sample_id in first.sample_ids:
        paths = [one.store.image_path(sample_id) for one in (first, second)]
        assert paths[0].exists() == paths[1].exists()
        if paths[0].exists():
            assert paths[0].read_bytes() == paths[1].read_bytes()


def test_a_model_that_cannot_be_loaded_leaves_no_folder(tmp_path, monkeypatch):
    from toy_plugin import ToyNoise

    def load(self, device, precision, weights):
        raise RuntimeError("no driver")

    monkeypatch.setattr(ToyNoise, "load", load)
    with pytest.raises(
        tpgbench.TpgbenchError, match="cannot be loaded on cpu .RuntimeError: no dri"
    ):
        tpgbench.generate("toy-noise", dataset="toy", out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_model_that_names_its_weights_too_late_is_refused(tmp_path, monkeypatch):
    from toy_plugin import ToyNoise

    monkeypatch.setattr(ToyNoise, "load", lambda *_: {"weights.bin": "0" * 64})
    with pytest.raises(tpgbench.TpgbenchError, match="name its files in 'weight_files'"):
        tpgbench.generate("toy-noise", dataset="toy", out=tmp_path / "run")


def test_the_weights_that_a_model_names_are_hashed_into_the_identity(tmp_path, monkeypatch):
    from toy_plugin import ToyNoise

    file = tmp_path / "weights.bin"
    monkeypatch.setattr(ToyNoise, "weight_files", lambda self, weights: {"net": file})
    digests = []
    for content in (b"one", b"two"):
        file.write_bytes(content)
        digests.append(planned("toy-noise", dataset="toy")[0].identity.weights["net"])
    assert digests[0] != digests[1]
    file.unlink()
    with pytest.raises(tpgbench.TpgbenchError, match="weights of 'toy-noise' cannot be read"):
        planned("toy-noise", dataset="toy")


def test_a_run_decodes_each_photo_of_a_folder_three_times_at_most(tmp_path, monkeypatch):
    """Once per stage: to generate, to score by every metric at once, and for the page."""
    photos = tmp_path / "photos"
    contents = {}
    for index in range(3):
        pixels = np.random.default_rng(index).integers(0, 256, (96, 80, 3), dtype=np.uint8)
        mask = np.zeros((96, 80), np.uint8)
        mask[16:80, 8:72] = 255
        for folder, picture in (("garment", pixels), ("mask", mask), ("pattern", pixels[:64, :64])):
            (photos / folder).mkdir(parents=True, exist_ok=True)
            path = photos / folder / f"{index}.png"
            PIL.Image.fromarray(picture).save(path)
            contents[path.read_bytes()] = f"{folder}/{index}"
    counts = dict.fromkeys(contents.values(), 0)
    decode = images.open_upright

    def counted(source, name):
        data = source if isinstance(source, bytes) else source.read_bytes()
        if data in contents:
            counts[contents[data]] += 1
        return decode(source, name)

    monkeypatch.setattr(images, "open_upright", counted)
    monkeypatch.setattr(masks, "open_upright", counted)
    outcome = tpgbench.run("crop", dataset=photos, size=64, out=tmp_path / "run")
    assert outcome.result.samples.ok == 3
    assert all(1 <= count <= 3 for count in counts.values()), counts


def test_the_local_engine_opens_the_dataset_itself_where_it_is_given_none(tmp_path):
    plan, run = planned("crop", limit=2, out=tmp_path / "run")
    generated = generate(plan, run, LocalEngine(), show_progress=False)
    assert generated.failures == {}
    assert len(list((tmp_path / "run" / "generations").iterdir())) == 2


def test_a_run_that_another_process_finished_meanwhile_is_not_thrown_away(tmp_path):
    out = tmp_path / "run"
    tpgbench.generate("toy-noise", dataset="toy", seed=1, out=out)
    given = {"dataset": "toy", "seed": 2, "overwrite": True, "out": out}
    plan, run = planned("toy-noise", **given)

    class Slow(Backwards):
        def start(self, plan):
            tpgbench.generate("toy-noise", **given)
            tpgbench.score(out, metrics="psnr")
            return super().start(plan)

    generate(plan, run, Slow(run.dataset), overwrite=True, show_progress=False)
    assert (out / "result.json").exists()
    assert len(list((out / "generations").iterdir())) == 12
