"""Adaptive enhancement: band gains inside the DDIM step, in any pipeline of diffusers."""

from __future__ import annotations

from typing import Any, Protocol

import torch
from diffusers import DDIMScheduler
from diffusers.schedulers.scheduling_ddim import DDIMSchedulerOutput
from torch import Tensor
from torch.nn import functional

from ...core.errors import TpgbenchError
from ..shared.estimate import estimate_clean
from .bands import LEVELS, band_deviations, split_bands
from .statistics import BandStatistics

MAX_TOTAL_GAIN = 2.0


class GainRule(Protocol):
    """A rule for the gain of each band."""

    def check(self, latents: Tensor, alphas: Tensor) -> None:
        """Raise `TpgbenchError` if it is for other latents or another noise schedule."""

    def gains(self, deviations: Tensor, timestep: int, timesteps: int, *, masked: bool) -> Tensor:
        """Return the gains.

        Args:
            deviations: Of the estimate's bands, (B, levels, C).
            timestep: At the start of the step.
            timesteps: Of the schedule.
            masked: Whether the deviations are of garments.

        Returns:
            (B, levels, C); each row depends only on the same row of ``deviations``.
        """


class StatisticalGain:
    """The training-free rule: a band that is weaker than in training is amplified.

    ``gain = clip((reference / deviation) ** gamma, 1, max_gain)``.

    Args:
        statistics: The references.
        gamma: 0 for no gain; 1 raises a band to the reference at once.
        max_gain: Cap of the gain per step.

    Raises:
        TpgbenchError: gamma below 0 or max_gain below 1.
    """

    def __init__(
        self, statistics: BandStatistics, *, gamma: float = 0.5, max_gain: float = 1.2
    ) -> None:
        if gamma < 0 or max_gain < 1:
            raise TpgbenchError(
                f"gamma {gamma:g}, max_gain {max_gain:g}: give gamma >= 0 and max_gain >= 1"
            )
        self.statistics = statistics
        self.gamma = gamma
        self.max_gain = max_gain

    def check(self, latents: Tensor, alphas: Tensor) -> None:
        """Raise if the statistics are for other latents or another schedule."""
        self.statistics.check_schedule(alphas)
        self.statistics.check_latents(latents)

    def gains(self, deviations: Tensor, timestep: int, timesteps: int, *, masked: bool) -> Tensor:
        """Return the gains, from 1 to ``max_gain``."""
        reference = self.statistics.at(timestep, timesteps, masked=masked).to(deviations)
        return (reference / deviations).pow(self.gamma).clamp(1.0, self.max_gain)


