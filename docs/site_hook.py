"""Hook of mkdocs: what the site shows that is not a Markdown file in docs/.

README.md, CONTRIBUTING.md, its glossary and the cards of the shipped checkpoints become pages, so
no text is kept twice. Links between them lead to pages of the site; a link to any other file of
the repository becomes the file's path. A folder in the navigation stands for all its pages. Where
a page of docs/api says ``::: names of GROUP``, the public names of that group follow.
"""

from __future__ import annotations

import os
import posixpath
import re
from contextlib import suppress
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

import griffe
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ROOT / "build" / "sources"
CHECKPOINTS = ROOT / "reference_models" / "checkpoints"

# The file of the repository behind each page that is not in docs/.
PAGES = {
    "index.md": "README.md",
    "contributing.md": "CONTRIBUTING.md",
    **{
        f"checkpoints/{card.parent.name}.md": card.relative_to(ROOT).as_posix()
        for card in sorted(CHECKPOINTS.glob("*/README.md"))
    },
}

# Where a name of the package is defined decides on which page it stands; the first match wins.
GROUPS = {
    "api.datasets": "datasets",
    "datasets_builders": "datasets",
    "api": "runs",
    "benchmark.model": "models",
    "benchmark.sample": "models",
    "core.weights": "models",
    "core.hub": "models",
    "benchmark": "runs",
    "metrics": "metrics",
    "core": "foundation",
}

# A link, or a block of code, in which nothing is one.
_LINK = re.compile(r"(?P<code>^```.*?^```$|`[^`\n]+`)|(!?)\[([^\]]*)\]\(([^)\s:]+)\)", re.M | re.S)
_NAMES = re.compile(r"^::: names of ([a-z.]+)$", re.M)
_GLOSSARY = re.compile(r"^## Glossary\n.*?(?=^## |\Z)", re.M | re.S)


def on_startup(**_: Any) -> None:
    """Give griffe a folder with the package alone, under its name.

    A checkout may be called anything, and beside the package it holds environments and links that
    griffe would follow. The folder must be there before the plugins look for it.
    """
    package = SOURCES / "tpgbench"
    package.mkdir(parents=True, exist_ok=True)
    parts = {part.name: part for part in ROOT.iterdir() if _is_python(part)}
    for link in package.iterdir():
        if link.name not in parts:
            link.unlink(missing_ok=True)
    for name, part in parts.items():
        with suppress(FileExistsError):  # made by an earlier build, or by one at the same time
            (package / name).symlink_to(part)


def _is_python(part: Path) -> bool:
    return part.suffix == ".py" or (part / "__init__.py").is_file()


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Let a folder in the navigation stand for its pages, the index first."""
    config.nav = [_expand(entry) for entry in config.nav or ()]
    return config


def _expand(entry: Any) -> Any:
    if not isinstance(entry, dict):
        return entry
    ((title, target),) = entry.items()
    if isinstance(target, list):
        return {title: [_expand(one) for one in target]}
    if not target.endswith("/"):
        return entry
    pages = sorted((ROOT / "docs" / target).glob("*.md"), key=lambda path: path.name)
    pages.sort(key=lambda path: path.name != "README.md")
    return {title: [{_title(path): f"{target}{path.name}"} for path in pages]}


def _title(page: Path) -> str:
    return re.findall(r"^# (.+)$", page.read_text(encoding="utf-8"), re.M)[0]


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made of files outside docs/."""
    texts = {page: (ROOT / source).read_text(encoding="utf-8") for page, source in PAGES.items()}
    glossary = _GLOSSARY.search(texts["contributing.md"])
    if glossary is None:
        raise PluginError("CONTRIBUTING.md has no section '## Glossary'")
    texts["glossary.md"] = glossary[0].removeprefix("#")
    for page, text in texts.items():
        files.append(File.generated(config, page, content=text))
    for picture in CHECKPOINTS.glob("*/*.png"):
        target = f"checkpoints/{picture.parent.name}/{picture.name}"
        files.append(File.generated(config, target, abs_src_path=str(picture)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Rewrite a page's links, and list names where it asks for them."""
    page_uri = page.file.src_uri
    source = PAGES.get(page_uri, "CONTRIBUTING.md" if page_uri == "glossary.md" else None)
    source = source or f"docs/{page_uri}"

    def rewrite(link: re.Match[str]) -> str:
        return _rewrite(link, source, page_uri, files)

    return _NAMES.sub(_list_names, _LINK.sub(rewrite, markdown))


def _rewrite(link: re.Match[str], source: str, page_uri: str, files: Files) -> str:
    if link["code"] is not None:
        # GitHub needs the escape in a table's code; Python-Markdown shows it.
        return link[0] if "\n" in link[0] else link[0].replace(r"\|", "|")
    mark, text, address = link.groups()[1:]
    path, _, anchor = address.partition("#")
    if not path:
        return link[0]
    target = posixpath.normpath(PurePosixPath(source).parent.joinpath(path).as_posix())
    uri = _page_of(target)
    if files.get_file_from_path(uri) is None:
        return f"{text} (`{target}`)" if text.strip("`") != target else f"`{target}`"
    new = os.path.relpath(uri, PurePosixPath(page_uri).parent).replace(os.sep, "/")
    return f"{mark}[{text}]({new}{'#' * bool(anchor)}{anchor})"


def _page_of(target: str) -> str:
    """Return the site's name for a file of the repository."""
    for page, source in PAGES.items():
        if source == target:
            return page
    checkpoints = "reference_models/checkpoints/"
    if target.startswith(checkpoints):
        return f"checkpoints/{target.removeprefix(checkpoints)}"
    return target.removeprefix("docs/")


def _list_names(marker: re.Match[str]) -> str:
    group = marker[1]
    if group == "tpgbench.metrics":
        known = set(_package().exports or ())
        names = [name for name in _package()["metrics"].exports or () if name not in known]
        names = [f"tpgbench.metrics.{name}" for name in names]
    else:
        names = [f"tpgbench.{name}" for name in _public_names().get(group, ())]
    return "\n\n".join(f"::: {name}" for name in names)


@cache
def _package() -> Any:
    return griffe.load("tpgbench", search_paths=[SOURCES], resolve_aliases=True)


@cache
def _public_names() -> dict[str, list[str]]:
    """Return the names that `tpgbench` exports, by the page that shows them."""
    package = _package()
    groups: dict[str, list[str]] = {}
    # Functions before classes, which are what they take and return.
    for name in sorted(package.exports or (), key=lambda name: (name[0].isupper(), name)):
        home = package[name].final_target.path if package[name].is_alias else f"tpgbench.{name}"
        inside = home.removeprefix("tpgbench.")
        for prefix, group in GROUPS.items():
            if inside == prefix or inside.startswith(f"{prefix}."):
                groups.setdefault(group, []).append(name)
                break
        else:
            raise PluginError(f"docs/site_hook.py: no page of the API for {name}, of {home}")
    return groups
