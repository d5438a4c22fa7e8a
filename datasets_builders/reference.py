"""A dataset by name or folder: recorded in runs, sent to other processes, and opened there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, field_validator

from ..core.errors import TpgbenchError
from ..core.files import recordable
from .base import DATASETS, Dataset
from .load import open_dataset
from .masks.find import GIVEN


class DatasetRef(BaseModel):
    """One split of a dataset, not opened. It pickles and is JSON; equal references, equal rows.

    Attributes:
        location: A registered name, or a folder's absolute path.
        split: The split.
        config: The configuration of a packaged dataset; None for its default one.
        size: Side in pixels at which samples are compared; None for the dataset's own.
        seed: For a procedural dataset: another seed is another dataset.
        masks: For a folder of photos: what makes the masks that it lacks.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    location: str
    split: str = "test"
    config: str | None = None
    size: int | None = None
    seed: int = 0
    masks: str = GIVEN

    @field_validator("location", mode="before")
    @classmethod
    def _portable(cls, location: Any) -> Any:
        return portable_location(location) if isinstance(location, str | Path) else location

    def open(self) -> Dataset:
        """Open the dataset.

        Raises:
            UnknownNameError: No such dataset, configuration or split.
            TpgbenchError: No such folder, or one that cannot be read.
        """
        return open_dataset(
            self.location,
            self.split,
            config=self.config,
            size=self.size,
            seed=self.seed,
            masks=self.masks,
        )


def portable_location(location: str | Path) -> str:
    """Return a registered name, or a folder's absolute path: other processes work elsewhere.

    A `Path` always means a folder, also one that is missing: it must not become a name. A text that
    is neither a name nor a folder is returned as it is; opening it says what is wrong.

    Raises:
        TpgbenchError: It is empty.
    """
    if not str(location):
        raise TpgbenchError("the dataset's name is empty: is a variable of your shell not set?")
    if isinstance(location, str) and location in DATASETS:
        return location
    path = Path(recordable(str(location), "dataset"))
    if path.is_dir():
        return str(path.resolve())
    return str(path.absolute()) if isinstance(location, Path) else location
