"""Records of training sessions, one line per session, for the model card."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import torch
from pydantic import BaseModel, ConfigDict, ValidationError

from ...benchmark.run.environment import describe_environment
from ...core.documents import first_problem
from ...core.errors import TpgbenchError
from ...core.files import explain_os_errors

_FILE = "sessions.jsonl"


class TrainingSession(BaseModel):
    """One call of the trainer.

    Attributes:
        command: As typed.
        date: Of its start, UTC.
        environment: Versions, platform, processor, git commit.
        device: ``"cpu"``, or the accelerator's name.
        threads: Of PyTorch, on a CPU.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    command: str
    date: dt.date
    environment: dict[str, str]
    device: str
    threads: int


class Session:
    """A training command: recorded when it starts to train, undone if it is refused before that.

    Args:
        folder: Of the training.
        command: As it was typed.
    """

    def __init__(self, folder: Path, command: str) -> None:
        self._folder = folder
        self._command = command
        self._recorded = False
        self._undo = ExitStack()
        self._makes_folders(folder)

    def makes(self, path: Path) -> None:
        """Register a new folder, which is removed again if nothing is trained."""
        self._makes_folders(path.parent)
        self._undo.callback(shutil.rmtree, path, ignore_errors=True)

    def record(self) -> None:
        """Append this session to the training's list, once; registered folders stay.

        Raises:
            TpgbenchError: The folder cannot be written.
        """
        if not self._recorded:
            _append(self._folder, self._command)
            self._recorded = True
            self._undo.pop_all()

    def undo(self) -> None:
        """Remove the registered folders, unless it trained."""
        self._undo.close()

    def _makes_folders(self, folder: Path) -> None:
        for one in (*reversed(folder.parents), folder):
            if not one.exists():
                self._undo.callback(_remove_empty, one)


@contextmanager
def new_session(folder: Path, command: str) -> Iterator[Session]:
    """Leave a training's folder as it was if the block fails before anything is trained."""
    session = Session(folder, command)
    try:
        yield session
    except BaseException:
        session.undo()
        raise


def _remove_empty(folder: Path) -> None:
    with suppress(OSError):  # not empty: other files stay
        folder.rmdir()


def _append(folder: Path, command: str) -> None:
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"
    session = TrainingSession(
        command=command,
        date=dt.datetime.now(dt.UTC).date(),
        environment=describe_environment(),
        device=device,
        threads=torch.get_num_threads(),
    )
    with explain_os_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / _FILE).open("a", encoding="utf-8") as stream:
            stream.write(session.model_dump_json() + "\n")


def read_sessions(folder: Path) -> list[TrainingSession]:
    """Return the sessions of a training, oldest first; none if it has no list.

    Raises:
        TpgbenchError: The list cannot be read.
    """
    path = folder / _FILE
    if not path.is_file():
        return []
    with explain_os_errors(path):
        lines = path.read_text(encoding="utf-8").splitlines()
    try:
        return [TrainingSession.model_validate_json(line) for line in lines]
    except ValidationError as error:
        raise TpgbenchError(
            f"{path}: is damaged: {first_problem(error).in_file}; remove the broken line"
        ) from error
