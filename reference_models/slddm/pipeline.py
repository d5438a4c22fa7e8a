"""Garment photo in, flat textile pattern out: the diffusion pipeline of SLDDM-TPG."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from diffusers import DDIMScheduler, DiffusionPipeline
from diffusers.image_processor import VaeImageProcessor
from diffusers.pipelines.pipeline_utils import ImagePipelineOutput
from diffusers.utils.torch_utils import randn_tensor
from torch import Tensor

from ...core.errors import TpgbenchError
from ...datasets_builders.base import Track
from ..shared.autoencoder import PatchAutoencoder
from .conditioner import Conditioner
from .contexts import (
    TRACKS,
    known_channels,
    label_tracks,
    negative_context,
    noisy_channels,
    positive_context,
    predict,
)
from .image_encoder import GarmentEncoder
from .latents import carried_over, cover_background, decode, embed, encode, read_features
from .ldn import LDN
from .unet import SLDDMUNet

# diffusers loads a part only from a module that is imported already: the class of a checkpoint's
# autoencoder and of its image encoder must be, wherever this one is.
__all__ = ["GarmentEncoder", "PatchAutoencoder", "SLDDMPipeline"]


class SLDDMPipeline(DiffusionPipeline):  # type: ignore[misc]  # diffusers is untyped
    """SLDDM-TPG, arXiv 2603.16747.

    Args:
        vae: ``AutoencoderKL`` or `PatchAutoencoder`.
        unet: The denoiser.
        ldn: The latent disentangled network.
        conditioner: Maps embeddings and features to the U-Net's contexts.
        image_encoder: CLIP's vision model, or `GarmentEncoder`.
        scheduler: Any that has ``add_noise``; the paper samples with DDIM.
        size: The side in pixels that the networks were trained at.
        background: Around the garment, ``"keep"`` or ``"mean"``: see `cover_background`.
        ldn_factor: Multiplies scaled latents for the LDN: 1, or 0.5 for networks of the public
            release.
        negative: Guidance steers away from this feature: ``"defect"`` or ``"structured"``.
        fill: Whether the garment latent is of an image that fills the frame, made from the
            garment beforehand: the extension ``slddm-fill``, not the paper. The detail of that
            image that the autoencoder loses is added to the pattern, so that the networks only
            correct it.
        signal_scaled: Whether noisy latents are scaled by their share of the clean latent: see
            `noisy_channels`.
        steps: Default number of denoising steps.
    """

    model_cpu_offload_seq = "image_encoder->vae->ldn->conditioner->unet->vae"

    def __init__(
        self,
        *,
        vae: Any,
        unet: SLDDMUNet,
        ldn: LDN,
        conditioner: Conditioner,
        image_encoder: Any,
        scheduler: Any,
        size: int = 512,
        background: str = "keep",
        ldn_factor: float = 1.0,
        negative: str = "defect",
        fill: bool = False,
        signal_scaled: bool = False,
        steps: int = 50,
    ) -> None:
        super().__init__()
        self.register_modules(
            vae=vae,
            unet=unet,
            ldn=ldn,
            conditioner=conditioner,
            image_encoder=image_encoder,
            scheduler=scheduler,
        )
        self.register_to_config(
            size=size,
            background=background,
            ldn_factor=ldn_factor,
            negative=negative,
            fill=fill,
            signal_scaled=signal_scaled,
            steps=steps,
        )
        self.image_processor = VaeImageProcessor()

    @torch.no_grad()
    def __call__(
        self,
        garment: Tensor,
        mask: Tensor,
        fill: Tensor | None = None,
        *,
        tracks: Sequence[Track] | None = None,
        num_inference_steps: int | None = None,
        guidance_scale: float = 1.0,
        strength: float = 1.0,
        generator: torch.Generator | Sequence[torch.Generator] | None = None,
        output_type: str = "pil",
        return_dict: bool = True,
    ) -> ImagePipelineOutput | tuple[Any]:
        """Generate the patterns of garments.

        Args:
            garment: The box crops, (B, 3, S, S) in [-1, 1]; S divisible by 8.
            mask: (B, 1, S, S), 1 on the garment's visible pixels.
            fill: The filled garments, shaped as ``garment``, for a pipeline with ``fill``.
            tracks: The wanted track of each garment, for a U-Net trained on both; None for
                ``"aligned"``.
            num_inference_steps: Denoising steps; None for the pipeline's default.
            guidance_scale: 1 for no guidance; more steers away from the negative branch, with
                twice the network calls.
            strength: Share of the noise that is added to the garment latent: 1 for all of it
                (t=999).
            generator: One, or one per garment: then no pattern depends on the rest of the batch.
            output_type: ``"pil"``, ``"np"``, ``"pt"`` or ``"latent"``.
            return_dict: Whether to return ``ImagePipelineOutput`` or a tuple.

        Returns:
            ``images``: a list of PIL images, or an array (B, S, S, 3) or a tensor (B, 3, S, S) in
            [0, 1], or scaled latents.

        Raises:
            TpgbenchError: Unsupported sizes, a fill that is missing or not expected, or not one
                track per garment.
        """
        tracks = ["aligned"] * len(garment) if tracks is None else tracks
        self._check(garment, mask, fill, tracks)
        labels = label_tracks(tracks).to(self.device)
        garment, mask = garment.to(self.device), mask.to(self.device)
        cloth = cover_background(garment, mask, self.config.background)
        garment_latents = encode(self.vae, cloth)
        features = read_features(self.ldn, garment_latents, self.config.ldn_factor)
        embedding = embed(self.image_encoder, cloth)
        context = positive_context(self.conditioner, embedding, features, labels)
        guided = guidance_scale != 1
        negative = negative_context(self.conditioner, features, labels, self.config.negative)
        source, beyond = garment_latents, None
        if fill is not None:
            fill = fill.to(self.device)
            source = encode(self.vae, fill)
            beyond = carried_over(self.vae, fill, source, labels)
        frame = known_channels(source, mask, garment_latents if self.config.fill else None)

        generators = list(generator) if isinstance(generator, Sequence) else generator
        timesteps = self._timesteps(num_inference_steps or self.config.steps, strength)
        noise = randn_tensor(source.shape, generators, self.device, source.dtype)
        latents = self.scheduler.add_noise(source, noise, timesteps[:1])
        extra = self._step_arguments(generators)
        scales = self.config.signal_scaled
        for timestep in self.progress_bar(timesteps):
            scaled = self.scheduler.scale_model_input(latents, timestep)
            scaled = noisy_channels(scaled, self._kept(timestep) if scales else None)
            predicted = predict(self.unet, scaled, frame, timestep, context)
            if guided:
                away = predict(self.unet, scaled, frame, timestep, negative)
                predicted = away + guidance_scale * (predicted - away)
            latents = self.scheduler.step(predicted, timestep, latents, **extra).prev_sample
        if output_type == "latent":
            images: Any = latents
        else:
            pixels = decode(self.vae, latents).float()
            if beyond is not None:
                pixels = pixels + beyond.float()
            images = self.image_processor.postprocess(pixels, output_type=output_type)
        self.maybe_free_model_hooks()
        return ImagePipelineOutput(images=images) if return_dict else (images,)

    def _check(
        self, garment: Tensor, mask: Tensor, fill: Tensor | None, tracks: Sequence[Track]
    ) -> None:
        height, width = garment.shape[-2:]
        if height != width or width % 8:
            raise TpgbenchError(
                f"garments of {width} x {height} px: give squares whose side is divisible by 8"
            )
        if mask.shape[-2:] != garment.shape[-2:] or len(mask) != len(garment):
            raise TpgbenchError(
                f"masks of shape {tuple(mask.shape)} for garments of shape "
                f"{tuple(garment.shape)}: give one mask per garment, of its size"
            )
        if len(tracks) != len(garment) or not set(tracks) <= set(TRACKS):
            raise TpgbenchError(
                f"tracks {tracks!r} for {len(garment)} garments: give each 'aligned' or 'unaligned'"
            )
        if (fill is not None) != self.config.fill:
            wanted = "needs a filled garment (fill=)" if self.config.fill else "takes no fill"
            raise TpgbenchError(f"this pipeline {wanted}: see its model card")

    def _timesteps(self, steps: int, strength: float) -> Tensor:
        """Return the timesteps: as many as requested, starting at the strength."""
        if not 0 < strength <= 1 or steps < 1:
            raise TpgbenchError(
                f"strength {strength}, {steps} steps: give 0 < strength <= 1, steps >= 1"
            )
        self.scheduler.set_timesteps(max(steps, round(steps / strength)), device=self.device)
        timesteps: Tensor = self.scheduler.timesteps[-steps:]
        if hasattr(self.scheduler, "set_begin_index"):
            self.scheduler.set_begin_index(len(self.scheduler.timesteps) - steps)
        return timesteps

    def _kept(self, timestep: Tensor) -> Tensor:
        kept: Tensor = self.scheduler.alphas_cumprod[timestep.long().cpu()]
        return kept.to(self.device, self.unet.dtype)

    def _step_arguments(self, generator: Any) -> dict[str, Any]:
        # DDIM draws nothing at eta 0; ancestral schedulers draw from the samples' own generators.
        if isinstance(self.scheduler, DDIMScheduler):
            return {"eta": 0.0}
        accepts = "generator" in self.scheduler.step.__code__.co_varnames
        return {"generator": generator} if accepts else {}
