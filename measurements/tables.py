"""A comparison of runs as Markdown, for the benchmarks of whole models."""

from __future__ import annotations

from tpgbench.benchmark.comparing.compare import RunComparison


def is_best(comparison: RunComparison, metric: str, label: str) -> bool:
    """Return whether no other run is shown to be better than ``label``."""
    for test in comparison.tests:
        if test.metric != metric or label not in (test.a, test.b):
            continue
        if test.verdict in ("a", "b") and getattr(test, test.verdict) != label:
            return False
    return True


def table(comparison: RunComparison, metrics: tuple[str, ...]) -> str:
    """Return the comparison as a Markdown table."""
    arrows = {
        value.name: "↑" if value.higher_is_better else "↓"
        for value in comparison.runs[0].result.metrics
    }
    lines = [
        "| model | " + " | ".join(f"{metric} {arrows[metric]}" for metric in metrics) + " |",
        "|---|" + "---|" * len(metrics),
    ]
    for run in comparison.runs:
        cells = []
        for metric in metrics:
            value = run.result.metric(metric)
            if value.value is None or value.interval is None:
                cells.append("-")
                continue
            digits = 3 if abs(value.value) < 1.5 else 1
            number = f"{value.value:.{digits}f}"
            low, high = (f"{end:.{digits}f}" for end in value.interval)
            bold = "**" if is_best(comparison, metric, run.label) else ""
            cells.append(f"{bold}{number}{bold} ({low} to {high})")
        lines.append(f"| {run.label} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def answer(comparison: RunComparison, metric: str, better: str, worse: str) -> str:
    """Return the difference of the first run to the second, and what it shows, as two cells."""
    for test in comparison.tests:
        if test.metric == metric and {test.a, test.b} == {better, worse}:
            if test.difference is None or test.interval is None:
                why = ": ".join((test.reason or "").split(": ")[:2])  # without the way out
                return f"- | not measurable here ({why})"
            sign = 1 if test.a == better else -1
            low, high = sorted(sign * end for end in test.interval)
            winner = getattr(test, test.verdict) if test.verdict in ("a", "b") else None
            shown = {better: "yes", worse: "no, the reverse"}.get(winner or "", "not shown")
            return f"{sign * test.difference:+.3f} ({low:+.3f} to {high:+.3f}) | {shown}"
    return "- | not measurable here"
