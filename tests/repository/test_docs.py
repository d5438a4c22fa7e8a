"""The documentation: generated pages, links, lengths, the glossary, and the site."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import tpgbench
from markdown_pages import anchors, code_blocks, links, written_pages
from tpgbench import metrics
from tpgbench.core.registry import BUILTIN_DATASETS, BUILTIN_MODELS


def test_the_pages_of_models_and_datasets_are_up_to_date(root, tmp_path):
    script = root / "docs" / "make_catalogue_pages.py"
    subprocess.run([sys.executable, str(script), str(tmp_path)], check=True)
    names = {"models": BUILTIN_MODELS, "datasets": BUILTIN_DATASETS}
    for folder, wanted in names.items():
        made = {path.name: path for path in (tmp_path / folder).iterdir()}
        assert set(made) == {f"{name}.md" for name in (*wanted, "README")}
        assert set(made) == {path.name for path in (root / "docs" / folder).iterdir()}
        for name, path in made.items():
            stored = (root / "docs" / folder / name).read_text("utf-8")
            assert stored == path.read_text("utf-8"), f"{folder}/{name} is old: run make pages"


def test_every_relative_link_leads_to_a_file_and_a_heading():
    broken = []
    for page in written_pages():
        for address in links(page):
            path, _, anchor = address.partition("#")
            if ":" in path:
                continue
            target = (page.parent / path).resolve() if path else page
            if not target.exists() or (anchor and anchor not in anchors(target)):
                broken.append(f"{page.name}: {address}")
    assert not broken


def test_the_readme_is_what_one_needs_to_start(root):
    assert len((root / "README.md").read_text("utf-8").splitlines()) <= 150


def test_the_line_for_metrics_alone_names_dependencies_of_the_package(root):
    (line,) = (
        line
        for block in code_blocks(root / "README.md")
        for line in block.code.splitlines()
        if "--no-deps" in line
    )
    named = set(line.rpartition("pip install ")[2].split())
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    declared = {re.split(r"[<>=]", one)[0] for one in project["dependencies"]}
    assert named <= declared
    heavy = {"datasets", "diffusers", "matplotlib", "pandas", "peft", "pyarrow", "transformers"}
    assert not named & heavy


def test_the_glossary_is_short_and_in_order(root):
    text = (root / "CONTRIBUTING.md").read_text("utf-8").partition("\n## Glossary\n")[2]
    words = re.findall(r"^\| ([^|]+?) \|", text, re.M)[1:]
    assert 25 <= len(words) <= 35
    assert words == sorted(words)


def test_no_page_names_a_place_of_a_machine(root):
    for page in written_pages():
        text = page.read_text("utf-8")
        assert not re.search(r"(?<![\w.])/(home|root|work|tmp|opt)/", text), page


@pytest.fixture(scope="module")
def site(root: Path, tmp_path_factory) -> Path:
    """The site, built as `make docs` builds it; a warning ends the build."""
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=root,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.slow
def test_the_site_shows_every_public_name(site):
    api = "".join(page.read_text("utf-8") for page in (site / "api").rglob("*.html"))
    names = [f"tpgbench.{name}" for name in tpgbench.__all__]
    only_there = set(metrics.__all__) - set(tpgbench.__all__)
    names += [f"tpgbench.metrics.{name}" for name in sorted(only_there)]
    assert not [name for name in names if f'id="{name}"' not in api]


@pytest.mark.slow
def test_the_site_loads_nothing_from_a_network(site):
    for page in site.rglob("*.html"):
        text = page.read_text("utf-8")
        assert not re.search(r'(src=|<link[^>]*href=)"?(https?:)?//', text), page


@pytest.mark.slow
@pytest.mark.parametrize("page", ["index", "contributing", "glossary", "checkpoints/slddm"])
def test_pages_made_of_other_files_are_in_the_site(site, page):
    assert (site / f"{page}.html").exists() or (site / page / "index.html").exists()
