"""The pages of the metrics are what their docstrings say now."""

from __future__ import annotations

from commands import run_python
from tpgbench.core.registry import BUILTIN_METRICS


def test_the_pages_are_up_to_date(root, tmp_path):
    script = root / "docs" / "make_metric_pages.py"
    run_python(script, tmp_path)
    made = {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()}
    assert set(made) == {f"{name}.md" for name in (*BUILTIN_METRICS, "presets", "README")}
    for name, page in made.items():
        stored = (root / "docs" / "metrics" / name).read_text(encoding="utf-8")
        assert stored == page, f"{name} is old: run python docs/make_metric_pages.py"


def test_every_page_says_what_a_reader_needs(root):
    for name in BUILTIN_METRICS:
        page = (root / "docs" / "metrics" / f"{name}.md").read_text(encoding="utf-8")
        for wanted in ("| better |", "| range |", "| fewest samples |", "## Pitfalls", "## Source"):
            assert wanted in page, (name, wanted)
