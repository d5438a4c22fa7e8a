"""The Python examples of the documentation and of the API's docstrings do what they show."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil

import numpy as np
import PIL.Image
import pytest
import tpgbench.api
from markdown_pages import code_blocks, written_pages
from places import ROOT

FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
MODULES = [
    name
    for name in (
        "tpgbench",
        *(m.name for m in pkgutil.iter_modules(tpgbench.api.__path__, "tpgbench.api.")),
    )
    if ">>>" in inspect.getsource(importlib.import_module(name))
]
PAGES = [
    page.relative_to(ROOT).as_posix()
    for page in written_pages()
    if page.name != "CONTRIBUTING.md"  # a package: test_contributing.py
    and page.parent.name != "tutorials"  # whole jobs: test_tutorials.py
    and any(block.language == "python" for block in code_blocks(page))
]


@pytest.fixture(autouse=True)
def _in_a_folder_with_images(tmp_path, monkeypatch, inception_weights):
    """Work where the folders real/ and generated/ of the examples are."""
    monkeypatch.chdir(tmp_path)
    for folder in ("real", "generated"):
        (tmp_path / folder).mkdir()
        for index in range(3):
            rng = np.random.default_rng([index, folder == "real"])
            pixels = rng.integers(0, 256, (40, 32, 3), dtype=np.uint8)
            PIL.Image.fromarray(pixels).save(tmp_path / folder / f"{index}.png")


def test_the_package_and_its_api_have_examples():
    assert {"tpgbench", "tpgbench.api.datasets"} <= set(MODULES)


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_in_docstrings(name, tmp_path):
    # By the functions' names: what build_dataset makes, verify_dataset verifies.
    module = importlib.import_module(name)
    failed, tried = doctest.testmod(module, extraglobs={"folder": tmp_path}, optionflags=FLAGS)
    assert failed == 0
    assert tried > 0


@pytest.mark.parametrize("page", PAGES)
def test_the_examples_of_a_page(page):
    names: dict[str, object] = {}
    for block in code_blocks(ROOT / page):
        if block.language != "python":
            continue
        if ">>>" in block.code:
            example = doctest.DocTestParser().get_doctest(block.code, names, page, page, 0)
            runner = doctest.DocTestRunner(optionflags=FLAGS)
            assert runner.run(example, clear_globs=False).failed == 0
            names = example.globs
        else:
            exec(compile(block.code, page, "exec"), names)
