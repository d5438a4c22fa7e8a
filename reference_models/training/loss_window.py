"""Losses are fetched from the device at intervals, not at every step."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from ...core.errors import TpgbenchError


class LossWindow:
    """Collects the losses of steps on their device, and returns their means.

    Args:
        average: Averages a tensor over the processes.
    """

    def __init__(self, average: Callable[[Tensor], Tensor]) -> None:
        self._average = average
        self._names: tuple[str, ...] = ()
        self._pending: list[Tensor] = []
        self._fetched: list[Tensor] = []

    def add(self, names: Sequence[str], losses: Tensor, gradient_norm: Tensor) -> None:
        """Add the losses of one step, without waiting for the device.

        Args:
            names: Of the losses, the same at every step.
            losses: (N,), on any device.
            gradient_norm: Scalar.

        Raises:
            ValueError: The names differ from those of earlier steps.
        """
        if self._names and self._names != tuple(names):
            raise ValueError(f"losses {', '.join(names)} after {', '.join(self._names)}")
        self._names = tuple(names)
        self._pending.append(torch.cat([losses, gradient_norm.to(losses.device)[None]]))

    def fetch(self, step: int) -> None:
        """Fetch what is pending and check that it is finite. All processes do this together.

        Args:
            step: How many steps are done.

        Raises:
            TpgbenchError: A loss or the gradient is not finite; the message names it and the step.
        """
        if not self._pending:
            return
        rows = self._average(torch.stack(self._pending)).cpu()
        first = step - len(self._pending) + 1
        self._pending.clear()
        finite = rows.isfinite()
        if not finite.all():
            index = int((~finite.all(dim=1)).nonzero()[0])
            culprits = [
                f"the loss '{name}'"
                for name, good in zip(self._names, finite[index].tolist(), strict=False)
                if not good
            ]
            raise TpgbenchError(
                f"step {first + index}: {' and '.join(culprits) or 'the gradient'} is not finite; "
                "the last good state is kept; train in another folder with a lower learning "
                "rate, a longer warm-up or precision fp32"
            )
        self._fetched.append(rows)

    def means(self) -> tuple[dict[str, float], float]:
        """Return the mean losses and gradient norm of the fetched steps, and clear them."""
        mean = torch.cat(self._fetched).double().mean(dim=0).tolist()
        self._fetched.clear()
        return dict(zip(self._names, mean, strict=False)), mean[-1]
