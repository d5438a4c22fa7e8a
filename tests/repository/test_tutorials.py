"""The tutorials run from top to bottom in an empty folder."""

from __future__ import annotations

import subprocess
import sys

import pytest
from commands import environment
from markdown_pages import code_blocks
from places import ROOT

PAGES = sorted(
    page.name for page in (ROOT / "docs" / "tutorials").glob("*.md") if page.name != "README.md"
)
# So that a page's lines run as they stand there.
SHELL = f"""set -e
tpgbench() {{ "{sys.executable}" -m tpgbench "$@"; }}
python() {{ "{sys.executable}" "$@"; }}
"""


@pytest.mark.parametrize("page", PAGES)
def test_a_tutorial_runs_from_top_to_bottom(page, tmp_path):
    blocks = code_blocks(ROOT / "docs" / "tutorials" / page)
    assert {block.language for block in blocks} >= {"sh"}
    for block in blocks:
        if block.title is not None:
            (tmp_path / block.title).write_text(block.code, encoding="utf-8")
        elif block.language in ("sh", "python"):
            shell = ["bash", "-c", SHELL + block.code]
            words = shell if block.language == "sh" else [sys.executable, "-c", block.code]
            done = subprocess.run(
                words, cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, f"{block.code}\n{done.stdout}{done.stderr}"


def test_the_index_lists_every_tutorial():
    index = (ROOT / "docs" / "tutorials" / "README.md").read_text(encoding="utf-8")
    assert all(f"({page})" in index for page in PAGES)
