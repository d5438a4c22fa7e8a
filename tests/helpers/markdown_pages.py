"""Reading the repository's Markdown: its pages, links, headings and code blocks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from places import ROOT

_FENCE = re.compile(
    r"^```(?P<language>\w+)(?: title=\"(?P<title>[^\"]+)\")?\n(?P<code>.*?)^```$", re.M | re.S
)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ +(.+)$", re.M)


@dataclass(frozen=True)
class Block:
    """A fenced block of code.

    Attributes:
        language: The word after the fence: ``"python"``.
        title: The file that the block is, or None.
        code: The text between the fences.
    """

    language: str
    title: str | None
    code: str


def written_pages() -> list[Path]:
    """Return README, CONTRIBUTING and every page of docs/."""
    return [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def code_blocks(page: Path) -> list[Block]:
    """Return the fenced blocks of a page, in order."""
    return [Block(**found.groupdict()) for found in _FENCE.finditer(page.read_text("utf-8"))]


def links(page: Path) -> Iterator[str]:
    """Yield the addresses that a page's text links to, without those in its code."""
    prose = re.sub(r"`[^`\n]*`", "", _FENCE.sub("", page.read_text("utf-8")))
    yield from _LINK.findall(prose)


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub and mkdocs make them."""
    headings = _HEADING.findall(_FENCE.sub("", page.read_text("utf-8")))
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in headings}
