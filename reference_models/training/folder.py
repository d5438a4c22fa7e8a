"""The folder of a training: its lock, its learning curve, its previews."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ...core.errors import TpgbenchError
from ...core.files import explain_os_errors, locked_folder, write_atomic
from ...core.images import Image, png_bytes
from ...datasets_builders.reading.build_info import refuse_within_dataset


class CurvePoint(BaseModel):
    """One line of the learning curve.

    Attributes:
        step: Optimiser steps done.
        samples: Samples seen, by all processes.
        seconds: Training time, with validations, of all sessions so far.
        learning_rate: Of the last step, in the first parameter group.
        losses: Means since the previous line.
        gradient_norm: The same, before clipping.
        validation: The result of `Objective.validate`, if it ran at this step.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")

    step: int
    samples: int
    seconds: float
    learning_rate: float
    losses: dict[str, float]
    gradient_norm: float
    validation: dict[str, float] = Field(default_factory=dict)


class TrainingFolder:
    """The files that a training writes; only one process may write."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.state_path = path / "state.pt"
        self.curve_path = path / "curve.jsonl"
        self.previews = path / "previews"
        self.logs = path / "logs"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes out while the block runs, and clean up after killed ones.

        A new folder is removed again if the block fails before anything was trained.

        Raises:
            TpgbenchError: Another process trains in this folder, it lies within a packaged dataset,
                or it cannot be written.
        """
        busy = "another process trains here; wait for it, or give another folder"
        refuse_within_dataset(self.state_path)
        new = not self.path.exists()
        with locked_folder(self.path, busy, sweep=(self.path, self.previews)):
            try:
                yield
            except BaseException:
                if new and not (self.state_path.exists() or self.curve_path.exists()):
                    shutil.rmtree(self.path, ignore_errors=True)
                raise

    def add_point(self, point: CurvePoint) -> None:
        """Append a line to the learning curve."""
        with explain_os_errors(self.curve_path), self.curve_path.open("a") as stream:
            stream.write(point.model_dump_json() + "\n")

    def cut_curve(self, step: int) -> None:
        """Drop the lines that a killed session wrote after the state that training resumes from."""
        if self.curve_path.exists():
            kept = [point for point in read_curve(self.curve_path) if point.step <= step]
            lines = "".join(point.model_dump_json() + "\n" for point in kept)
            write_atomic(self.curve_path, lines.encode())

    def write_preview(self, step: int, picture: Image) -> None:
        """Write an image, uint8 (H, W, 3)."""
        write_atomic(self.previews / f"{step:07d}.png", png_bytes(picture), durable=False)


def read_curve(path: Path) -> list[CurvePoint]:
    """Read a learning curve; an incomplete line of a killed process is left out.

    Raises:
        TpgbenchError: It cannot be read.
    """
    points = []
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise TpgbenchError(f"{path}: cannot be read ({error.strerror})") from error
    for line in lines:
        try:
            points.append(CurvePoint.model_validate_json(line))
        except ValidationError:
            continue
    return points
