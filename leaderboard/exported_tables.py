"""Tables to take elsewhere: CSV for programs, Markdown and LaTeX for papers.

CSV holds every number in full, one line a value. Markdown and LaTeX hold what people print, with no
more digits than the interval supports, and the recipes below: a number without its recipe cannot be
compared.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from ..metrics.base import Value
from .formatting import NOTHING, format_number, format_uncertainty, format_value, unit_of

if TYPE_CHECKING:
    from ..benchmark.comparing.compare import RunComparison

Format = Literal["text", "json", "csv", "markdown", "latex"]
FORMATS: tuple[Format, ...] = ("text", "json", "csv", "markdown", "latex")

_COLUMNS = (
    "metric",
    "value",
    "interval_low",
    "interval_high",
    "spread",
    "bias",
    "n",
    "missing",
    "infinite",
    "higher_is_better",
    "unranked",
    "not_computed",
    "recipe",
)
_LATEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "_": r"\_",
    "%": r"\%",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "\N{UPWARDS ARROW}": r"$\uparrow$",
    "\N{DOWNWARDS ARROW}": r"$\downarrow$",
}


@dataclass(frozen=True)
class _Cell:
    text: str
    bold: bool = False


@dataclass(frozen=True)
class _Sheet:
    """A table as it is printed.

    Attributes:
        head: The columns' names.
        rows: The cells of each row.
        notes: What stands below, a line each.
    """

    head: Sequence[str]
    rows: Sequence[Sequence[_Cell]]
    notes: Sequence[str]


def export_values(values: Sequence[Value], form: Format) -> str:
    """Return values as text, without a line break at its end.

    Args:
        values: In the order of the lines.
        form: ``"csv"``, ``"markdown"`` or ``"latex"``.
    """
    if form == "csv":
        return _csv(_COLUMNS, map(_facts, values))
    rows = [
        [
            _Cell(_named(value)),
            _Cell(_number(value)),
            _Cell(format_uncertainty(value)),
            _Cell(f"{value.n:,}"),
            _Cell(_remarks(value)),
        ]
        for value in values
    ]
    head = ("metric", "value", "95 % interval", "n", "notes")
    return _print(_Sheet(head, rows, _recipes(values)), form)


def export_comparison(comparison: RunComparison, form: Format) -> str:
    """Return runs side by side: a line a run, a column a metric, the best of each in bold.

    Args:
        comparison: Two runs or more.
        form: As for `export_values`; CSV has one line for each run and metric.
    """
    from ..benchmark.comparing.ranking import AT_LEVEL, rank  # it needs pandas, values do not

    if form == "csv":
        lines = (
            [run.label, *_facts(value)] for run in comparison.runs for value in run.result.metrics
        )
        return _csv(("run", *_COLUMNS), lines)
    shown = [
        metric
        for metric in comparison.metrics
        if any(_has_value(run.result.find(metric)) for run in comparison.runs)
    ]
    best = {metric: rank(comparison, metric).best for metric in shown}
    rows, head = [], ["run"]
    for metric in shown:
        found = (run.result.find(metric) for run in comparison.runs)
        head.append(_named(next(value for value in found if value is not None)))
    for run in comparison.runs:
        cells = [_Cell(run.label)]
        for metric in shown:
            value = run.result.find(metric)
            text = _number(value) if value is not None else NOTHING
            cells.append(_Cell(text, bold=run.label in best[metric]))
        rows.append(cells)
    values = [value for run in comparison.runs for value in run.result.metrics]
    notes = [f"bold: the best mean, and all that do not differ from it significantly {AT_LEVEL}"]
    return _print(_Sheet(head, rows, [*notes, *_recipes(values)]), form)


def _has_value(value: Value | None) -> bool:
    return value is not None and value.value is not None


def _facts(value: Value) -> list[object]:
    low, high = value.interval or (None, None)
    return [
        value.name,
        value.value,
        low,
        high,
        value.spread,
        value.bias,
        value.n,
        value.missing,
        value.infinite,
        value.higher_is_better,
        value.unranked,
        value.not_computed,
        value.recipe,
    ]


def _csv(head: Sequence[str], rows: object) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(rows)  # type: ignore[arg-type]
    return buffer.getvalue().rstrip("\n")


def _named(value: Value) -> str:
    arrow = "\N{UPWARDS ARROW}" if value.higher_is_better else "\N{DOWNWARDS ARROW}"
    return f"{value.name} {arrow}"


def _number(value: Value) -> str:
    return f"{format_value(value)} {unit_of(value.name)}".rstrip()


def _remarks(value: Value) -> str:
    parts = []
    if value.not_computed is not None:
        parts.append(f"not computed: {value.not_computed}")
    if value.missing:
        parts.append(f"{value.missing:,} missing")
    if value.infinite:
        parts.append(f"{value.infinite:,} infinite")
    if value.bias is not None:
        parts.append(f"bias about +{format_number(value.bias)}")
    if value.unranked is not None:
        parts.append(f"not ranked: {value.unranked}")
    return "; ".join(parts)


def _recipes(values: Sequence[Value]) -> list[str]:
    return list(dict.fromkeys(value.recipe for value in values if value.value is not None))


def _print(sheet: _Sheet, form: Format) -> str:
    return _latex(sheet) if form == "latex" else _markdown(sheet)


def _markdown(sheet: _Sheet) -> str:
    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cells) + " |"

    def cell(one: _Cell) -> str:
        text = one.text.replace("\\", "\\\\").replace("|", "\\|")
        return f"**{text}**" if one.bold else text

    lines = [line([cell(_Cell(name)) for name in sheet.head]), line(["---"] * len(sheet.head))]
    lines += [line([cell(one) for one in row]) for row in sheet.rows]
    notes = [f"- `{note}`" if "|" in note else f"- {note}" for note in sheet.notes]
    return "\n".join([*lines, "", *notes]).rstrip("\n")


def _latex(sheet: _Sheet) -> str:
    """Return a tabular of booktabs; the notes are comments."""

    def cell(one: _Cell) -> str:
        text = "".join(_LATEX.get(character, character) for character in one.text)
        return rf"\textbf{{{text}}}" if one.bold else text

    def line(cells: Sequence[str]) -> str:
        return "  " + " & ".join(cells) + r" \\"

    lines = [
        r"% needs \usepackage{booktabs}",
        rf"\begin{{tabular}}{{l{'r' * (len(sheet.head) - 1)}}}",
        r"  \toprule",
        line([cell(_Cell(name)) for name in sheet.head]),
        r"  \midrule",
        *(line([cell(one) for one in row]) for row in sheet.rows),
        r"  \bottomrule",
        r"\end{tabular}",
        *(f"% {' '.join(note.split())}" for note in sheet.notes),
    ]
    return "\n".join(lines)
