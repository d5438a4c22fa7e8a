"""From images to the inputs of the networks, shared by training and sampling."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from .contexts import ALIGNED
from .image_encoder import GarmentEncoder
from .ldn import LDN
from .pipeline_folder import Background

# Of CLIP's image processor.
_CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
_CLIP_STD = (0.26862954, 0.26130258, 0.27577711)


def cover_background(garment: Tensor, mask: Tensor, background: Background) -> Tensor:
    """Return garments with the background that the model expects.

    Args:
        garment: (B, 3, H, W) in [-1, 1].
        mask: (B, 1, H, W), 1 on the garment's visible pixels.
        background: ``"keep"`` leaves it, ``"mean"`` fills it with the garment's mean colour, so
            that diffusion starts from cloth only.
    """
    if background == "keep":
        return garment
    area = mask.sum(dim=(2, 3), keepdim=True).clamp(min=1)
    mean = (garment * mask).sum(dim=(2, 3), keepdim=True) / area
    return garment * mask + mean * (1 - mask)


def encode(vae: Any, images: Tensor) -> Tensor:
    """Return the scaled latents of images: the posterior's mode, times the scaling factor."""
    posterior = vae.encode(images.to(vae.dtype)).latent_dist
    latents: Tensor = posterior.mode() * vae.config.scaling_factor
    return latents


def decode(vae: Any, latents: Tensor) -> Tensor:
    """Return the images of scaled latents, not clipped."""
    images: Tensor = vae.decode(latents.to(vae.dtype) / vae.config.scaling_factor).sample
    return images


def carried_over(vae: Any, images: Tensor, latents: Tensor, track_labels: Tensor) -> Tensor:
    """Return the detail that is lost in the latents: the images minus the decoded latents.

    It is in the garment's frame; where the canonical tile is wanted, it is zero.

    Args:
        vae: The autoencoder.
        images: (B, 3, H, W) in [-1, 1].
        latents: From `encode`.
        track_labels: Of the wanted patterns, (B,), from `label_tracks`.
    """
    aligned = (track_labels == ALIGNED)[:, None, None, None]
    return (images - decode(vae, latents).to(images.dtype)) * aligned


def embed(image_encoder: Any, garment: Tensor) -> Tensor:
    """Return one embedding per garment, (B, D), by CLIP's vision model or a `GarmentEncoder`.

    Args:
        image_encoder: Either.
        garment: The garment's box crop, (B, 3, H, W) in [-1, 1].
    """
    if isinstance(image_encoder, GarmentEncoder):
        embedding: Tensor = image_encoder.embed(garment.to(image_encoder.dtype))
        return embedding
    size = (image_encoder.config.image_size,) * 2
    pixels = functional.interpolate(garment / 2 + 0.5, size, mode="bicubic", antialias=True)
    mean = torch.tensor(_CLIP_MEAN, device=pixels.device)[:, None, None]
    std = torch.tensor(_CLIP_STD, device=pixels.device)[:, None, None]
    pixels = ((pixels.clamp(0, 1) - mean) / std).to(image_encoder.dtype)
    pooled: Tensor = image_encoder(pixel_values=pixels).pooler_output
    return pooled


def read_features(ldn: LDN, garment_latents: Tensor, factor: float) -> dict[str, Tensor]:
    """Return the LDN's features of scaled garment latents.

    Args:
        ldn: The network.
        garment_latents: From `encode`.
        factor: 1 for networks trained here; 0.5 for networks of the public release.
    """
    features: dict[str, Tensor] = ldn((garment_latents * factor).to(ldn.dtype))
    return features
