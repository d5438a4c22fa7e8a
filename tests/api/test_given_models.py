"""Models given as objects: classes, instances and plain functions."""

from __future__ import annotations

import numpy as np
import pytest
import tpgbench
from tpgbench.baselines.crop import Crop
from tpgbench.benchmark.given_model import GivenModel
from tpgbench.core.errors import TpgbenchError

OPTIONS = {"limit": 2, "size": 64, "metrics": ["ssim"]}


class Brightness(tpgbench.ModelConfig):
    by: int = 0


class Brighter(tpgbench.Model):
    name = "brighter"
    task = "tpg"
    card = tpgbench.ModelCard(title="a test", source="the tests", licence="MIT")
    config_type = Brightness

    def generate(self, samples, seeds):
        return [np.clip(one.garment + np.uint8(self.config.by), 0, 255) for one in samples]


def negative(garment, mask):
    return 255 - garment


def png(run, index=0):
    return sorted((run.path / "generations").iterdir())[index].read_bytes()


def test_a_class_and_an_instance_are_one_run(tmp_path):
    one = tpgbench.run(Brighter, options={"by": 9}, out=tmp_path / "one", **OPTIONS)
    other = tpgbench.run(Brighter(Brightness(by=9)), out=tmp_path / "other", **OPTIONS)
    assert one.problems == other.problems == ()
    assert one.result.model == "brighter"
    assert png(one) == png(other)
    assert tpgbench.run(Brighter, options={"by": 9}, out=tmp_path / "other", **OPTIONS)
    with pytest.raises(TpgbenchError, match="holds another run"):
        tpgbench.run(Brighter, options={"by": 8}, out=tmp_path / "one", **OPTIONS)
    with pytest.raises(TpgbenchError, match="is an instance, which has its own"):
        tpgbench.run(Brighter(Brightness()), options={"by": 9}, **OPTIONS)


def test_a_registered_class_is_the_registered_model(tmp_path):
    by_name = tpgbench.generate("crop", limit=2, size=64, out=tmp_path / "run")
    again = tpgbench.generate(Crop, limit=2, size=64, out=tmp_path / "run")
    assert again.run.record == by_name.run.record


def test_a_function_is_a_model_and_another_function_another_run(tmp_path):
    outcome = tpgbench.run(negative, out=tmp_path / "run", **OPTIONS)
    assert (outcome.result.model, outcome.result.samples.ok) == ("negative", 2)
    tpgbench.report(outcome.path)  # needs no model
    tpgbench.score(outcome.path, metrics=["psnr"])

    def edited(garment, mask):
        return 254 - garment

    edited.__name__ = "negative"
    with pytest.raises(TpgbenchError, match="holds another run .*weights: "):
        tpgbench.run(edited, out=tmp_path / "run", **OPTIONS)


def test_code_without_a_source_and_what_it_captures_count():
    def made(level):
        space = {}
        exec("def build(k):\n    return lambda g, m: g * 0 + k", space)
        return space["build"](level)

    codes = [GivenModel.find(made(level)).code for level in (1, 2, 1)]
    assert codes[0] == codes[2] != codes[1]
    assert GivenModel.find(made(1)).kind.name == "function"


def test_what_a_function_returns_is_checked(tmp_path):
    def floats(garment, mask):
        return garment / 255

    outcome = tpgbench.run(floats, out=tmp_path / "run", **OPTIONS)
    assert outcome.exit_code == 1
    assert "the model returned float64 (64, 64, 3), not uint8 (64, 64, 3)" in outcome.problems[0]


def test_what_is_no_model_or_takes_another_s_name_is_refused():
    class Fake(Brighter):
        name = "crop"

    class Bare(tpgbench.Model):
        name = "bare"

    with pytest.raises(TpgbenchError, match="calls itself 'crop', which is the name of another"):
        tpgbench.run(Fake)
    with pytest.raises(TpgbenchError, match=r"Bare lacks card, generate, task: see the docstring"):
        tpgbench.run(Bare)
    with pytest.raises(TpgbenchError, match="is not a Model class"):
        tpgbench.run(dict)
    with pytest.raises(TpgbenchError, match="the model is a int: give a name"):
        tpgbench.run(3)
