"""Charts as inline SVG in the page's text colour, so that they work in light and dark."""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import numpy as np
from markupsafe import Markup

from .breakdowns import GroupMean

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ACCENT = "#2f81c7"  # 4:1 on white and on near-black
_INK = "#010203"  # replaced by the text colour of the page
_WIDTH = 360  # SVG units, about CSS pixels; Matplotlib puts 72 to the inch
_STYLE = {
    "axes.edgecolor": _INK,
    "axes.labelcolor": _INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "font.size": 10,
    "svg.fonttype": "none",  # text stays text, in the page's font
    "svg.hashsalt": "tpgbench",  # equal charts get equal ids
    "text.color": _INK,
    "text.parse_math": False,  # a dollar in a label is a dollar
    "xtick.color": _INK,
    "ytick.color": _INK,
}
_XLINK_HREF = "{http://www.w3.org/1999/xlink}href"


@dataclass(frozen=True)
class ChartFigure:
    """A chart and the caption that describes it.

    Attributes:
        svg: The chart.
        title: Its heading.
        caption: The text below it.
    """

    svg: Markup
    title: str
    caption: str


def histogram(
    scores: Sequence[float],
    *,
    axis: str,
    mean: float | None,
    interval: tuple[float, float] | None,
    name: str,
) -> Markup:
    """Return the distribution of a metric's finite scores, its mean and interval, as SVG.

    Args:
        scores: One per sample; those that are not finite are left out.
        axis: Label of the horizontal axis.
        mean: Drawn as a line, or None.
        interval: Of the mean; drawn as a band, or None.
        name: Unique in the page; prefix of the chart's ids.
    """
    finite = np.asarray([score for score in scores if math.isfinite(score)])
    with _figure(height=200) as (figure, axes):
        if finite.size:
            # Rice's rule, within bounds.
            bins = int(np.clip(math.ceil(2 * finite.size ** (1 / 3)), 5, 30))
            axes.hist(finite, bins=bins, color=ACCENT, alpha=0.75)
        if interval is not None:
            axes.axvspan(*interval, color=_INK, alpha=0.2, linewidth=0)
        if mean is not None:
            axes.axvline(mean, color=_INK, linewidth=1.5)
        axes.set_xlabel(axis)
        axes.set_ylabel("samples")
        axes.locator_params(axis="y", integer=True, nbins=4)
        axes.locator_params(axis="x", nbins=6)
        return _to_svg(figure, name)


def trend(groups: Sequence[GroupMean], *, axis: str, metric: str, name: str) -> Markup:
    """Return the mean of a metric over ordered groups, left to right, as SVG.

    Args:
        groups: Lowest first.
        axis: What the groups are: ``"severity"``.
        metric: Label of the vertical axis.
        name: Unique in the page.
    """
    with _figure(height=220) as (figure, axes):
        positions, means, errors = _points(groups)
        axes.errorbar(
            positions, means, yerr=errors, color=ACCENT, marker="o", linewidth=1.5, capsize=3
        )
        axes.set_xticks(range(len(groups)), [group.label for group in groups])
        axes.set_xlim(-0.4, len(groups) - 0.6)
        axes.set_xlabel(axis)
        axes.set_ylabel(metric)
        axes.grid(axis="y", color=_INK, alpha=0.15)
        axes.locator_params(axis="y", nbins=5)
        return _to_svg(figure, name)


def dot_plot(groups: Sequence[GroupMean], *, axis: str, name: str) -> Markup:
    """Return the mean of a metric in unordered groups, one per line, the first on top, as SVG.

    Args:
        groups: In the order of the lines.
        axis: Label of the horizontal axis.
        name: Unique in the page.
    """
    with _figure(height=60 + 22 * len(groups)) as (figure, axes):
        positions, means, errors = _points(groups)
        axes.errorbar(means, positions, xerr=errors, color=ACCENT, fmt="o", capsize=2)
        axes.set_yticks(range(len(groups)), [group.label for group in groups])
        axes.set_ylim(len(groups) - 0.5, -0.5)
        axes.set_xlabel(axis)
        axes.grid(axis="x", color=_INK, alpha=0.15)
        axes.tick_params(axis="y", length=0)
        axes.locator_params(axis="x", nbins=5)
        return _to_svg(figure, name)


def _points(
    groups: Sequence[GroupMean],
) -> tuple[list[int], list[float], tuple[list[float], list[float]]]:
    """Return the positions, means, and error bars (below, above) of the groups with a mean."""
    positions, means, below, above = [], [], [], []
    for position, group in enumerate(groups):
        if group.mean is None:
            continue
        low, high = group.interval or (group.mean, group.mean)
        positions.append(position)
        means.append(group.mean)
        # A bias-corrected interval need not contain the mean.
        below.append(max(0.0, group.mean - low))
        above.append(max(0.0, high - group.mean))
    return positions, means, (below, above)


@contextmanager
def _figure(*, height: float) -> Iterator[tuple[Figure, Axes]]:
    """Yield an empty chart of a height in pixels, with our style set inside the block."""
    import matplotlib.style
    from matplotlib.figure import Figure

    with matplotlib.style.context(["default", _STYLE]), warnings.catch_warnings():
        # The browser draws the text, so glyphs missing from Matplotlib's font do not matter.
        warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)
        figure = Figure(figsize=(_WIDTH / 72, height / 72), layout="constrained")
        yield figure, figure.add_subplot()


def _to_svg(figure: Figure, name: str) -> Markup:
    """Return SVG for use inside HTML under a strict Content-Security-Policy.

    Style attributes become presentation attributes, the text colour becomes ``currentColor``, and
    only the ids that are referred to are kept.
    """
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    root = ElementTree.fromstring(buffer.getvalue())  # noqa: S314 - it is our own
    referred = {
        value.strip("url()#")
        for element in root.iter()
        for value in element.attrib.values()
        if value.startswith(("#", "url(#"))
    }
    for parent in root.iter():
        for child in list(parent):
            if _local(child.tag) in ("metadata", "style"):
                parent.remove(child)
        _simplify(parent, name, referred)
    for attribute in ("width", "height", "version"):
        root.attrib.pop(attribute, None)
    root.set("class", "chart")
    root.set("aria-hidden", "true")  # the caption describes it
    return Markup(ElementTree.tostring(root, encoding="unicode"))  # noqa: S704 - escaped by it


def _simplify(element: ElementTree.Element, name: str, referred: set[str]) -> None:
    element.tag = _local(element.tag)
    attributes: dict[str, str] = {}
    for key, value in element.attrib.items():
        if key == "style":
            pairs = (pair.partition(":") for pair in value.split(";"))
            attributes |= {k.strip(): v.strip() for k, _, v in pairs if k.strip() != "font"}
        elif key == "id":
            if value in referred:
                attributes["id"] = f"{name}-{value}"
        else:
            attributes["href" if key == _XLINK_HREF else key] = value
    element.attrib.clear()
    for key, value in attributes.items():
        if key == "href":
            text = value.replace("#", f"#{name}-", 1)
        elif value.startswith("url(#"):
            text = value.replace("url(#", f"url(#{name}-", 1)
        else:
            text = value.replace(_INK, "currentColor")
        if key and text:
            element.set(key, text)


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]