class AdaptiveEnhancementScheduler(DDIMScheduler):  # type: ignore[misc]  # diffusers is untyped
    """DDIM that enhances the detail of its estimate at each step.

    The estimate x0 is split into bands, each is multiplied by its own gain, and the noise that
    belongs to the new estimate replaces the predicted noise, so that DDIM's x0 term and direction
    term change together. The last level of the pyramid is not changed. Gains are computed again at
    each step, so a band that is strong enough is left alone; they still accumulate, so they are
    capped.

    Make one from any pipeline's scheduler with `from_scheduler`; without a rule it is plain DDIM.
    With gains of 1 its results are bit-identical to DDIM's. Samples of a batch are independent.

    Attributes:
        rule: Of the gains, or None.
        max_total_gain: Cap of the product of a band's gains since ``set_timesteps``; its inverse is
            the lower bound.

    Source: ours, from one sentence of the abstract of LoRA-DAE (Liu et al., Application Research
    of Computers 42(8), 2025); its equations are not public.
    """

    rule: GainRule | None = None
    max_total_gain: float = MAX_TOTAL_GAIN
    _mask: Tensor | None = None
    _so_far: Tensor | None = None  # the product of the gains so far, (B, levels, C)

    @classmethod
    def from_scheduler(
        cls,
        scheduler: Any,
        rule: GainRule | None = None,
        *,
        max_total_gain: float = MAX_TOTAL_GAIN,
    ) -> AdaptiveEnhancementScheduler:
        """Return one with another scheduler's noise schedule and prediction type.

        Raises:
            TpgbenchError: max_total_gain below 1, or a schedule without an estimate at its end.
        """
        if max_total_gain < 1:
            raise TpgbenchError(f"max_total_gain {max_total_gain:g}: give at least 1")
        clip = scheduler.config.get("clip_sample", False)  # DDIM's default is for pixels
        made: AdaptiveEnhancementScheduler = cls.from_config(scheduler.config, clip_sample=clip)
        if made.config.prediction_type == "epsilon" and float(made.alphas_cumprod[-1]) == 0:
            raise TpgbenchError(
                "the schedule ends in pure noise (zero terminal SNR), from which the "
                "output of a network that predicts noise gives no estimate: give a base with "
                "v_prediction"
            )
        made.rule = rule
        made.max_total_gain = max_total_gain
        return made

    def set_timesteps(self, *arguments: Any, **named: Any) -> None:
        """Set the timesteps, as DDIM does, and reset the total gains."""
        self._so_far = None
        super().set_timesteps(*arguments, **named)

    def set_mask(self, mask: Tensor | None) -> None:
        """Enhance only inside garments from now on.

        Args:
            mask: From 0 to 1 at any resolution, (B, 1, H, W), one per sample or one for all; None
                for whole images.
        """
        self._mask = mask

    def step(  # noqa: PLR0917 (diffusers')
        self,
        model_output: Tensor,
        timestep: int,
        sample: Tensor,
        eta: float = 0.0,
        use_clipped_model_output: bool = False,
        generator: torch.Generator | None = None,
        variance_noise: Tensor | None = None,
        return_dict: bool = True,
    ) -> DDIMSchedulerOutput | tuple[Tensor, Tensor]:
        """Enhance the estimate, then step as DDIM does; arguments and result are DDIM's.

        Raises:
            TpgbenchError: The rule, or the mask, is for other latents.
        """
        if self.rule is not None:
            model_output = self._enhance(model_output, int(timestep), sample, self.rule)
        return super().step(
            model_output,
            timestep,
            sample,
            eta=eta,
            use_clipped_model_output=use_clipped_model_output,
            generator=generator,
            variance_noise=variance_noise,
            return_dict=return_dict,
        )

    def _enhance(self, output: Tensor, timestep: int, sample: Tensor, rule: GainRule) -> Tensor:
        """Return the model output that corresponds to the enhanced estimate."""
        rule.check(sample, self.alphas_cumprod)
        alpha = self.alphas_cumprod[timestep].to(sample.device, torch.float32)
        kind = self.config.prediction_type
        estimate = estimate_clean(output.float(), sample.float(), alpha, kind)
        mask = self._fitted_mask(sample)
        bands = split_bands(estimate, LEVELS)
        gains = rule.gains(
            band_deviations(bands, mask),
            timestep,
            self.config.num_train_timesteps,
            masked=mask is not None,
        )
        gains = self._within_total(gains)
        change = sum(
            (gains[:, level, :, None, None] - 1) * band for level, band in enumerate(bands)
        )
        if mask is not None:
            change = change * mask
        # As a difference: with gains of 1 nothing is rounded.
        factors = {
            "epsilon": -(alpha / (1 - alpha)).sqrt(),
            "sample": torch.ones_like(alpha),
            "v_prediction": -1 / (1 - alpha).sqrt(),
        }
        enhanced: Tensor = output.float() + factors[kind] * change
        return enhanced.to(output.dtype)

    def _within_total(self, gains: Tensor) -> Tensor:
        """Return the gains, limited so that their product stays within the cap."""
        so_far = self._so_far
        if so_far is None or so_far.shape != gains.shape:
            so_far = torch.ones_like(gains)
        least, most = 1 / (self.max_total_gain * so_far), self.max_total_gain / so_far
        allowed = gains.maximum(least).minimum(most)
        self._so_far = so_far * allowed
        return allowed

    def _fitted_mask(self, sample: Tensor) -> Tensor | None:
        if self._mask is None:
            return None
        if len(self._mask) not in (1, len(sample)):
            raise TpgbenchError(
                f"{len(self._mask)} masks for {len(sample)} samples: give one per sample, or one "
                "for all"
            )
        mask = self._mask.to(sample.device, torch.float32)
        fitted: Tensor = functional.adaptive_avg_pool2d(mask, (sample.shape[-2], sample.shape[-1]))
        return fitted
