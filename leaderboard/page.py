"""Self-contained pages: templates, escaping, and the policy that lets nothing in from outside."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

import jinja2
from markupsafe import Markup


def render_page(template: str, context: Mapping[str, object]) -> bytes:
    """Return a page as UTF-8.

    Everything in ``context`` is escaped where it is inserted, except `Markup`. The page's
    Content-Security-Policy admits our own style and script by their hashes and pictures within
    the page; nothing else runs or loads, even if escaping should fail.

    Args:
        template: A file of the templates folder.
        context: The variables of the template.
    """
    style, script = _asset("page.css"), _asset("page.js")
    policy = (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
    text = (
        _environment()
        .get_template(template)
        .render(policy=policy, style=Markup(style), script=Markup(script), **context)  # noqa: S704
    )
    return text.encode("utf-8", "replace")  # a lone surrogate in an id is no UTF-8


@cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FunctionLoader(_asset),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


@cache
def _asset(name: str) -> str:
    return (files(__package__) / "templates" / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"sha256-{digest}"
