"""Setting up accelerate: processes, precision, tracker."""

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
    # Settings of an earlier training in this process, such as its precision, would be kept.
    AcceleratorState._reset_state()
    return Accelerator(
        mixed_precision="no" if config.precision == "fp32" else config.precision,
        gradient_accumulation_steps=config.accumulation,
        log_with=config.tracker,
        project_config=ProjectConfiguration(project_dir=str(logs), logging_dir=str(logs)),
        # A batch without labels, for example, leaves the parameters of some losses unused.
        kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=True)],
    )


def start_tracker(accelerator: Accelerator, config: TrainingConfig, step: int) -> None:
    """Start the tracker; entries of TensorBoard after ``step`` of a killed session are dropped."""
    if config.tracker is None:
        return
    settings = None
    if step == 0:
        # TensorBoard takes these types only.
        settings = {
            name: value if isinstance(value, str | int | float) else str(value)
            for name, value in config.model_dump().items()
        }
    accelerator.init_trackers(
        _PROJECT, config=settings, init_kwargs={"tensorboard": {"purge_step": step + 1}}
    )


@contextmanager
def one_process() -> Iterator[bool]:
    """Yield whether this process is the one that writes; the others wait until it has.

    Raises:
        TpgbenchError: accelerate is not installed.
    """
    try:
        from accelerate import PartialState
        from accelerate.utils import parse_flag_from_env
    except ImportError as error:
        raise TpgbenchError(f"training needs accelerate: {_INSTALL}") from error
    # As `Accelerator` does: without it, each process on a CPU would take itself for the only one.
    state = PartialState(cpu=parse_flag_from_env("ACCELERATE_USE_CPU"))
    try:
        yield bool(state.is_main_process)
    finally:
        state.wait_for_everyone()


def pick_device() -> torch.device:
    """Return the device that training uses in this process."""
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
