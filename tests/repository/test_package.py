"""The wheel holds the whole source tree, and what is installed from it works without a checkout."""

from __future__ import annotations

import ast
import shutil
import tomllib
import zipfile
from pathlib import Path

import pytest
from commands import run_code, run_python

NOT_SHIPPED = {"tests", "measurements", "docs", "build", "dist"}


@pytest.fixture(scope="module")
def source_files(root: Path) -> set[str]:
    """Every file that belongs to the package, relative to the checkout."""
    return {
        path.relative_to(root).as_posix()
        for path in root.rglob("*")
        if path.is_file()
        and not path.relative_to(root).parts[0].startswith(".")
        and not path.relative_to(root).parts[0].endswith(".egg-info")
        and path.relative_to(root).parts[0] not in NOT_SHIPPED
        and "__pycache__" not in path.parts
        and (
            len(path.relative_to(root).parts) > 1 or path.suffix == ".py" or path.name == "py.typed"
        )
        and path.relative_to(root).parts[0] != "runs"
    }


@pytest.fixture(scope="module")
def wheel(root: Path, source_files: set[str], tmp_path_factory) -> Path:
    """A wheel built from a copy of the checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in [*source_files, "pyproject.toml", "README.md", "LICENSE"]:
        target = folder / "source" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(root / name, target)
    options = ("-q", "--no-deps", "--no-build-isolation", "-w", folder / "dist")
    run_python("-m", "pip", "wheel", *options, folder / "source")
    (built,) = (folder / "dist").glob("tpgbench-*.whl")
    return built


def test_every_module_template_and_data_file_is_in_the_wheel(wheel, source_files):
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    missing = sorted(f for f in source_files if f"tpgbench/{f}" not in names)
    assert not missing
    assert not [name for name in names if "/tests/" in name or name.startswith("tests")]


def test_the_installed_wheel_runs_the_command(wheel, tmp_path):
    site = tmp_path / "site"
    run_python("-m", "pip", "install", "-q", "--no-deps", "--target", site, wheel)

    def call(*words: object) -> str:
        return run_python(*words, cwd=tmp_path, PYTHONPATH=str(site)).stdout

    where = call("-c", "import tpgbench; print(tpgbench.__file__)")
    assert where.startswith(str(site))
    script = site / "bin" / "tpgbench"
    assert call(script, "--version").strip().endswith("0.1.0")
    run = call(script, "run", "--model", "crop", "--limit", "2", "--size", "64", "--out", "out")
    assert "ssim" in run
    assert (tmp_path / "out" / "report.html").exists()


HEAVY = ("torch", "numpy", "scipy", "pandas", "datasets", "pydantic", "matplotlib", "PIL", "rich")


@pytest.mark.parametrize("words", [["--help"], ["run", "--help"], ["--version"]])
def test_help_imports_nothing_heavy(words):
    code = (
        "import sys; from tpgbench.cli.app import main\n"
        f"sys.argv = ['tpgbench', *{words!r}]\n"
        "try: main()\n"
        f"finally: print([m for m in {HEAVY!r} if m in sys.modules], file=sys.stderr)"
    )
    done = run_python("-c", code)
    assert done.stderr.strip() == "[]"


def test_import_loads_nothing_heavy_and_lists_its_names():
    code = f"import sys, tpgbench; print([m for m in {HEAVY!r} if m in sys.modules], dir(tpgbench))"
    printed = run_code(code)
    assert printed.startswith("[] ")
    assert "'run'" in printed


def test_a_weight_free_run_loads_no_torch(tmp_path):
    code = (
        "import sys, tpgbench\n"
        "tpgbench.run('crop', limit=1, size=64, out=sys.argv[1])\n"
        "print('torch' in sys.modules)"
    )
    assert run_code(code, tmp_path / "run").strip() == "False"


def test_the_version_is_stated_once_for_all(root):
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    tree = ast.parse((root / "__init__.py").read_text())
    versions = [
        node.value.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__version__"
    ]
    assert versions == [project["version"]]
    assert f"version: {project['version']}\n" in (root / "CITATION.cff").read_text()
