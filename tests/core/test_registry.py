from __future__ import annotations

import pickle
import sys
from importlib.metadata import EntryPoint

import pytest
import toy_plugin
from tpgbench.benchmark.model import MODELS, Model
from tpgbench.core.errors import TpgbenchError, UnknownNameError
from tpgbench.core.registry import Registry
from tpgbench.datasets_builders.base import DATASETS
from tpgbench.metrics.base import METRICS, Metric, SampleMetric, make_metric


@pytest.mark.parametrize("registry", [MODELS, METRICS, DATASETS], ids=lambda r: r.kind)
def test_every_builtin_line_loads_a_class_that_bears_its_name(registry):
    builtin = [name for name in registry if not name.startswith("toy")]
    assert builtin
    for name in builtin:
        assert registry.get(name).name == name


def test_entry_points_of_another_package_are_found():
    assert MODELS.get("toy-noise").__module__ == "toy_plugin"


def test_unknown_name_suggests_the_nearest():
    with pytest.raises(UnknownNameError, match=r"unknown model 'quiltin': did you mean 'quilting'"):
        MODELS.get("quiltin")


def test_broken_target_is_one_clear_line():
    with pytest.raises(TpgbenchError, match="'toy-missing' cannot be loaded"):
        MODELS.get("toy-missing")


def test_target_of_another_kind_is_refused():
    registry = Registry(
        "model", "no.such.group", Model, {"x": "tpgbench.core.errors:TpgbenchError"}
    )
    with pytest.raises(TpgbenchError, match="is not a Model class"):
        registry.get("x")


def test_two_packages_with_one_name_collide(monkeypatch):
    point = EntryPoint(name="crop", value="elsewhere:Crop", group="tpgbench.models")
    monkeypatch.setattr("tpgbench.core.registry.entry_points", lambda group: [point])
    registry = Registry("model", "tpgbench.models", Model, {"crop": "here:Crop"})
    assert list(registry) == ["crop"]
    with pytest.raises(TpgbenchError, match="two packages define the model 'crop'"):
        registry.get("crop")


def test_a_module_that_raises_anything_hides_nothing_else(tmp_path, monkeypatch):
    (tmp_path / "broken_module.py").write_text("raise RuntimeError('at import')")
    monkeypatch.syspath_prepend(tmp_path)
    targets = {"bad": "broken_module:X", "crop": "tpgbench.baselines.crop:Crop"}
    found, broken = Registry("model", "no.such.group", Model, targets).load_all()
    assert set(found) == {"crop"}
    told = "'bad' cannot be loaded from broken_module:X: in broken_module, RuntimeError: at import;"
    assert told in broken[0]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (
            {"outer": "import inner", "inner": "import no_such_package"},
            "from outer:X: in inner, ModuleNotFoundError: No module named 'no_such_package';",
        ),
        (
            {"outer": "import inner", "inner": "def f():\n  raise ValueError('a\\nb')\nf()"},
            "from outer:X: in inner, ValueError: a;",
        ),
        ({"outer": "raise KeyError"}, "from outer:X: in outer, KeyError;"),
        ({"outer": ""}, "in outer, AttributeError: module 'outer' has no attribute 'X';"),
        ({}, "in outer, ModuleNotFoundError: No module named 'outer';"),
    ],
)
def test_what_failed_at_import_is_named(tmp_path, monkeypatch, files, message):
    for name, text in files.items():
        (tmp_path / f"{name}.py").write_text(text)
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(TpgbenchError) as caught:
        Registry("model", "no.such.group", Model, {"x": "outer:X"}).get("x")
    for name in files:
        sys.modules.pop(name, None)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_variants_are_parsed_and_checked():
    assert make_metric("toy-mean@max").key == "toy-mean@max"
    assert make_metric("toy-mean").key == "toy-mean"
    with pytest.raises(UnknownNameError, match="did you mean 'max'"):
        make_metric("toy-mean@mux")
    with pytest.raises(UnknownNameError, match="variant of psnr"):
        make_metric("psnr@x")
    with pytest.raises(TpgbenchError, match="names no variant"):
        make_metric("psnr@")


def test_an_unknown_name_crosses_processes_as_its_message():
    error = UnknownNameError("model", "crpo", ["crop"])
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


@pytest.mark.parametrize(
    ("changes", "key", "message"),
    [
        ({}, "impostor", "'impostor' at .* calls itself 'toy-mean': give the entry point and the"),
        ({"range": None}, "toy-mean", "'toy-mean' at .* lacks range: see the docstring of Metric"),
        ({"score": None}, "toy-mean", "'toy-mean' at .* lacks score: see"),
    ],
)
def test_an_incomplete_or_misnamed_class_is_refused(changes, key, message, monkeypatch):
    given = {name: getattr(toy_plugin.ToyMean, name) for name in ("name", "tasks", "source")}
    given |= {"higher_is_better": True, "range": (0.0, 1.0), "score": lambda self, pair: 0.5}
    body = {name: value for name, value in given.items() if name not in changes}
    made = type("Made", (SampleMetric,), body)
    monkeypatch.setattr(toy_plugin, "Made", made, raising=False)
    registry = Registry("metric", "no.such.group", Metric, {key: "toy_plugin:Made"})
    with pytest.raises(TpgbenchError, match=message):
        registry.get(key)
