"""What a trainer is given: losses to minimise, and batches that are functions of the step."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn


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
