"""Progress on stderr: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

_SECONDS_BETWEEN_LINES = 10.0


class Advance(Protocol):
    """Says that so many more images are done."""

    def __call__(self, images: int) -> None:
        """Count ``images`` more."""


@contextmanager
def progress(stage: str, total: int, *, done: int = 0, show: bool = True) -> Iterator[Advance]:
    """Show how far a stage is, its images a second and the time left.

    Args:
        stage: ``"generate"``, ``"score"``.
        total: Images in all.
        done: How many an earlier session did; they do not count for the speed.
        show: False to be silent.
    """
    if not show:
        yield lambda images: None
    elif sys.stderr.isatty():
        with _bar(stage, total, done) as advance:
            yield advance
    else:
        lines = _Lines(stage, total, done)
        yield lines.advance
        lines.write()


@contextmanager
def _bar(stage: str, total: int, done: int) -> Iterator[Advance]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )

    speed = TextColumn("{task.fields[speed]:.1f} images/s")
    columns = (BarColumn(), MofNCompleteColumn(), TaskProgressColumn(), speed)
    console = Console(stderr=True)
    with Progress(
        TextColumn(stage), *columns, TimeRemainingColumn(compact=True), console=console
    ) as bar:
        task = bar.add_task(stage, total=total, completed=done, speed=0.0)
        start, count = time.monotonic(), 0

        def advance(images: int) -> None:
            nonlocal count
            count += images
            elapsed = max(time.monotonic() - start, 1e-9)
            bar.update(task, advance=images, speed=count / elapsed)

        yield advance


class _Lines:
    def __init__(self, stage: str, total: int, done: int) -> None:
        self.stage, self.total, self.start_count, self.count = stage, total, done, done
        self.start = self.last = time.monotonic()
        self.written = -1

    def advance(self, images: int) -> None:
        self.count += images
        if time.monotonic() - self.last >= _SECONDS_BETWEEN_LINES:
            self.write()

    def write(self) -> None:
        if self.written == self.count:
            return
        self.last, self.written = time.monotonic(), self.count
        speed = (self.count - self.start_count) / max(self.last - self.start, 1e-9)
        line = f"{self.stage} {self.count}/{self.total}"
        if speed > 0:
            left = (self.total - self.count) / speed
            line += f", {speed:.1f} images/s, {left:.0f} s left"
        sys.stderr.write(line + "\n")
        sys.stderr.flush()
