"""The loop that trains any `Objective`: on one device or many, resumed exactly."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from diffusers.training_utils import EMAModel
from rich.console import Console
from torch import Tensor, nn

from ...benchmark.memory import is_out_of_memory
from ...core.errors import TpgbenchError
from ...core.progress import stderr_console
from .config import TrainingConfig
from .devices import make_accelerator, start_tracker
from .folder import CurvePoint, TrainingFolder
from .interrupts import noted_interrupts
from .loss_window import LossWindow
from .objective import Batches, Objective, read_ahead
from .progress import TrainingProgress
from .state import load_trained_tensors, read_state, trained_tensors, write_state

if TYPE_CHECKING:
    from accelerate import Accelerator


@dataclass(frozen=True)
class TrainingSummary:
    """The result of a training.

    Attributes:
        steps: Optimiser steps done, by all sessions.
        samples: Samples seen.
        seconds: Training time, with validations.
        losses: Means of the last interval.
        validation: The last validation metrics; empty in all processes but the first.
        finished: Whether all steps are done; False if the time limit came first.
    """

    steps: int
    samples: int
    seconds: float
    losses: dict[str, float]
    validation: dict[str, float]
    finished: bool


def train(
    objective: Objective,
    batches: Batches,
    config: TrainingConfig,
    folder: Path,
    *,
    begun: Callable[[], None] | None = None,
    console: Console | None = None,
) -> TrainingSummary:
    """Train, or resume an earlier session in the same folder that stopped or was killed.

    On a CPU the weights are then bit-identical to those of an uninterrupted session. In the
    folder: ``state.pt`` to resume from, ``curve.jsonl``, ``previews/`` and the tracker's
    ``logs/``. Under ``accelerate launch`` every process calls this.

    Args:
        objective: Holds the averaged weights afterwards, in evaluation mode on the device.
        batches: The training data.
        config: The settings.
        folder: Of this training only.
        begun: Called after the first step of this session, by the first process only: before
            that, a training may still be refused.
        console: For progress; stderr if None.

    Raises:
        TpgbenchError: A loss is not finite, memory ran out, the folder is of another training or
            in use, or a package is not installed.
        KeyboardInterrupt: Ctrl-C or SIGTERM; the state is saved.
    """
    place = TrainingFolder(folder)
    accelerator = make_accelerator(config, place.logs)
    main = accelerator.is_main_process
    if console is None or not main:
        console = stderr_console(quiet=not main)
    with place.locked() if main else nullcontext():
        try:
            session = _Session(
                accelerator,
                objective,
                batches,
                config,
                folder=place,
                begun=begun if main else None,
                console=console,
            )
            with closing(session):
                return session.run()
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            raise TpgbenchError(
                "out of memory: lower batch_size (and raise accumulation by as much, for the same "
                "result) or the size of the images"
                + (", or give precision bf16" if config.precision == "fp32" else "")
            ) from error


class _Session:
    """A training in one process, from start or resume to the end."""

    def __init__(
        self,
        accelerator: Accelerator,
        objective: Objective,
        batches: Batches,
        config: TrainingConfig,
        *,
        folder: TrainingFolder,
        begun: Callable[[], None] | None,
        console: Console,
    ) -> None:
        self.accelerator = accelerator
        self.objective = objective
        self.batches = batches
        self.config = config
        self.folder = folder
        self.begun = begun
        self.console = console
        self.rank, self.ranks = accelerator.process_index, accelerator.num_processes
        self.samples_per_step = config.batch_size * config.accumulation * self.ranks
        self.identity = {
            "config": config.identity(),
            "objective": objective.identity(),
            "batches": batches.identity(),
            "processes": self.ranks,
        }

        objective.to(memory_format=torch.channels_last)
        self.groups = objective.parameter_groups()
        self.parameters = [p for group in self.groups for p in group.parameters]
        if {id(p) for p in self.parameters} != {
            id(p) for p in objective.parameters() if p.requires_grad
        }:
            raise ValueError("the parameter groups are not all parameters that need a gradient")
        adam = torch.optim.AdamW(
            [
                {
                    "params": list(group.parameters),
                    "weight_decay": config.weight_decay
                    if group.weight_decay is None
                    else group.weight_decay,
                }
                for group in self.groups
            ],
            lr=config.learning_rate,
            betas=config.betas,
            fused=accelerator.device.type in ("cpu", "cuda"),
        )
        self.wrapped: nn.Module
        self.wrapped, self.optimizer = accelerator.prepare(objective, adam)
        self.ema = EMAModel(self.parameters, decay=config.ema_decay, foreach=True)
        self.generator = torch.Generator(accelerator.device)
        self.window = LossWindow(lambda rows: accelerator.reduce(rows, reduction="mean"))

        self.step = 0
        self.seconds_before = 0.0
        self.losses: dict[str, float] = {}
        self.validation: dict[str, float] = {}
        self.start = self.saved = time.monotonic()

    @property
    def seconds(self) -> float:
        """Training time of all sessions until now."""
        return self.seconds_before + time.monotonic() - self.start

    def _resume(self) -> None:
        path = self.folder.state_path
        state = read_state(path, self.identity)
        if state is not None:
            load_trained_tensors(self.objective, state["objective"], path)
            self.optimizer.load_state_dict(state["optimizer"])
            self.ema.load_state_dict(state["ema"])
            self.ema.to(self.accelerator.device)
            self.step, self.seconds_before = state["step"], state["seconds"]
            self.losses, self.validation = state["losses"], state["validation"]
        if self.accelerator.is_main_process:
            self.folder.cut_curve(self.step)

    def _save(self) -> None:
        """Write the state; all processes hold the same one, except for batch statistics."""
        self.saved = time.monotonic()
        if not self.accelerator.is_main_process:
            return
        state = {
            "objective": trained_tensors(self.objective),
            "optimizer": self.optimizer.state_dict(),
            "ema": self.ema.state_dict(),
            "step": self.step,
            "seconds": self.seconds,
            "losses": self.losses,
            "validation": self.validation,
        }
        write_state(self.folder.state_path, state, self.identity)

    def run(self) -> TrainingSummary:
        """Train to the end, or to the time limit."""
        self._resume()
        self.objective.train()
        progress = TrainingProgress(self.console, self.config, self.samples_per_step, self.step)
        if self.step:
            progress.say(f"train: resumes after step {self.step} of {self.config.steps}")
        if self.step < self.config.steps and not self._is_time_up(self.seconds_before):
            start_tracker(self.accelerator, self.config, self.step)
            self.start = self.saved = time.monotonic()
            with noted_interrupts() as interrupted, progress:
                self._loop(interrupted, progress)
            if interrupted.is_set() and self.step < self.config.steps:
                raise KeyboardInterrupt(
                    f"stopped after step {self.step}; the same command resumes there"
                )
        if self.step < self.config.steps:
            progress.say(
                f"train: {self.config.max_minutes:g} minutes are up after step {self.step} of "
                f"{self.config.steps}; raise --minutes to resume"
            )
        self.ema.copy_to(self.parameters)
        return TrainingSummary(
            steps=self.step,
            samples=self.step * self.samples_per_step,
            seconds=self.seconds,
            losses=self.losses,
            validation=self.validation,
            finished=self.step >= self.config.steps,
        )

    def close(self) -> None:
        """Restore the objective, apart from its weights."""
        for tracker in self.accelerator.trackers:
            tracker.finish()
        self.accelerator.unwrap_model(self.wrapped, keep_fp32_wrapper=False)
        self.objective.eval()

    def _loop(self, interrupted: threading.Event, progress: TrainingProgress) -> None:
        config = self.config
        preview_batch = None
        if config.preview_every is not None and self.accelerator.is_main_process:
            with progress.waiting():
                preview_batch = self.batches.take(0, self.rank, self.ranks)
        steps = range(self.step * config.accumulation, config.steps * config.accumulation)
        pin = self.accelerator.device.type == "cuda"
        stream = read_ahead(self.batches, steps, self.rank, self.ranks, pin=pin)
        with closing(stream):
            with progress.waiting():
                first = next(stream)
            following = chain((first,), stream)
            while self.step < config.steps:
                self._train_step(following)
                if self.begun is not None:
                    self.begun()
                    self.begun = None
                progress.advance(self.step)
                ends = self.step == config.steps
                logs = ends or self._is_due(config.log_every)
                stops = self._must_stop(interrupted, logs)
                ends = ends or (stops and not interrupted.is_set())
                validates = config.validate_every is not None and (
                    ends or self._is_due(config.validate_every)
                )
                previews = config.preview_every is not None and (
                    ends or self._is_due(config.preview_every)
                )
                saves = ends or stops or self._is_due(config.checkpoint_every)
                if logs or validates or previews or saves:
                    self.window.fetch(self.step)
                if logs or validates or ends:
                    self._log(progress, validates=validates)
                if preview_batch is not None and previews:
                    self._preview(preview_batch)
                waited = time.monotonic() - self.saved >= config.checkpoint_minutes * 60
                if saves or (logs and waited):
                    self._save()
                if stops:
                    return

    def _train_step(self, stream: Iterator[dict[str, Tensor]]) -> None:
        config, device = self.config, self.accelerator.device
        for group, settings in zip(self.optimizer.param_groups, self.groups, strict=True):
            group["lr"] = config.learning_rate_at(self.step, settings)
        total: Tensor | None = None
        for part in range(config.accumulation):
            batch = {n: t.to(device, non_blocking=True) for n, t in next(stream).items()}
            self._seed(self.step * config.accumulation + part)
            with self.accelerator.accumulate(self.wrapped):
                losses: dict[str, Tensor] = self.wrapped(batch, self.generator)
                values = torch.stack(list(losses.values())).float()
                self.accelerator.backward(values.sum())
                detached = values.detach() / config.accumulation
                total = detached if total is None else total + detached
                if self.accelerator.sync_gradients:
                    norm = self.accelerator.clip_grad_norm_(self.parameters, config.max_grad_norm)
                    self.window.add(tuple(losses), total, norm)
                self.optimizer.step()
                self.optimizer.zero_grad()
        self.ema.step(self.parameters)
        self.step += 1

    def _seed(self, step: int) -> None:
        """Make all randomness that follows a function of the step and the process."""
        ours, torchs = np.random.SeedSequence((self.config.seed, step, self.rank)).generate_state(2)
        self.generator.manual_seed(int(ours))
        torch.manual_seed(int(torchs))  # for dropout, which takes no generator

    def _is_due(self, every: int | None) -> bool:
        return every is not None and self.step % every == 0

    def _is_time_up(self, seconds: float) -> bool:
        minutes = self.config.max_minutes
        return minutes is not None and seconds >= minutes * 60

    def _must_stop(self, interrupted: threading.Event, logs: bool) -> bool:
        """Whether to stop here; all processes agree."""
        wanted = interrupted.is_set() or self._is_time_up(self.seconds)
        if self.ranks == 1:
            return wanted
        if not logs:
            return False
        votes = torch.tensor([float(interrupted.is_set()), float(wanted)])
        votes = self.accelerator.reduce(votes.to(self.accelerator.device), reduction="sum")
        if votes[0] > 0:
            interrupted.set()
        return bool(votes[1] > 0)

    def _log(self, progress: TrainingProgress, *, validates: bool) -> None:
        self.losses, norm = self.window.means()
        metrics: dict[str, float] = {}
        if not self.accelerator.is_main_process:
            return
        if validates:
            with self._averaged_weights():
                metrics = self.validation = self.objective.validate()
        rate = self.config.learning_rate_at(self.step - 1, self.groups[0])
        self.folder.add_point(
            CurvePoint(
                step=self.step,
                samples=self.step * self.samples_per_step,
                seconds=self.seconds,
                learning_rate=rate,
                losses=self.losses,
                gradient_norm=norm,
                validation=metrics,
            )
        )
        progress.report(self.step, self.seconds, self.losses)
        self.accelerator.log(
            {f"loss/{name}": value for name, value in self.losses.items()}
            | {f"validation/{name}": value for name, value in metrics.items()}
            | {"gradient_norm": norm, "learning_rate": rate},
            step=self.step,
        )

    def _preview(self, batch: Mapping[str, Tensor]) -> None:
        device = self.accelerator.device
        with self._averaged_weights():
            picture = self.objective.preview({n: t.to(device) for n, t in batch.items()})
        if picture is None:
            return
        array = picture.permute(1, 2, 0).cpu().numpy()
        self.folder.write_preview(self.step, array)
        for tracker in self.accelerator.trackers:
            if tracker.name == "tensorboard":
                tracker.log_images({"preview": array[None]}, step=self.step, dataformats="NHWC")
            elif hasattr(tracker, "log_images"):
                tracker.log_images({"preview": [array]}, step=self.step)

    @contextmanager
    def _averaged_weights(self) -> Iterator[None]:
        """Use the averaged weights, for evaluation, and restore everything afterwards."""
        buffers = [buffer.clone() for buffer in self.objective.buffers()]
        self.ema.store(self.parameters)
        self.ema.copy_to(self.parameters)
        self.objective.eval()
        try:
            # The same seed each time, so that only the weights differ.
            torch.manual_seed(self.config.seed)
            with torch.no_grad(), self.accelerator.autocast():
                yield
        finally:
            self.objective.train()
            self.ema.restore(self.parameters)
            for buffer, value in zip(self.objective.buffers(), buffers, strict=True):
                buffer.copy_(value)
