"""How far a training is, on stderr: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from .config import TrainingConfig

_SECONDS_BETWEEN_LINES = 30.0
_REPORTS_AVERAGED = 20
_SECONDS_OF_SILENCE = 5.0
_WAITING = (
    "train: waits for its first rows; a procedural dataset's are rendered, which takes minutes, "
    "and kept for later trainings"
)


class TrainingProgress:
    """Shows steps, loss, samples a second and the time left.

    Args:
        console: Where to.
        config: How many steps and minutes there are.
        samples_per_step: By all processes.
        step: Where the session starts.
    """

    def __init__(
        self, console: Console, config: TrainingConfig, samples_per_step: int, step: int
    ) -> None:
        self._console = console
        self._config = config
        self._samples_per_step = samples_per_step
        self._reports = deque([(time.monotonic(), step)], maxlen=_REPORTS_AVERAGED)
        self._last_line = time.monotonic()
        self._bar: Progress | None = None
        if console.is_terminal:
            columns = (TextColumn("train"), BarColumn(), MofNCompleteColumn())
            text = TextColumn("{task.description}")
            self._bar = Progress(*columns, text, console=console, refresh_per_second=2)
            self._task = self._bar.add_task("", total=config.steps, completed=step)

    def __enter__(self) -> TrainingProgress:
        self._last_line = time.monotonic()
        self._reports[0] = (self._last_line, self._reports[0][1])
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Say why nothing happens, if the block takes long: rows may have to be rendered first."""
        hint = threading.Timer(_SECONDS_OF_SILENCE, self.say, (_WAITING,))
        hint.start()
        try:
            yield
        finally:
            hint.cancel()

    def advance(self, step: int) -> None:
        """Say that so many steps are done."""
        if self._bar is not None:
            self._bar.update(self._task, completed=step)

    def report(self, step: int, seconds: float, losses: Mapping[str, float]) -> None:
        """Show figures.

        Args:
            step: Steps done.
            seconds: Trained in all.
            losses: By name; their sum is shown.
        """
        now = time.monotonic()
        start, first = self._reports[0]
        self._reports.append((now, step))
        speed = (step - first) / max(now - start, 1e-9)
        left = (self._config.steps - step) / max(speed, 1e-9)
        if self._config.max_minutes is not None:
            left = min(left, max(0.0, self._config.max_minutes * 60 - seconds))
        text = (
            f"loss {sum(losses.values()):.4g}, {speed * self._samples_per_step:.1f} samples/s, "
            f"{_duration(left)} left"
        )
        if self._bar is not None:
            self._bar.update(self._task, description=text)
        elif now - self._last_line >= _SECONDS_BETWEEN_LINES or step == self._config.steps:
            self._last_line = now
            self.say(f"train {step}/{self._config.steps}, {text}")

    def say(self, line: str) -> None:
        """Print a line as it is."""
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}"
