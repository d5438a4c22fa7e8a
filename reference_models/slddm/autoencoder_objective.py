"""Stage 0 of the tiny preset: the autoencoder, and the encoder that replaces CLIP and VGG."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from ..shared.autoencoder import PatchAutoencoder
from ..shared.image_losses import autoencoder_losses
from ..training.objective import Objective
from .image_encoder import GarmentEncoder
from .latents import cover_background
from .losses import info_nce
from .pipeline_folder import Background


class AutoencoderObjective(Objective):
    """Both networks learn from the same images, independently of each other.

    Args:
        vae: Trained to reconstruct garments and patterns.
        encoder: Trained to match garments with their patterns.
        background: Around the garments, as in the later stages.
    """

    def __init__(
        self, vae: PatchAutoencoder, encoder: GarmentEncoder, background: Background
    ) -> None:
        super().__init__()
        self.vae = vae
        self.encoder = encoder
        self._background = background

    def forward(self, batch: Mapping[str, Tensor], generator: torch.Generator) -> dict[str, Tensor]:
        """Return the weighted losses of a batch of `TpgBatches`."""
        cloth = cover_background(batch["garment"], batch["mask"], self._background)
        kinds = [cloth, batch["pattern"]] + ([batch["fill"]] if "fill" in batch else [])
        # One image per row: another row adds more than another image of the same cloth.
        pick = torch.randint(len(kinds), (len(cloth),), generator=generator, device=cloth.device)
        images = torch.stack(kinds)[pick, torch.arange(len(cloth), device=cloth.device)]
        latents = self.vae.encode(images).latent_dist.sample(generator)
        losses = autoencoder_losses(self.vae.decode(latents).sample.float(), images)
        losses["match"] = info_nce(self.encoder.embed(cloth), self.encoder.embed(batch["pattern"]))
        return losses

    def preview(self, batch: Mapping[str, Tensor]) -> Tensor:
        """Return patterns above their reconstructions."""
        patterns = batch["pattern"][:8]
        decoded = self.vae.decode(self.vae.encode(patterns).latent_dist.mode()).sample
        rows = [torch.cat(list(images), dim=2) for images in (patterns, decoded)]
        return ((torch.cat(rows, dim=1).clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
