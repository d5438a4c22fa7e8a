"""Self-contained pages about datasets: one style, nothing that runs, nothing from outside."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

import jinja2
from markupsafe import Markup


def render_page(template: str, context: Mapping[str, object]) -> bytes:
    """Return a page as UTF-8; equal contexts give equal bytes.

    Everything in ``context`` is escaped where it is inserted. The page's Content-Security-Policy
    admits our own style by its hash and pictures within the page; nothing else loads, and no
    script runs, even if escaping should fail.

    Args:
        template: A file of the templates folder.
        context: The variables of the template.
    """
    style = _asset("page.css")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; "
        "form-action 'none'"
    )
    page = _environment().get_template(template)
    text = page.render(policy=policy, style=Markup(style), **context)  # noqa: S704
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
