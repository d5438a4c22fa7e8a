"""The objectives of the stages: reconstruction, noise prediction, and band energies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from diffusers import DDIMScheduler
from torch import Tensor
from torch.nn import functional

from ..shared.estimate import estimate_clean
from ..shared.image_losses import autoencoder_losses
from ..training.objective import Objective
from .bands import LEVELS, band_deviations, split_bands
from .gain_predictor import GainPredictor
from .lora import sample_weights


class ReconstructionObjective(Objective):
    """Trains the autoencoder of the tiny base to reconstruct photos."""

    def __init__(self, vae: Any) -> None:
        super().__init__()
        self.vae = vae

    def forward(self, batch: Mapping[str, Tensor], generator: torch.Generator) -> dict[str, Tensor]:
        """Return the losses of the decoded photos."""
        latents = self.vae.encode(batch["image"]).latent_dist.sample(generator)
        return autoencoder_losses(self.vae.decode(latents).sample.float(), batch["image"])

    def preview(self, batch: Mapping[str, Tensor]) -> Tensor:
        """Return photos above their reconstructions."""
        photos = batch["image"][:8]
        decoded = self.vae.decode(self.vae.encode(photos).latent_dist.mode()).sample
        rows = [torch.cat(list(images), dim=2) for images in (photos, decoded)]
        return ((torch.cat(rows, dim=1).clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)


class TextToImageObjective(Objective):
    """The usual loss of latent diffusion; the caller decides which networks are frozen.

    Args:
        pipeline: A ``StableDiffusionPipeline``.
        caption_dropout: Probability of an empty caption, for classifier-free guidance.
        held_out: A batch for validation, or None.
    """

    def __init__(
        self,
        pipeline: Any,
        *,
        caption_dropout: float = 0.1,
        held_out: Mapping[str, Tensor] | None = None,
    ) -> None:
        super().__init__()
        self.vae = pipeline.vae.requires_grad_(False)
        self.text_encoder = pipeline.text_encoder
        self.unet = pipeline.unet
        self._schedule = DDIMScheduler.from_config(pipeline.scheduler.config)
        self._caption_dropout = caption_dropout
        self._held_out = held_out
        self._empty = torch.as_tensor(empty_tokens(pipeline.tokenizer))

    def train(self, mode: bool = True) -> TextToImageObjective:
        """Set the mode of all but the autoencoder: its normalisation keeps its statistics."""
        super().train(mode)
        self.vae.eval()
        return self

    def forward(self, batch: Mapping[str, Tensor], generator: torch.Generator) -> dict[str, Tensor]:
        """Return the mean squared error of the U-Net's output, at random timesteps."""
        latents = encode(self.vae, batch["image"])
        count, device = len(latents), latents.device
        drawn = torch.rand(count, generator=generator, device=device)
        dropped = torch.rand(count, generator=generator, device=device) < self._caption_dropout
        tokens = torch.where(dropped[:, None], self._empty.to(device), batch["tokens"])
        timesteps = (drawn * self._schedule.config.num_train_timesteps).long()
        return {"noise": self._loss(latents, tokens, timesteps, generator)}

    def validate(self) -> dict[str, float]:
        """Return the same loss on held-out photos, at timesteps that cover the schedule evenly."""
        if self._held_out is None:
            return {}
        device = next(self.unet.parameters()).device
        batch = {name: value.to(device) for name, value in self._held_out.items()}
        count = len(batch["image"])
        steps = self._schedule.config.num_train_timesteps
        timesteps = ((torch.arange(count, device=device) + 0.5) * steps / count).long()
        generator = torch.Generator(device).manual_seed(0)
        latents = encode(self.vae, batch["image"])
        return {"noise": float(self._loss(latents, batch["tokens"], timesteps, generator))}

    def identity(self) -> dict[str, Any]:
        """Return the settings, the number of trained parameters, and some weights of the base."""
        return {
            "caption_dropout": self._caption_dropout,
            "trained": sum(one.requires_grad for one in self.parameters()),
            "base": sample_weights(self.unet),
        }

    def _loss(
        self, latents: Tensor, tokens: Tensor, timesteps: Tensor, generator: torch.Generator
    ) -> Tensor:
        noise = torch.randn(latents.shape, generator=generator, device=latents.device)
        noisy = self._schedule.add_noise(latents, noise, timesteps)
        context = self.text_encoder(tokens)[0]
        output = self.unet(noisy, timesteps, context).sample.float()
        kind = self._schedule.config.prediction_type
        wanted = {"epsilon": noise, "sample": latents}.get(kind)
        if wanted is None:
            wanted = self._schedule.get_velocity(latents, noise, timesteps)
        loss: Tensor = functional.mse_loss(output, wanted)
        return loss


