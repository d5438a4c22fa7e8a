"""The pages' escaping and policy, which all packages share and none has of its own."""

from __future__ import annotations

import base64
import hashlib
import re

import jinja2
import pytest
from tpgbench.core import pages

PACKAGES = ("tpgbench.leaderboard", "tpgbench.datasets_builders")
EVIL = "</style><script>window.pwned=1</script>"


@pytest.fixture
def render(monkeypatch):
    """Renders a small template in the place of a package's own."""
    find = pages._find

    def lookup(name, package):
        if name == "test.html":
            return (
                '{% extends "base.html" %}{% block title %}{{ text }}{% endblock %}'
                '{% block body %}<p title="{{ text }}">{{ text }}</p>{% endblock %}'
            )
        return find(name, package)

    monkeypatch.setattr(pages, "_find", lookup)
    pages._environment.cache_clear()
    yield lambda package: pages.render_page(package, "test.html", {"text": EVIL}).decode()
    pages._environment.cache_clear()


def sha256(text):
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


@pytest.mark.parametrize("package", PACKAGES)
def test_every_package_escapes_and_admits_its_own_style_and_script_only(render, package):
    page = render(package)
    assert EVIL not in page
    assert page.count("&lt;script&gt;window.pwned") == 3
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="(.*?)"', page)
    told = dict(part.split(" ", 1) for part in policy.replace("&#39;", "'").split("; "))
    (style,) = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    scripts = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    assert told.pop("style-src") == sha256(style)
    assert len(scripts) == (package == "tpgbench.leaderboard")
    assert told.pop("script-src", None) == (sha256(scripts[0]) if scripts else None)
    assert told == {
        "default-src": "'none'", "img-src": "data:", "base-uri": "'none'", "form-action": "'none'"
    }  # fmt: skip


def test_a_template_that_is_nowhere_is_an_error():
    with pytest.raises(jinja2.TemplateNotFound, match=r"none\.html"):
        pages.render_page("tpgbench.leaderboard", "none.html", {})


def test_escaping_and_policy_stand_once(root):
    modules = [p for p in root.glob("[!.]*/**/*.py") if p.relative_to(root).parts[0] != "tests"]
    found = {path for path in modules if "jinja2.Environment" in path.read_text()}
    markdown = root / "reference_models" / "shared" / "card.py"  # where nothing is escaped
    assert found == {root / "core" / "pages.py", markdown}
    assert {path.parent for path in root.glob("[!.]*/**/base.*ml")} == {root / "core" / "templates"}
