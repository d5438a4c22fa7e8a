"""A comparison of runs as Markdown."""

from __future__ import annotations

from tpgbench.benchmark.comparing.compare import RunComparison
from tpgbench.benchmark.comparing.ranking import rank
from tpgbench.metrics.base import Value


def table(comparison: RunComparison, metrics: tuple[str, ...]) -> str:
    """Return the values of the runs as a Markdown table, the best ones by `rank` in bold."""
    arrows = {
        value.name: "↑" if value.higher_is_better else "↓"
        for run in comparison.runs
        for value in run.result.metrics
    }
    rankings = {metric: rank(comparison, metric) for metric in metrics}
    lines = [
        "| model | " + " | ".join(f"{metric} {arrows[metric]}" for metric in metrics) + " |",
        "|---|" + "---|" * len(metrics),
    ]
    for run in comparison.runs:
        cells = (
            _cell(run.result.find(metric), best=run.label in rankings[metric].best)
            for metric in metrics
        )
        lines.append(f"| {run.label} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(value: Value | None, *, best: bool) -> str:
    if value is None or value.value is None:
        return "-"
    digits = 3 if abs(value.value) < 1.5 else 1
    bold = "**" if best else ""
    cell = f"{bold}{value.value:.{digits}f}{bold}"
    if value.interval is not None:
        low, high = (f"{end:.{digits}f}" for end in value.interval)
        cell += f" ({low} to {high})"
    if value.spread is not None:
        cell += f" (sd {value.spread:.2g})"
    return cell


def answer(comparison: RunComparison, metric: str, better: str, worse: str) -> tuple[str, str]:
    """Return the difference of the first run to the second with its interval, and what it shows.

    Args:
        comparison: The runs.
        metric: The metric.
        better: The label of the run that is claimed to be better.
        worse: The label of the other.
    """
    for test in comparison.tests:
        if test.metric == metric and {test.a, test.b} == {better, worse}:
            if test.difference is None or test.interval is None:
                why = ": ".join((test.reason or "").split(": ")[:2])  # without the way out
                return "-", f"not tested ({why})"
            sign = 1 if test.a == better else -1
            low, high = sorted(sign * end for end in test.interval)
            winner = getattr(test, test.verdict) if test.verdict in ("a", "b") else None
            shown = {better: "yes", worse: "no, the reverse"}.get(winner or "", "not significant")
            return f"{sign * test.difference:+.3f} ({low:+.3f} to {high:+.3f})", shown
    return "-", "not tested"
