"""The progress of a training: steps, loss, speed and time left."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType

from rich.console import Console

from ...core.progress import Display, duration
from .config import TrainingConfig

_REPORTS_AVERAGED = 20
_SECONDS_OF_SILENCE = 5.0
_WAITING = (
    "train: waiting for the first rows; those of a procedural dataset are rendered first, which "
    "takes minutes, and kept for later trainings"
)


class TrainingProgress:
    """Shows steps, loss, samples per second and the time left.

    Args:
        console: Where to.
        config: How many steps and minutes there are.
        samples_per_step: By all processes.
        step: Where the session starts.
    """

    def __init__(
        self, console: Console, config: TrainingConfig, samples_per_step: int, step: int
    ) -> None:
        self._config = config
        self._samples_per_step = samples_per_step
        self._reports = deque([(time.monotonic(), step)], maxlen=_REPORTS_AVERAGED)
        self._display = Display("train", config.steps, done=step, console=console)

    def __enter__(self) -> TrainingProgress:
        self._reports[0] = (time.monotonic(), self._reports[0][1])
        self._display.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._display.__exit__(kind, error, traceback)

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Say why nothing happens if the block takes long: rows may have to be rendered first."""
        hint = threading.Timer(_SECONDS_OF_SILENCE, self.say, (_WAITING,))
        hint.start()
        try:
            yield
        finally:
            hint.cancel()

    def advance(self, step: int) -> None:
        """Show how many steps are done."""
        self._display.show(step)

    def report(self, step: int, seconds: float, losses: Mapping[str, float]) -> None:
        """Show the loss, the speed and the time left.

        Args:
            step: Steps done.
            seconds: Training time of all sessions.
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
            f"{duration(left)} left"
        )
        self._display.show(step, text)

    def say(self, line: str) -> None:
        """Print a line as it is."""
        self._display.say(line)
