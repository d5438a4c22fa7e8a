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
    """Parameters that are optimised alike.

    Attributes:
        parameters: Those of the group; no two groups share one.
        lr_factor: Times the learning rate of the configuration.
        constant_lr: Whether the learning rate stays up after the warm-up, whatever the schedule:
            the predictor of SimSiam wants that.
        weight_decay: None for that of the configuration.
    """

    parameters: tuple[nn.Parameter, ...]
    lr_factor: float = 1.0
    constant_lr: bool = False
    weight_decay: float | None = None


class Objective(nn.Module, ABC):
    """What is optimised: networks and the losses that tie them. Frozen parts need no gradient."""

    @abstractmethod
    def forward(self, batch: Mapping[str, Tensor], generator: torch.Generator) -> dict[str, Tensor]:
        """Return the weighted losses by name; their sum is minimised.

        Args:
            batch: What `Batches.take` gave, on the device of the parameters.
            generator: All randomness comes from it, so that a resumed training is the same.

        Returns:
            Scalars, each a mean over the batch; the same names at every step.
        """

    def parameter_groups(self) -> list[ParameterGroup]:
        """Return all parameters that need a gradient, each in one group."""
        return [ParameterGroup(tuple(p for p in self.parameters() if p.requires_grad))]

    def preview(self, batch: Mapping[str, Tensor]) -> Tensor | None:
        """Draw what the networks make of a batch, always the same, in evaluation mode.

        Returns:
            A picture, uint8 (3, H, W), or None to have none.
        """
        return None

    def validate(self) -> dict[str, float]:
        """Return held-out figures by name, in evaluation mode. They show as ``validation/name``."""
        return {}

    def identity(self) -> dict[str, Any]:
        """Return what else determines the result: loss weights, frozen networks, sizes.

        Returns:
            JSON values by name. A training resumes only where they are the same.
        """
        return {}


class Batches(ABC):
    """Where batches come from. Both methods are called from one thread, not the trainer's."""

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
            TpgbenchError: A row cannot be had.
        """

    def prepare(self, step: int, ranks: int) -> None:  # noqa: B027
        """Have what a later step takes made, without waiting."""

    def identity(self) -> dict[str, Any]:
        """Return what determines the batches, as `Objective.identity` does."""
        return {}


def read_ahead(
    batches: Batches, steps: range, rank: int, ranks: int, *, pin: bool
) -> Generator[dict[str, Tensor], None, None]:
    """Yield the batches of these steps. Close the generator to end it early.

    Args:
        batches: Where they come from; asked from one thread.
        steps: Which.
        rank: Which process this is.
        ranks: How many there are.
        pin: Whether to put them where a GPU fetches them without waiting.

    Raises:
        TpgbenchError: A row cannot be had.
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
