"""Self-contained HTML pages: templates, escaping, and a Content-Security-Policy."""

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
from .places import without_places

THUMBNAIL_SIDE = 160
_QUALITY = 75


def render_page(package: str, template: str, context: Mapping[str, object]) -> bytes:
    """Return a page as UTF-8; equal contexts give equal bytes.

    Everything in ``context`` is escaped where it is inserted, except `Markup`, and absolute paths
    become ``path/to/NAME``: pages are shared, and nobody needs the folders of a machine. The page's
    Content-Security-Policy allows our own style and script by their hashes, and images embedded
    in the page; nothing else runs or loads, even if the escaping fails.

    The package's ``templates/`` folder holds its templates, which extend our ``base.html``; a
    ``page.css`` with its additions to our ``base.css``; and a ``page.js`` if its pages have a
    script.

    Args:
        package: The package of the page: ``"tpgbench.leaderboard"``.
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
    own = {"policy": policy, "style": style, "script": script}
    safe = {name: Markup(text) for name, text in own.items()}  # noqa: S704 (none is a user's)
    text = page.render(**safe, **context)
    return text.encode("utf-8", "replace")  # a lone surrogate in an id is not UTF-8


def shrink(image: Image) -> PIL.Image.Image:
    """Return an image of at most 160 pixels per side, never enlarged.

    Args:
        image: uint8, (height, width, 3) or grey (height, width).
    """
    picture = PIL.Image.fromarray(image)
    picture.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE), PIL.Image.Resampling.LANCZOS)
    return picture


def data_uri(picture: PIL.Image.Image, *, lossless: bool = False) -> str:
    """Return an image as a ``data:`` URI.

    Args:
        picture: A thumbnail.
        lossless: PNG, which suits images with few colours; otherwise lossy WebP.
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
        finalize=_shared,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _shared(value: object) -> object:
    """Return what is inserted for a value: a text without places; images and markup as they are."""
    if type(value) is not str or value.startswith("data:image/"):
        return value
    return without_places(value)


@cache
def _find(name: str, package: str) -> str:
    """Return a file of our templates, else of the package's, else an empty text."""
    for owner in (__package__, package):
        file = files(owner) / "templates" / name
        if file.is_file():
            return file.read_text(encoding="utf-8")
    return ""


def _hash(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"sha256-{digest}"
