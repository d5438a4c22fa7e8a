"""The commit hook runs what `make test` runs."""

from __future__ import annotations

import shlex
import subprocess

import pytest

yaml = pytest.importorskip("yaml")


def test_the_hooks_are_local_and_call_a_target_of_the_makefile(root):
    repositories = yaml.safe_load((root / ".pre-commit-config.yaml").read_text())["repos"]
    hooks = [hook for one in repositories for hook in one["hooks"]]
    assert {one["repo"] for one in repositories} == {"local"}
    for hook in hooks:
        plan = subprocess.run(
            [*shlex.split(hook["entry"]), "--dry-run"],
            cwd=root, capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
        for tool in ("ruff check", "ruff format", "mypy", "lint-imports"):
            assert tool in plan
