"""Progress on stderr: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from rich.console import Console

_SECONDS_BETWEEN_LINES = 10.0


class Advance(Protocol):
    """Counts what is done."""

    def __call__(self, count: int) -> None:
        """Count ``count`` more."""


@contextmanager
def progress(
    stage: str,
    total: int | None,
    *,
    unit: str = "images",
    scale: int = 1,
    done: int = 0,
    show: bool = True,
) -> Iterator[Advance]:
    """Show how far a stage is, its speed and the time left.

    Args:
        stage: ``"generate"``, ``"score"``.
        total: How many there are in all; None if that is unknown.
        unit: What is counted.
        scale: How many of what is counted make one unit: 1,000,000 bytes are one MB.
        done: How many an earlier session did; they do not count for the speed.
        show: False to be silent.
    """
    if not show:
        yield lambda count: None
        return
    counted = done

    def advance(count: int) -> None:
        nonlocal counted
        counted += count
        speed = (counted - done) / max(time.monotonic() - start, 1e-9)
        text = f"{speed / scale:.1f} {unit}/s"
        if total is not None and speed > 0:
            text += f", {duration((total - counted) / speed)} left"
        display.show(counted, text)

    with Display(stage, total, done=done, scale=scale) as display:
        start = time.monotonic()
        yield advance


def duration(seconds: float) -> str:
    """Return a duration as ``"0:01:20"``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}"


def stderr_console(*, quiet: bool = False) -> Console:
    """Return a console on stderr; it counts as a terminal only if stderr is one."""
    from rich.console import Console

    # Left to rich, variables such as FORCE_COLOR would make it draw bars into log files.
    return Console(stderr=True, force_terminal=sys.stderr.isatty(), quiet=quiet)


class Display:
    """What is shown of one stage while the ``with`` block runs.

    A display within another one, such as that of a download, writes lines: a terminal has room
    for one bar.

    Args:
        stage: Its name.
        total: How many there are in all; None if that is unknown.
        done: How many were done before.
        scale: How many make one of what is shown.
        console: Where to; stderr if None.
    """

    _outer: Display | None = None  # the one with a bar

    def __init__(
        self,
        stage: str,
        total: int | None,
        *,
        done: int = 0,
        scale: int = 1,
        console: Console | None = None,
    ) -> None:
        self._stage = stage
        self._total = total
        self._done = done
        self._scale = scale
        outer = Display._outer
        if console is None:
            console = stderr_console() if outer is None else outer._console
        self._console: Console = console
        self._text = ""
        self._bar = _Bar(console, stage) if console.is_terminal and outer is None else None
        self._written: int | None = None

    def __enter__(self) -> Display:
        self._last_line = time.monotonic()
        if self._bar is not None:
            Display._outer = self
            self._bar.start(self._done, self._total, self._count())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            Display._outer = None
            self._bar.stop()
        elif kind is None and self._written != self._done:
            self._write()

    def show(self, done: int, text: str | None = None) -> None:
        """Show that so many are done.

        Args:
            done: In all.
            text: What else to show; None for what was shown before.
        """
        self._done = done
        self._text = self._text if text is None else text
        if self._bar is not None:
            self._bar.update(done, self._count(), self._text)
        elif time.monotonic() - self._last_line >= _SECONDS_BETWEEN_LINES:
            self._write()

    def say(self, line: str) -> None:
        """Print a line as it is."""
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    def _count(self) -> str:
        digits = 0 if self._scale == 1 else 1
        counts = [self._done] if self._total is None else [self._done, self._total]
        return "/".join(f"{count / self._scale:.{digits}f}" for count in counts)

    def _write(self) -> None:
        self._last_line, self._written = time.monotonic(), self._done
        self.say(", ".join(filter(None, (f"{self._stage} {self._count()}", self._text))))


class _Bar:
    """A bar of rich, with texts of ours."""

    def __init__(self, console: Console, stage: str) -> None:
        from rich.progress import BarColumn, Progress, TextColumn

        texts = [TextColumn(f"{{task.fields[{name}]}}", markup=False) for name in ("count", "text")]
        name = TextColumn("{task.description}", markup=False)
        self._stage = stage
        self._progress = Progress(name, BarColumn(), *texts, console=console, refresh_per_second=4)

    def start(self, done: int, total: int | None, count: str) -> None:
        self._task = self._progress.add_task(
            self._stage, total=total, completed=done, count=count, text=""
        )
        self._progress.start()

    def update(self, done: int, count: str, text: str) -> None:
        self._progress.update(self._task, completed=done, count=count, text=text)

    def stop(self) -> None:
        self._progress.stop()
