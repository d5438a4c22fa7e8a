"""The input of a trainer: losses to minimise, and batches that are functions of the step."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

_PREPARED_STEPS = 64  # a block of rows takes seconds to make


@dataclass(frozen=True)
class ParameterGroup:
    """Parameters with the same optimiser settings.

    Attributes:
        parameters: Of the group; no two groups share one.
        lr_factor: Multiplies the learning rate of the configuration.
        constant_lr: Whether the learning rate is constant after the warm-up, whatever the
            schedule: the predictor of SimSiam needs that.
        weight_decay: None for that of the configuration.
    """

    parameters: tuple[nn.Parameter, ...]
    lr_factor: float = 1.0
    constant_lr: bool = False
    weight_decay: float | None = None


class Objective(nn.Module, ABC):
    """The networks that are optimised, with their losses. Frozen parts require no gradient."""

    @abstractmethod
    def forward(self, batch: Mapping[str, Tensor], generator: torch.Generator) -> dict[str, Tensor]:
        """Return the weighted losses by name; their sum is minimised.

        Args:
            batch: From `Batches.take`, on the device of the parameters.
            generator: The only source of randomness, so that a resumed training is the same.

        Returns:
            Scalars, each a mean over the batch; the same names at every step.
        """

    def parameter_groups(self) -> list[ParameterGroup]:
        """Return all parameters that need a gradient, each in one group."""
        return [ParameterGroup(tuple(p for p in self.parameters() if p.requires_grad))]

    def preview(self, batch: Mapping[str, Tensor]) -> Tensor | None:
        """Return an image of the networks' output for a batch, in evaluation mode; deterministic.

        Returns:
            uint8 (3, H, W), or None for no preview.
        """
        return None

    def validate(self) -> dict[str, float]:
        """Return validation metrics by name, in evaluation mode; logged as ``validation/name``."""
        return {}

    def identity(self) -> dict[str, Any]:
        """Return what else determines the result: loss weights, frozen networks, sizes.

        Returns:
            JSON values by name. A training resumes only if they are the same.
        """
        return {}


class Batches(ABC):
    """A source of batches. `take` and `prepare` are called from one thread, not the trainer's."""

    @abstractmethod
    def take(self, step: int, rank: int, ranks: int) -> dict[str, Tensor]:
        """Return one batch: a pure function of the arguments, so that a resume needs no state.

        Args:
            step: From 0. With gradient accumulation each optimiser step takes several.
            rank: Which process asks.
            ranks: How many processes there are; together they take the batches of a step.

        Returns:
            Tensors by name, on the CPU.

        Raises:
            TpgbenchError: A row cannot be read.
        """

    def prepare(self, step: int, ranks: int) -> None:  # noqa: B027
        """Start making the rows of a later step, without waiting."""

    def identity(self) -> dict[str, Any]:
        """Return what determines the batches, as `Objective.identity` does."""
        return {}


def read_ahead(
    batches: Batches, steps: range, rank: int, ranks: int, *, pin: bool
) -> Generator[dict[str, Tensor], None, None]:
    """Yield the batches of these steps, reading the next one ahead. Close it to stop early.

    Args:
        batches: Their source; called from one thread.
        steps: Of the batches.
        rank: Of this process.
        ranks: How many processes there are.
        pin: Whether to pin their memory, for asynchronous copies to a GPU.

    Raises:
        TpgbenchError: A row cannot be read.
    """

    def take(step: int) -> dict[str, Tensor]:
        batch = batches.take(step, rank, ranks)
        return {name: value.pin_memory() for name, value in batch.items()} if pin else batch

    def prepare(ahead: range) -> None:
        for step in ahead:
            batches.prepare(step, ranks)

    with ThreadPoolExecutor(1, "read-ahead") as thread:
        upcoming = thread.submit(take, steps[0])
        thread.submit(prepare, steps[:_PREPARED_STEPS])
        try:
            for place in range(len(steps)):
                batch = upcoming.result()
                if place + 1 < len(steps):
                    upcoming = thread.submit(take, steps[place + 1])
                    ahead = place + _PREPARED_STEPS
                    thread.submit(prepare, steps[ahead : ahead + 1])
                yield batch
        finally:
            thread.shutdown(cancel_futures=True)
