"""Stage 2 of SLDDM-TPG: the latent diffusion model and its semi-supervised losses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from diffusers import DDIMScheduler
from torch import Tensor
from torch.nn import functional

from ..shared.estimate import estimate_clean
from ..shared.image_losses import gradient_loss, l1_loss, masked_mse, ssim_loss
from ..training.objective import Objective, ParameterGroup
from .contexts import (
    ALIGNED,
    Context,
    known_channels,
    negative_context,
    noisy_channels,
    positive_context,
    predict,
)
from .held_out import HeldOut
from .image_encoder import GarmentEncoder
from .latents import carried_over, cover_background, decode, embed, encode, read_features
from .ldn import LDN
from .losses import (
    convolutional_local_similarity_loss,
    perceptual_loss,
    stable_transformation_losses,
)
from .pipeline import SLDDMPipeline
from .settings import DiffusionSettings
from .vgg import VggFeatures


@dataclass(frozen=True)
class _Inputs:
    """One batch as latents.

    ``cloth`` is the garment as the networks see it, ``source`` the latent that diffusion starts
    from, ``beyond`` the residual image that is added to a decoded estimate.
    """

    cloth: Tensor
    mask: Tensor
    pattern: Tensor
    labelled: Tensor
    source: Tensor
    target: Tensor
    known: Tensor
    context: Context
    hidden: Tensor
    beyond: Tensor | None


class DiffusionObjective(Objective):
    """The S-LDM: it learns from the patterns of labelled rows, and from the garments of all rows.

    A *noise* row is a noised pattern latent; its loss is that of the U-Net's prediction. An
    *estimate* row is a noised garment latent, which is also where sampling starts; its losses are
    those of the decoded one-step estimate. The paper makes both of each labelled row; with
    ``settings.estimate_share`` a row is one or the other, at half the cost.

    Args:
        pipeline: The networks; its U-Net and conditioner are trained.
        settings: Losses, their weights, and ablations.
        held_out: Validates the pipeline, or None.
    """

    def __init__(
        self,
        pipeline: SLDDMPipeline,
        settings: DiffusionSettings,
        held_out: HeldOut | None = None,
    ) -> None:
        super().__init__()
        self.unet = pipeline.unet
        self.conditioner = pipeline.conditioner
        self.vae = pipeline.vae.requires_grad_(False)
        self.ldn: LDN = pipeline.ldn.requires_grad_(False)
        self.image_encoder = pipeline.image_encoder.requires_grad_(False)
        own = isinstance(self.image_encoder, GarmentEncoder)
        self.vgg = VggFeatures() if settings.weights.perceptual and not own else None
        if settings.train_backbone:
            self.unet.requires_grad_(True)
        else:
            self.unet.freeze_backbone()
        self._pipeline = pipeline
        self._signal_scaled = pipeline.config.signal_scaled
        self._settings = settings
        self._held_out = held_out
        schedule = DDIMScheduler.from_config(pipeline.scheduler.config)
        self._prediction = schedule.config.prediction_type
        self.alphas: Tensor
        self.register_buffer("alphas", schedule.alphas_cumprod, persistent=False)

    def train(self, mode: bool = True) -> DiffusionObjective:
        """Set the mode of the trained parts only: frozen BatchNorm keeps its statistics."""
        super().train(mode)
        for frozen in (self.vae, self.ldn, self.image_encoder):
            frozen.eval()
        return self

    def forward(self, batch: Mapping[str, Tensor], generator: torch.Generator) -> dict[str, Tensor]:
        """Return the weighted losses of a batch of `TpgBatches`."""
        inputs = self._inputs(batch, generator)
        noise_rows, estimate_rows = self._roles(inputs.labelled, generator)
        rows = torch.cat([noise_rows, estimate_rows])
        starts = torch.cat([inputs.target[noise_rows], inputs.source[estimate_rows]])
        timesteps = self._timesteps(len(noise_rows), len(estimate_rows), generator)
        noise = torch.randn(starts.shape, generator=generator, device=starts.device)
        alpha = self.alphas[timesteps][:, None, None, None]
        keep, spread = alpha.sqrt(), (1 - alpha).sqrt()
        noisy = keep * starts + spread * noise
        seen = noisy_channels(noisy, keep.square() if self._signal_scaled else None)
        predicted = predict(
            self.unet, seen, inputs.known[rows], timesteps, inputs.context[rows]
        ).float()
        noise_count = len(noise_rows)
        losses: dict[str, Tensor] = {}
        if noise_count:
            wanted = self._target(starts, noise, keep, spread)[:noise_count]
            losses["noise"] = functional.mse_loss(predicted[:noise_count], wanted)
        if len(estimate_rows):
            estimate = estimate_clean(predicted, noisy, alpha, self._prediction)[noise_count:]
            losses |= self._estimate_losses(inputs, estimate_rows, estimate, generator)
        weights = self._settings.weights
        absent = predicted.new_zeros(())  # a batch may have no row of one kind
        return {name: factor * losses.get(name, absent) for name, factor in weights if factor}

    def parameter_groups(self) -> list[ParameterGroup]:
        """Return the U-Net's and the conditioner's trainable parameters."""
        trained = [*self.unet.parameters(), *self.conditioner.parameters()]
        return [ParameterGroup(tuple(one for one in trained if one.requires_grad))]

    def identity(self) -> dict[str, Any]:
        """Return the settings of the losses and of the pipeline."""
        config = self._pipeline.config
        pipeline = {name: config[name] for name in ("fill", "background", "signal_scaled")}
        return {"settings": self._settings.model_dump(), **pipeline}

    def preview(self, batch: Mapping[str, Tensor]) -> Tensor | None:
        """Return a grid of held-out garments and their patterns."""
        return None if self._held_out is None else self._held_out.picture(self._pipeline)

    def validate(self) -> dict[str, float]:
        """Return the validation metrics."""
        return {} if self._held_out is None else self._held_out.metrics(self._pipeline)

    def _inputs(self, batch: Mapping[str, Tensor], generator: torch.Generator) -> _Inputs:
        settings, config = self._settings, self._pipeline.config
        mask = batch["mask"]
        # The target of an unlabelled row is the garment as worn, which is aligned.
        tracks = batch["track_labels"].masked_fill(~batch["labelled"], ALIGNED)
        with torch.no_grad():
            cloth = cover_background(batch["garment"], mask, config.background)
            garment_latents = encode(self.vae, cloth).float()
            features = read_features(self.ldn, garment_latents, config.ldn_factor)
            embedding = embed(self.image_encoder, cloth)
            source, beyond = garment_latents, None
            if config.fill:
                source = encode(self.vae, batch["fill"]).float()
                beyond = carried_over(self.vae, batch["fill"], source, tracks)
            target = encode(self.vae, batch["pattern"]).float()
        if not settings.content:
            features["content"] = torch.zeros_like(features["content"])
        if not settings.structured:
            features["structured"] = torch.zeros_like(features["structured"])
        dropped = self._chance(settings.context_dropout, len(mask), generator)
        context = positive_context(self.conditioner, embedding, features, tracks).where(
            ~dropped, negative_context(self.conditioner, features, tracks, config.negative)
        )
        blank = self._chance(settings.garment_dropout, len(mask), generator)
        seen = source.masked_fill(blank[:, None, None, None], 0)
        extra = garment_latents.masked_fill(blank[:, None, None, None], 0) if config.fill else None
        return _Inputs(
            cloth=cloth,
            mask=mask,
            pattern=batch["pattern"],
            labelled=batch["labelled"],
            source=seen,
            target=target,
            known=known_channels(seen, mask, extra),
            context=context,
            hidden=features["hidden"],
            beyond=beyond,
        )

    def _roles(self, labelled: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return the indices of the noise rows and of the estimate rows."""
        share = self._settings.estimate_share
        if share is None:
            return labelled.nonzero()[:, 0], torch.arange(len(labelled), device=labelled.device)
        estimate = self._chance(share, len(labelled), generator) | ~labelled
        return (~estimate).nonzero()[:, 0], estimate.nonzero()[:, 0]

    def _timesteps(self, noise: int, estimate: int, generator: torch.Generator) -> Tensor:
        settings, last = self._settings, len(self.alphas) - 1
        device = generator.device
        earliest = torch.zeros(noise + estimate, device=device)
        earliest[noise:] = settings.estimate_from
        drawn = torch.rand(noise + estimate, generator=generator, device=device)
        timesteps = (earliest + drawn * (last + 1 - earliest)).long()
        full = self._chance(settings.full_noise_share, noise + estimate, generator)
        return timesteps.masked_fill(full, last)

    def _chance(self, share: float, count: int, generator: torch.Generator) -> Tensor:
        return torch.rand(count, generator=generator, device=generator.device) < share

    def _target(self, clean: Tensor, noise: Tensor, keep: Tensor, spread: Tensor) -> Tensor:
        """Return the target of the U-Net, by the scheduler's prediction type."""
        if self._prediction == "epsilon":
            return noise
        return clean if self._prediction == "sample" else keep * noise - spread * clean

    def _estimate_losses(
        self, inputs: _Inputs, rows: Tensor, estimate: Tensor, generator: torch.Generator
    ) -> dict[str, Tensor]:
        """Return the losses of decoded estimates against the pattern, or else the garment."""
        weights = self._settings.weights
        labelled = inputs.labelled[rows]
        shown = labelled[:, None, None, None]
        wanted = torch.where(shown, inputs.pattern[rows], inputs.cloth[rows])
        judged = torch.where(shown, 1.0, inputs.mask[rows])
        images = decode(self.vae, estimate).float()
        if inputs.beyond is not None:
            images = images + inputs.beyond[rows]
        losses = {"mse": masked_mse(images, wanted, judged)}
        if weights.perceptual:
            both = images * judged, wanted * judged
            features = self.image_encoder.features if self.vgg is None else self.vgg
            losses["perceptual"] = perceptual_loss(features, *both)
        # A single estimate has no pairs; only a batch size of 1 is an error.
        if (weights.std or weights.std_cross) and (len(rows) > 1 or len(inputs.labelled) == 1):
            features = read_features(self.ldn, estimate, self._pipeline.config.ldn_factor)
            losses["std"], losses["std_cross"] = stable_transformation_losses(
                inputs.hidden[rows].float(), features["hidden"].float()
            )
        if labelled.any():
            pair = images[labelled], wanted[labelled]
            losses |= self._pattern_losses(*pair, generator)
        return losses

    def _pattern_losses(
        self, images: Tensor, patterns: Tensor, generator: torch.Generator
    ) -> dict[str, Tensor]:
        settings = self._settings
        losses: dict[str, Tensor] = {}
        if settings.weights.cls:
            losses["cls"] = convolutional_local_similarity_loss(
                images,
                patterns,
                generator=generator,
                kernels=settings.cls_kernels,
                kernel_size=settings.cls_kernel_size,
                stride=settings.cls_stride,
            )
        if settings.weights.l1:
            losses["l1"] = l1_loss(images, patterns)
        if settings.weights.gradient:
            losses["gradient"] = gradient_loss(images, patterns)
        if settings.weights.ssim:
            losses["ssim"] = ssim_loss(images, patterns)
        return losses