class GainObjective(Objective):
    """Trains the gain predictor to restore the detail that sampling loses; all else is frozen.

    A true latent is noised, the sampler takes one step from there, and the network estimates the
    clean latent from the result. The target is the estimate of the same network from the true
    latent, noised to that timestep. The loss is the mean absolute difference between the
    logarithms of their band deviations, after the gains.

    Args:
        pipeline: Base and LoRA.
        predictor: The network that is trained.
        steps: Number of sampling steps that it is made for; decides the length of a step.
        lora: Identifies the LoRA, such as the hash of its file.
    """

    def __init__(
        self, pipeline: Any, predictor: GainPredictor, *, steps: int, lora: str = ""
    ) -> None:
        super().__init__()
        self.vae = pipeline.vae.requires_grad_(False)
        self.text_encoder = pipeline.text_encoder.requires_grad_(False)
        self.unet = pipeline.unet.requires_grad_(False)
        self.predictor = predictor
        self._schedule = DDIMScheduler.from_config(pipeline.scheduler.config)
        self._steps = steps
        self._identity = {"steps": steps, "lora": lora, "base": sample_weights(pipeline.unet)}

    def train(self, mode: bool = True) -> GainObjective:
        """Set the mode of the predictor only."""
        super().train(mode)
        for frozen in (self.vae, self.text_encoder, self.unet):
            frozen.eval()
        return self

    def forward(self, batch: Mapping[str, Tensor], generator: torch.Generator) -> dict[str, Tensor]:
        """Return the loss of a batch of `TextBatches`."""
        timesteps = self._schedule.config.num_train_timesteps
        stride = timesteps // self._steps
        with torch.no_grad():
            latents = encode(self.vae, batch["image"])
            context = self.text_encoder(batch["tokens"])[0]
            drawn = torch.rand(len(latents), generator=generator, device=latents.device)
            later = stride + (drawn * (timesteps - stride)).long()
            earlier = later - stride
            noise = torch.randn(latents.shape, generator=generator, device=latents.device)
            start = self._schedule.add_noise(latents, noise, later)
            first = estimate(self.unet, self._schedule, start, later, context)
            alpha, before = (
                levels(self._schedule, later, latents),
                levels(self._schedule, earlier, latents),
            )
            direction = (start - alpha.sqrt() * first) / (1 - alpha).sqrt()
            arrived = before.sqrt() * first + (1 - before).sqrt() * direction
            forced = self._schedule.add_noise(latents, noise, earlier)
            found = estimate(self.unet, self._schedule, arrived, earlier, context)
            wanted = estimate(self.unet, self._schedule, forced, earlier, context)
            has = band_deviations(split_bands(found, LEVELS))
            should = band_deviations(split_bands(wanted, LEVELS))
        gains = self.predictor(has, earlier / timesteps)
        return {"energy": (has.log() + gains - should.log()).abs().mean()}

    def identity(self) -> dict[str, Any]:
        """Return the number of steps, and what identifies the frozen networks."""
        return self._identity


def encode(vae: Any, images: Tensor) -> Tensor:
    """Return the scaled latents of images in [-1, 1]: the posterior's mode."""
    with torch.no_grad():
        latents: Tensor = vae.encode(images).latent_dist.mode() * vae.config.scaling_factor
    return latents.float()


def estimate(unet: Any, schedule: Any, noisy: Tensor, timesteps: Tensor, context: Tensor) -> Tensor:
    """Return a U-Net's estimate of the clean latents, (B, C, h, w)."""
    output = unet(noisy, timesteps, context).sample.float()
    alpha = levels(schedule, timesteps, noisy)
    return estimate_clean(output, noisy, alpha, schedule.config.prediction_type)


def levels(schedule: Any, timesteps: Tensor, like: Tensor) -> Tensor:
    """Return the cumulative alphas at timesteps, (B, 1, 1, 1); dtype and device as ``like``."""
    alphas: Tensor = schedule.alphas_cumprod.to(like)
    return alphas[timesteps][:, None, None, None]


def empty_tokens(tokenizer: Any) -> Any:
    """Return the tokens of an empty caption, (L,)."""
    from .tokens import tokenize

    return tokenize([""], tokenizer)[0]
