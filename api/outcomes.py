"""What the calls about runs return."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..benchmark.run.results import Result
from ..benchmark.run.run import Run
from ..core.outcome import Outcome


@dataclass(frozen=True)
class GenerateOutcome(Outcome):
    """What `tpgbench.generate` did.

    Attributes:
        path: The run directory.
        run: The run, with its dataset open.
        failures: The error by id of the samples that have no image.
        problems: One line if there are any.
    """

    path: Path
    run: Run
    failures: dict[str, str]
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class RunOutcome(Outcome):
    """What a run, or the scoring of one, came to.

    Attributes:
        path: The run directory.
        result: The values, as in `result.json`.
        report: The page, if it was asked for.
        problems: What was asked for and is missing, one line each.
        notes: What else a user should know.
    """

    path: Path
    result: Result
    report: Path | None = None
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class ReportOutcome(Outcome):
    """The page that `tpgbench.report` wrote.

    Attributes:
        path: The page.
        problems: Always empty: a page that cannot show everything says so in its notes.
        notes: What the page does not show, and why.
    """

    path: Path
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
