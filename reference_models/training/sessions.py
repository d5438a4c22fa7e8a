"""Who trained what, where and when: one line a session, for the model card."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import torch
from pydantic import BaseModel, ConfigDict, ValidationError

from ...benchmark.environment import describe_environment
from ...errors import TpgbenchError
from ...files import explain_os_errors

_FILE = "sessions.jsonl"


class TrainingSession(BaseModel):
    """One call of the trainer.

    Attributes:
        command: As it was typed.
        date: When it began, UTC.
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


def record_session(folder: Path, command: str) -> None:
    """Append this session to a training's list.

    Raises:
        TpgbenchError: The folder cannot be written.
    """
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
            f"{path}: is damaged: {error.errors()[0]['msg'].lower()}; remove the broken line"
        ) from error
