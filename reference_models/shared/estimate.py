"""The one-step estimate of a clean latent."""

from __future__ import annotations

from torch import Tensor


def estimate_clean(output: Tensor, noisy: Tensor, alpha: Tensor, kind: str) -> Tensor:
    """Return the clean latent x0 that a network's output stands for.

    Args:
        output: Of the network, (B, C, h, w).
        noisy: The noisy latent that it was given, the same shape.
        alpha: The cumulative alpha at its timestep, broadcastable.
        kind: The scheduler's ``prediction_type``.
    """
    if kind == "epsilon":
        return (noisy - (1 - alpha).sqrt() * output) / alpha.sqrt()
    if kind == "sample":
        return output
    return alpha.sqrt() * noisy - (1 - alpha).sqrt() * output
