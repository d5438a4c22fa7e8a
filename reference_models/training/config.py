"""The settings of a training, apart from its objective and its data."""

from __future__ import annotations

import math
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from .objective import ParameterGroup

# They control reporting and stopping, and change no weight.
_WITHOUT_EFFECT = {
    "log_every",
    "preview_every",
    "validate_every",
    "checkpoint_every",
    "checkpoint_minutes",
    "tracker",
    "max_minutes",
}


class TrainingConfig(BaseModel):
    """The settings of a training.

    Attributes:
        steps: Optimiser steps in total.
        batch_size: Samples per process and batch. An optimiser step sees ``batch_size *
            accumulation`` of them in each process.
        learning_rate: Of AdamW, at the end of the warm-up.
        schedule: ``"cosine"``, down to ``final_learning_rate`` at the last step, or
            ``"constant"``.
        warmup_steps: Steps over which the learning rate rises linearly.
        final_learning_rate: Where the cosine ends.
        betas: Of AdamW.
        weight_decay: Of AdamW, for parameter groups without their own.
        accumulation: Batches whose gradients are averaged per step.
        max_grad_norm: Gradients are scaled down to this norm.
        ema_decay: Of the moving average of the weights, which is the result; it warms up as
            ``(1 + step) / (10 + step)``. 0 keeps the last weights.
        precision: Of the computation; weights are always float32.
        seed: Of all randomness.
        log_every: Steps between log entries, and between checks that the losses are finite.
        preview_every: Steps between previews, or None for none.
        validate_every: Steps between validations, with one more at the end; None for none.
        checkpoint_every: Steps between states on disk, or None to save by time only.
        checkpoint_minutes: Minutes between them, at most.
        tracker: ``"tensorboard"`` or another tracker of accelerate, or None.
        max_minutes: Stop after this many minutes, all sessions together; training can resume.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    steps: int = Field(gt=0)
    batch_size: int = Field(gt=0)
    learning_rate: float = Field(gt=0)
    schedule: Literal["cosine", "constant"] = "cosine"
    warmup_steps: int = Field(default=0, ge=0)
    final_learning_rate: float = Field(default=0.0, ge=0)
    betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: float = Field(default=0.01, ge=0)
    accumulation: int = Field(default=1, gt=0)
    max_grad_norm: float = Field(default=1.0, gt=0)
    ema_decay: float = Field(default=0.999, ge=0, lt=1)
    precision: Literal["fp32", "bf16"] = "fp32"
    seed: int = Field(default=0, ge=0)
    log_every: int = Field(default=20, gt=0)
    preview_every: int | None = Field(default=None, gt=0)
    validate_every: int | None = Field(default=None, gt=0)
    checkpoint_every: int | None = Field(default=None, gt=0)
    checkpoint_minutes: float = Field(default=5.0, gt=0)
    tracker: str | None = "tensorboard"
    max_minutes: float | None = Field(default=None, gt=0)

    def identity(self) -> dict[str, Any]:
        """Return the settings that change the weights after a given step.

        The number of steps is not among them where the learning rate does not depend on it.
        """
        without = _WITHOUT_EFFECT | ({"steps"} if self.schedule == "constant" else set())
        return self.model_dump(mode="json", exclude=without)

    def learning_rate_at(self, step: int, group: ParameterGroup) -> float:
        """Return the learning rate of a parameter group in a step, counted from 0."""
        rate = self.learning_rate
        if step < self.warmup_steps:
            rate *= (step + 1) / self.warmup_steps
        elif self.schedule == "cosine" and not group.constant_lr:
            done = (step - self.warmup_steps) / max(1, self.steps - 1 - self.warmup_steps)
            rate = self.final_learning_rate + (rate - self.final_learning_rate) * 0.5 * (
                1 + math.cos(math.pi * min(done, 1.0))
            )
        return rate * group.lr_factor
