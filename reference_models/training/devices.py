"""accelerate, set up: processes, precision, tracker."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from ...core.errors import TpgbenchError, UnknownNameError
from .config import TrainingConfig

if TYPE_CHECKING:
    from accelerate import Accelerator

_PROJECT = "tpgbench"
_INSTALL = "pip install 'tpgbench[train]'"


def make_accelerator(config: TrainingConfig, logs: Path) -> Accelerator:
    """Return accelerate's view of this process, on the device that accelerate picks.

    Raises:
        TpgbenchError: accelerate or the tracker is not installed, or there is no such tracker.
    """
    try:
        from accelerate import Accelerator, DistributedDataParallelKwargs
        from accelerate.state import AcceleratorState
        from accelerate.utils import ProjectConfiguration
    except ImportError as error:
        raise TpgbenchError(f"training needs accelerate: {_INSTALL}") from error
    if config.tracker is not None:
        _check_tracker(config.tracker)
    # What an earlier training in this process set would be kept, its precision too.
    AcceleratorState._reset_state()
    return Accelerator(
        mixed_precision="no" if config.precision == "fp32" else config.precision,
        gradient_accumulation_steps=config.accumulation,
        log_with=config.tracker,
        project_config=ProjectConfiguration(project_dir=str(logs), logging_dir=str(logs)),
        # A batch without labels, say, leaves the parameters of some losses unused.
        kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=True)],
    )


def start_tracker(accelerator: Accelerator, config: TrainingConfig, step: int) -> None:
    """Start the tracker; what a killed session told TensorBoard after ``step`` is dropped."""
    if config.tracker is None:
        return
    settings = None
    if step == 0:
        # TensorBoard takes these types alone.
        settings = {
            name: value if isinstance(value, str | int | float) else str(value)
            for name, value in config.model_dump().items()
        }
    accelerator.init_trackers(
        _PROJECT, config=settings, init_kwargs={"tensorboard": {"purge_step": step + 1}}
    )


@contextmanager
def one_process() -> Iterator[bool]:
    """Tell the process that should write from the others, which wait until it has.

    Raises:
        TpgbenchError: accelerate is not installed.
    """
    try:
        from accelerate import PartialState
        from accelerate.utils import parse_flag_from_env
    except ImportError as error:
        raise TpgbenchError(f"training needs accelerate: {_INSTALL}") from error
    # As `Accelerator` asks: without it, processes on CPUs would each think they are alone.
    state = PartialState(cpu=parse_flag_from_env("ACCELERATE_USE_CPU"))
    try:
        yield bool(state.is_main_process)
    finally:
        state.wait_for_everyone()


def pick_device() -> torch.device:
    """Return the device that a training of this process runs on."""
    from accelerate import PartialState
    from accelerate.utils import parse_flag_from_env

    return torch.device(PartialState(cpu=parse_flag_from_env("ACCELERATE_USE_CPU")).device)


def _check_tracker(name: str) -> None:
    from accelerate.tracking import LOGGER_TYPE_TO_CLASS, get_available_trackers

    if name not in LOGGER_TYPE_TO_CLASS:
        raise UnknownNameError("tracker", name, LOGGER_TYPE_TO_CLASS)
    if name not in {str(tracker) for tracker in get_available_trackers()}:
        install = _INSTALL if name == "tensorboard" else f"pip install {name.replace('_', '-')}"
        raise TpgbenchError(f"the tracker {name} is not installed: {install}")
