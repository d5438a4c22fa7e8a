"""The trainable enhancement: a small network predicts the gains."""

from __future__ import annotations

import math
from pathlib import Path

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from safetensors import SafetensorError
from torch import Tensor, nn

from ...core.folders import recover
from .adapter import PREDICTOR_FOLDER, no_predictor
from .statistics import BandStatistics


class GainPredictor(ModelMixin, ConfigMixin):  # type: ignore[misc]  # diffusers is untyped
    """Predicts gains from a timestep and the logarithms of the band deviations.

    The last layer starts at zero, so all gains start at 1. They stay between ``1 / max_gain`` and
    ``max_gain``: a trained predictor may also weaken a band.

    Args:
        levels: Bands of the pyramid.
        channels: Of the latents.
        width: Of the hidden layer.
        max_gain: The cap.
    """

    @register_to_config  # type: ignore[untyped-decorator]
    def __init__(
        self, *, levels: int = 2, channels: int = 4, width: int = 64, max_gain: float = 1.2
    ) -> None:
        super().__init__()
        self.hidden = nn.Linear(2 + levels * channels, width)
        self.out = nn.Linear(width, levels * channels)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)
        self._log_cap = math.log(max_gain)

    def forward(self, deviations: Tensor, time: Tensor) -> Tensor:
        """Return the logarithms of the gains, (B, levels, C).

        Args:
            deviations: (B, levels, C), positive.
            time: Timestep as a share of all, (B,), from 0 (clean) to 1 (noise).
        """
        turns = time[:, None] * (math.pi / 2)
        given = torch.cat([deviations.log().flatten(1), turns.sin(), turns.cos()], dim=1)
        output: Tensor = self.out(nn.functional.silu(self.hidden(given)))
        return self._log_cap * output.tanh().reshape(deviations.shape)


class LearnedGain:
    """The gain rule of a trained `GainPredictor`.

    Args:
        predictor: The network.
        statistics: Of the same training; they identify the schedule and latents it is for.
    """

    def __init__(self, predictor: GainPredictor, statistics: BandStatistics) -> None:
        self.predictor = predictor
        self.statistics = statistics

    def check(self, latents: Tensor, alphas: Tensor) -> None:
        """Raise if it is for other latents or another schedule."""
        self.statistics.check_schedule(alphas)
        self.statistics.check_latents(latents)

    @torch.no_grad()
    def gains(self, deviations: Tensor, timestep: int, timesteps: int, *, masked: bool) -> Tensor:
        """Return the gains, from ``1 / max_gain`` to ``max_gain``."""
        time = torch.full((1,), timestep / timesteps, device=deviations.device)
        self.predictor.to(deviations.device)  # a scheduler has no device
        # Row by row: the rounding of a matrix product may depend on the number of rows.
        rows = [self.predictor(row[None], time) for row in deviations]
        return torch.cat(rows).exp()


def load_gain_predictor(folder: Path) -> GainPredictor:
    """Read a trained predictor from a LoRA-DAE folder.

    Raises:
        TpgbenchError: There is none, or it is damaged.
    """
    recover(folder / PREDICTOR_FOLDER)
    try:
        loaded: GainPredictor = GainPredictor.from_pretrained(
            folder / PREDICTOR_FOLDER, use_safetensors=True
        )
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise no_predictor(folder) from error
    return loaded
