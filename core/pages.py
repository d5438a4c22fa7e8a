"""Self-contained pages: templates, escaping, and the policy that lets nothing in from outside."""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

import jinja2
import PIL.Image
from markupsafe import Markup

from .images import Image

THUMBNAIL_SIDE = 160
_QUALITY = 75


def render_page(package: str, template: str, context: Mapping[str, object]) -> bytes:
    """Return a page as UTF-8; equal contexts give equal bytes.

    Everything in ``context`` is escaped where it is inserted, except `Markup`. The page's
    Content-Security-Policy admits our own style and script by their hashes and pictures within
    the page; nothing else runs or loads, even if escaping should fail.

    The package's ``templates/`` folder holds its templates, which extend our ``base.html``, what
    it adds to our ``base.css`` as ``page.css``, and, if its pages have a script, ``page.js``.

    Args:
        package: Whose page it is: ``"tpgbench.leaderboard"``.
        template: A file of its templates folder.
        context: The variables of the template.
    """
    style = _find("base.css", package) + _find("page.css", package)
    script = _find("page.js", package)
    scripts = f"script-src '{_hash(script)}'; " if script else ""
    policy = (
        f"default-src 'none'; style-src '{_hash(style)}'; {scripts}img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    page = _environment(package).get_template(template)
    text = page.render(policy=policy, style=Markup(style), script=Markup(script), **context)  # noqa: S704
    return text.encode("utf-8", "replace")  # a lone surrogate in an id is no UTF-8


def shrink(image: Image) -> PIL.Image.Image:
    """Return a picture at most 160 pixels a side, never enlarged.

    Args:
        image: uint8, (height, width, 3) or grey (height, width).
    """
    picture = PIL.Image.fromarray(image)
    picture.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE), PIL.Image.Resampling.LANCZOS)
    return picture


def data_uri(picture: PIL.Image.Image, *, lossless: bool = False) -> str:
    """Return a picture as a ``data:`` URI.

    Args:
        picture: A thumbnail.
        lossless: As PNG, which suits pictures of few colours; otherwise as WebP with some loss.
    """
    buffer = io.BytesIO()
    if lossless:
        picture.save(buffer, format="PNG", optimize=True)
    else:
        picture.save(buffer, format="WEBP", quality=_QUALITY, method=4)
    kind = "png" if lossless else "webp"
    return f"data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode()}"


@cache
def _environment(package: str) -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FunctionLoader(lambda name: _find(name, package) or None),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


@cache
def _find(name: str, package: str) -> str:
    """Return a file of our templates, else of the package's; empty where neither has it."""
    for owner in (__package__, package):
        file = files(owner) / "templates" / name
        if file.is_file():
            return file.read_text(encoding="utf-8")
    return ""


def _hash(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"sha256-{digest}"
